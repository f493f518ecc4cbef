"""Model of the day on which a provider ends a revision of its API."""

from django.db import models


class Retirement(models.Model):
    """The day on which a provider ends a revision of its API, by the word of its own answers."""

    provider = models.SlugField()
    revision = models.CharField(max_length=32)
    retires_on = models.DateField()
    noted_at = models.DateTimeField(help_text="When an answer last said so.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "revision"], name="one_end_of_a_revision")]

    def __str__(self) -> str:
        return f"{self.provider} {self.revision} ends on {self.retires_on}"
