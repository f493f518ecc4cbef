"""Property names: what our properties are called at an account, of one person and one of their programs."""

from django.db import models

from integrations.models import Connection
from referrals import person_key
from referrals.models import Advocate


class PropertyName(models.Model):
    """What the names begin with. No two programs of a person have the same, so that neither writes over the other."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="property_names")
    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="property_names")
    person = models.CharField(max_length=64, help_text="The person's key: whose profile it is.")
    key_version = models.PositiveSmallIntegerField(
        default=person_key.VERSION, db_default=person_key.VERSION, editable=False
    )
    prefix = models.CharField(max_length=128)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "advocate"], name="one_prefix_per_advocate"),
            models.UniqueConstraint(
                fields=["person", "key_version", "connection", "prefix"], name="one_advocate_per_prefix"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… of advocate {self.advocate_id}"
