"""Stores, which are merchants' shops, and their referral programs."""

import re
import secrets
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models, transaction

from referrals import money
from referrals.models.facts import URL_LENGTH


def _place_on_the_ring() -> int:
    return secrets.randbelow(2**31)


def validate_time_zone(name: str) -> None:
    """ValidationError for what is no name of a time zone here."""
    if _zone(name) is None:
        raise ValidationError("This is not the name of a time zone. Use one such as Europe/Berlin or America/New_York.")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError; of a folder's name, OSError
        return None


class Store(models.Model):
    """A merchant's shop."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=150)
    url = models.CharField(
        "address",
        max_length=URL_LENGTH,
        validators=[URLValidator(schemes=["https"])],
        help_text="Where share links lead: the shop's address, starting with https://.",
    )
    country = models.CharField(
        max_length=2,
        validators=[RegexValidator(re.compile(r"[A-Z]{2}\Z"), "Use two capital letters, such as DE or US.")],
        help_text="Two letters (ISO 3166). Mobile numbers without a country code are read as this country's, "
        "unless people of another country around write theirs alike.",
    )
    currency = models.CharField(
        max_length=3, validators=[money.validate_currency], help_text="Three letters (ISO 4217), such as EUR."
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        validators=[validate_time_zone],
        help_text="Such as Europe/Berlin: by it people are told until when something is good. "
        "Empty: that of the first Klaviyo account to which the store is joined.",
    )
    opt_in_text = models.CharField(
        "newsletter box",
        max_length=500,
        blank=True,
        help_text="What people agree to when they tick the box on the join form and the invite page. "
        "Empty: a sentence of ours. Each wording that anybody agreed to is kept.",
    )
    sms_opt_in_text = models.CharField(
        "text message box",
        max_length=500,
        blank=True,
        help_text="Likewise for text messages. Empty: people are not asked.",
    )
    # Unknown share codes lead to the next store on this ring, so that they look like known ones.
    ring = models.PositiveIntegerField(default=_place_on_the_ring, editable=False, db_index=True)
    words = models.PositiveBigIntegerField(default=0, editable=False, help_text="Said to it: see consent.Word.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def local(self, moment: datetime) -> datetime:
        """The moment by the store's clock; by UTC where its time zone is not known."""
        try:
            return moment.astimezone(_zone(self.time_zone) or UTC)
        except OverflowError:  # at the end of all calendars
            return moment

    def take_time_zone(self, name: str) -> None:
        """Have this time zone from now on, unless there is one already, or it is none."""
        if _zone(name) is not None and Store.objects.filter(pk=self.pk, time_zone="").update(time_zone=name):
            self.time_zone = name


class Program(models.Model):
    """A referral or affiliate program of a store."""

    class Type(models.TextChoices):
        REFERRAL = "referral", "Referral"
        AFFILIATE = "affiliate", "Affiliate"

    class Inviter(models.TextChoices):
        KLAVIYO = "klaviyo", "Klaviyo, by a flow"
        SORAE = "sorae", "Sorae, by e-mail"

    class SelfReferrals(models.TextChoices):
        RECORDED = "recorded", "Recorded, without a reward, and told to nobody"
        REFUSED = "refused", "Refused"

    store = models.ForeignKey(Store, models.PROTECT, related_name="programs")
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    type = models.CharField(max_length=10, choices=Type, default=Type.REFERRAL)
    invites_by = models.CharField("invites delivered by", max_length=10, choices=Inviter, default=Inviter.KLAVIYO)
    self_referrals = models.CharField(
        "self-referrals",
        max_length=10,
        choices=SelfReferrals,
        default=SelfReferrals.RECORDED,
        db_default=SelfReferrals.RECORDED.value,
        help_text="People who invite or refer themselves, by the same address.",
    )
    offer = models.TextField(max_length=500, help_text="What a friend gets, in a sentence.")
    offer_code = models.CharField("discount code of the offer", max_length=100, blank=True)
    remind_after_days = models.PositiveSmallIntegerField(
        "remind after (days)",
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="A friend who has neither come nor bought is reminded this long after the invite, "
        "or after the last reminder.",
    )
    most_reminders = models.PositiveSmallIntegerField(
        "reminders at most",
        default=0,
        validators=[MaxValueValidator(10)],
        help_text="0: nobody is reminded by itself.",
    )
    has_invite_page = models.BooleanField(
        "page before the shop",
        default=False,
        help_text="Invites lead to a page of ours first: who invites, the offer, and the newsletter box.",
    )

    STAYS = (
        "There are people in this program, and what they and their friends have agreed to or refused holds for its "
        "store. Make a new program in the other store instead."
    )

    class Meta:
        ordering = ["store", "name"]
        constraints = [models.UniqueConstraint("store", "slug", name="one_program_per_slug_and_store")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError for a program with people in it that would go to another store."""
        fields = kwargs.get("update_fields")
        if (fields is None or {"store", "store_id"} & set(fields)) and self._leaves_its_store():
            with transaction.atomic():
                # FOR UPDATE lets nobody join meanwhile, whose row would refer to it:
                # https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
                Program.objects.select_for_update(of=("self",)).filter(pk=self.pk).first()
                if self.advocates.exists():
                    raise ValidationError({"store": self.STAYS}, code="has_people")
                super().save(*args, **kwargs)
            return
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        if self._leaves_its_store() and self.advocates.exists():
            raise ValidationError({"store": self.STAYS}, code="has_people")

    def _leaves_its_store(self) -> bool:
        known = Program.objects.filter(pk=self.pk).values_list("store", flat=True).first() if self.pk else None
        return known is not None and known != self.store_id
