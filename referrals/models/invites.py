"""Invites, their reminders, and visits to the shop."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import codes, text
from referrals.models.addresses import AddressField
from referrals.models.facts import URL_LENGTH, Channel, Fact
from referrals.models.people import Advocate


class Invite(Fact):
    """An advocate's invitation to one friend."""

    class Closing(models.TextChoices):
        VISITED = "visited", "The friend came"
        CONVERTED = "converted", "The friend bought"
        OPTED_OUT = "opted_out", "The friend said no"
        EXPIRED = "expired", "It expired"
        ERASED = "erased", "A person was erased"

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="invites")
    recipient_email = AddressField("friend's e-mail", max_length=text.LONGEST_EMAIL)
    recipient_name = models.CharField("friend's name", max_length=150, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    went_out_at = models.DateTimeField("went out", null=True, blank=True)
    contacted_at = models.DateTimeField(
        "last written", null=True, blank=True, help_text="When it went out, or the last reminder was due."
    )
    mailed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the invite or its last reminder has left."
    )
    reminders_made = models.PositiveSmallIntegerField(default=0)
    closed_at = models.DateTimeField("closed", null=True, blank=True)
    closed_by = models.CharField(max_length=10, choices=Closing, blank=True, help_text="Why nobody is reminded of it.")

    is_own = models.BooleanField(
        "to themselves", default=False, db_default=False, editable=False, help_text="Told to nobody, and closed."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("advocate", Lower("recipient_email"), name="one_invite_per_friend_and_advocate")
        ]
        indexes = [
            models.Index("contacted_at", name="invites_to_remind_of", condition=Q(closed_at=None)),
            models.Index(Lower("recipient_email"), name="invites_of_a_friend"),
            models.Index(
                "expires_at", name="invites_that_expire", condition=Q(closed_at=None, expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Invite {self.uid}"

    @property
    def link(self) -> str:
        """Where the friend should go: by it, their visit is known to come from this invite."""
        if self.advocate.program.has_invite_page:
            return f"{settings.SITE_URL.rstrip('/')}/i/{self.uid}"
        return f"{self.advocate.share_link}?i={self.uid}"


class Reminder(Fact):
    """The first, second, … reminder of an invite."""

    invite = models.ForeignKey(Invite, models.CASCADE, related_name="reminders")
    number = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("invite", "number", name="one_reminder_per_number_and_invite"),
            models.CheckConstraint(condition=Q(number__gte=1), name="reminders_are_numbered_from_one"),
        ]

    def __str__(self) -> str:
        return f"Reminder {self.number}"


class Visit(Fact):
    """A friend's arrival at the shop through a share link."""

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="visits")
    landing_page = models.CharField(max_length=2 * URL_LENGTH, blank=True)
    referrer = models.CharField(max_length=URL_LENGTH, blank=True)
    visitor = models.CharField(max_length=64, blank=True, help_text="An opaque mark, another one every day.")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.LINK)
    invite = models.ForeignKey(Invite, models.SET_NULL, null=True, blank=True, related_name="visits")

    class Meta:
        indexes = [models.Index("advocate", "visitor", "occurred_at", name="visits_of_a_visitor")]

    def __str__(self) -> str:
        return f"Visit {self.uid}"


class Landing(models.Model):
    """A raw arrival at a share link, until it is counted as a Visit or turns out to be nobody's."""

    code = models.CharField(max_length=codes.LONGEST, db_index=True)
    visitor = models.CharField(max_length=64)
    network = models.CharField(
        max_length=64, blank=True, db_default="", help_text="An opaque mark likewise, the same for neighbours."
    )
    visitor_beyond_midnight = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Around midnight: the mark of the day that is so near.",
    )
    is_browser = models.BooleanField(
        default=True, db_default=True, help_text="Whether who came gave the name of a browser."
    )
    landing_page = models.CharField(max_length=2 * URL_LENGTH)
    referrer = models.CharField(max_length=URL_LENGTH, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.LINK)
    invite_uid = models.UUIDField(null=True, blank=True)
    occurred_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Landing {self.pk}"
