"""Heard noes: what people have refused an account, as it told us, and the stores at which that counts."""

from django.db import models
from django.utils import timezone

from integrations.models import Connection
from referrals import person_key
from referrals.models import Store


class ServedStore(models.Model):
    """A store that an account serves, or has served: what people refuse the account they refuse the store."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="served_stores")
    store = models.ForeignKey(Store, models.CASCADE, related_name="+")
    heard_reached = models.BigIntegerField(default=0, help_text="The last of what was heard that the store has, too.")
    heard_at = models.DateTimeField(null=True, help_text="When the store had all that was heard before it was joined.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "store"], name="one_row_per_account_and_store"),
        ]
        indexes = [
            models.Index(fields=["store"], name="stores_yet_to_hear", condition=models.Q(heard_at=None)),
        ]

    def __str__(self) -> str:
        return f"Store {self.store_id} of {self.connection_id}"


class HeardNo(models.Model):
    """A person's no to an account itself: the last of its kind.

    It stays by their key, as any no does. The address is kept for a while, for who is to be told of it.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="heard_noes")
    person = models.CharField(max_length=64, help_text="The key of who said it.")
    key_version = models.PositiveSmallIntegerField(default=person_key.VERSION)
    is_complaint = models.BooleanField(default=False)
    email = models.CharField(max_length=254, blank=True)
    happened_at = models.DateTimeField()
    heard_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "person", "key_version", "is_complaint"], name="one_heard_no_of_a_kind"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "id"], name="heard_noes_of_an_account"),
            models.Index(fields=["person"], name="heard_noes_by_key"),
            models.Index(fields=["heard_at"], name="heard_noes_to_forget", condition=~models.Q(email="")),
        ]

    def __str__(self) -> str:
        return f"{self.person[:8]} at {self.connection_id}"
