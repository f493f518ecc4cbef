"""Submissions: public forms as they were sent, until a worker has carried them out."""

from django.db import models
from django.db.models.functions import Lower, Now

from referrals import text
from referrals.models.addresses import AddressField
from referrals.models.stores import Program, Store


class Submission(models.Model):
    """What somebody asked for by a public form: to join a program, a store's newsletter, or both.

    One row for whoever asks, so that neither the answer nor its time tells who is known already.
    """

    store = models.ForeignKey(Store, models.CASCADE, related_name="+")
    program = models.ForeignKey(
        Program, models.CASCADE, null=True, blank=True, related_name="+", help_text="Which program to join, if any."
    )
    email = AddressField("e-mail", max_length=text.LONGEST_EMAIL)
    first_name = models.CharField(max_length=150, blank=True)
    wishes = models.JSONField(default=list, blank=True, help_text="Each ticked box: channel, its words, and the phone.")
    place = models.CharField(max_length=200)
    occurred_at = models.DateTimeField(db_default=Now(), help_text="By the database's clock.")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index("next_try_at", name="submissions_that_are_due"),
            models.Index(Lower("email"), name="submissions_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"Submission {self.pk}"
