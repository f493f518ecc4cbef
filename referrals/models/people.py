"""Advocates: the people of a program, who refer friends."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from referrals import codes, text
from referrals.models.addresses import AddressField
from referrals.models.facts import Fact
from referrals.models.stores import Program


class Advocate(Fact):
    """A person in a program, who refers friends; `occurred_at` is when they joined."""

    class Role(models.TextChoices):
        ADVOCATE = "advocate", "Advocate"
        AFFILIATE = "affiliate", "Affiliate"

    program = models.ForeignKey(Program, models.PROTECT, related_name="advocates")
    email = AddressField("e-mail", max_length=text.LONGEST_EMAIL)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    phone = models.CharField(max_length=100, blank=True, help_text="As it was given, which may not be a number.")
    locale = models.CharField("language", max_length=35, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.ADVOCATE)
    tier = models.CharField(max_length=100, blank=True)
    by_anybody = models.BooleanField(
        "typed into a public form", default=False, help_text="By whom is not known: perhaps not by this person."
    )
    referral_code = models.CharField(max_length=codes.LONGEST, unique=True, default=codes.new, editable=False)

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [models.UniqueConstraint("program", Lower("email"), name="one_person_per_email_and_program")]
        indexes = [models.Index(Lower("email"), name="memberships_of_a_person")]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.referral_code

    @property
    def share_link(self) -> str:
        return f"{settings.SITE_URL.rstrip('/')}/r/{self.referral_code}"
