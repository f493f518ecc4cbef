"""What a referral program consists of, and the facts of its life, which only `lifecycle` makes."""

import re
import secrets
import uuid
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import codes, money, text

URL_LENGTH = 500


def _place_on_the_ring() -> int:
    return secrets.randbelow(2**31)


class Channel(models.TextChoices):
    """How an invite reached a friend, or a friend reached the shop."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "Text message"
    WHATSAPP = "whatsapp", "WhatsApp"
    SOCIAL = "social", "Social network"
    LINK = "link", "Link"
    OTHER = "other", "Other"


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
        help_text="Two letters (ISO 3166). Phone numbers without a country code are read as this country's.",
    )
    currency = models.CharField(
        max_length=3, validators=[money.validate_currency], help_text="Three letters (ISO 4217), such as EUR."
    )
    # Unknown share codes lead to the next store on this ring, so that they look like known ones.
    ring = models.PositiveIntegerField(default=_place_on_the_ring, editable=False, db_index=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Program(models.Model):
    """A referral or affiliate program of a store."""

    class Type(models.TextChoices):
        REFERRAL = "referral", "Referral"
        AFFILIATE = "affiliate", "Affiliate"

    class Inviter(models.TextChoices):
        KLAVIYO = "klaviyo", "Klaviyo, by a flow"
        SORAE = "sorae", "Sorae, by e-mail"

    store = models.ForeignKey(Store, models.PROTECT, related_name="programs")
    slug = models.SlugField()
    name = models.CharField(max_length=150)
    type = models.CharField(max_length=10, choices=Type, default=Type.REFERRAL)
    invites_by = models.CharField("invites delivered by", max_length=10, choices=Inviter, default=Inviter.KLAVIYO)
    offer = models.TextField(max_length=500, help_text="What a friend gets, in a sentence.")
    offer_code = models.CharField("discount code of the offer", max_length=100, blank=True)

    class Meta:
        ordering = ["store", "name"]
        constraints = [models.UniqueConstraint("store", "slug", name="one_program_per_slug_and_store")]

    def __str__(self) -> str:
        return self.name


class Fact(models.Model):
    """Something that happened, with an id that is the same everywhere."""

    uid = models.UUIDField("id", default=uuid.uuid4, unique=True, editable=False)
    occurred_at = models.DateTimeField("when", default=timezone.now)
    created_at = models.DateTimeField("stored", auto_now_add=True)

    class Meta:
        abstract = True


class Advocate(Fact):
    """A person in a program, who refers friends; `occurred_at` is when they joined."""

    class Role(models.TextChoices):
        ADVOCATE = "advocate", "Advocate"
        AFFILIATE = "affiliate", "Affiliate"

    program = models.ForeignKey(Program, models.PROTECT, related_name="advocates")
    email = models.EmailField("e-mail", max_length=text.LONGEST_EMAIL)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    phone = models.CharField(max_length=100, blank=True, help_text="As it was given, which may not be a number.")
    locale = models.CharField("language", max_length=35, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.ADVOCATE)
    tier = models.CharField(max_length=100, blank=True)
    referral_code = models.CharField(max_length=codes.LONGEST, unique=True, default=codes.new, editable=False)

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [models.UniqueConstraint("program", Lower("email"), name="one_person_per_email_and_program")]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.referral_code

    @property
    def share_link(self) -> str:
        return f"{settings.SITE_URL.rstrip('/')}/r/{self.referral_code}"


class Invite(Fact):
    """An advocate's invitation to one friend."""

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="invites")
    recipient_email = models.EmailField("friend's e-mail", max_length=text.LONGEST_EMAIL)
    recipient_name = models.CharField("friend's name", max_length=150, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    expires_at = models.DateTimeField("expires", null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("advocate", Lower("recipient_email"), name="one_invite_per_friend_and_advocate")
        ]

    def __str__(self) -> str:
        return f"Invite {self.uid}"


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

    class Meta:
        indexes = [models.Index("advocate", "visitor", "occurred_at", name="visits_of_a_visitor")]

    def __str__(self) -> str:
        return f"Visit {self.uid}"


class Conversion(Fact):
    """A friend's order, or money going back for one: each refund is its own fact with a positive total."""

    class Kind(models.TextChoices):
        ORDER = "order", "Order"
        REFUND = "refund", "Refund"

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="conversions")
    program = models.ForeignKey(Program, models.PROTECT, related_name="conversions", editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ORDER)
    order_id = models.CharField("order", max_length=100)
    refund_id = models.CharField("refund", max_length=100, blank=True)
    refunds = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="refunded_by")
    friend_email = models.EmailField("friend's e-mail", max_length=text.LONGEST_EMAIL)
    friend_first_name = models.CharField("friend's first name", max_length=150, blank=True)
    friend_last_name = models.CharField("friend's last name", max_length=150, blank=True)
    friend_phone = models.CharField("friend's phone", max_length=100, blank=True)
    lines = models.JSONField(default=list, blank=True)
    discount_code = models.CharField(max_length=100, blank=True)
    total = models.DecimalField(max_digits=money.MAX_DIGITS, decimal_places=money.DECIMAL_PLACES)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint("program", "order_id", "kind", "refund_id", name="one_fact_per_order_or_refund"),
            models.CheckConstraint(condition=Q(total__gte=0), name="totals_are_not_negative"),
            models.CheckConstraint(
                condition=Q(kind="order", refunds=None) | Q(kind="refund", refunds__isnull=False),
                name="a_refund_names_its_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.order_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.program_id = self.advocate.program_id  # beside the order, because an order counts once per program
        super().save(*args, **kwargs)


class Reward(Fact):
    """What an advocate or a friend gets; issued at `occurred_at`, perhaps reversed or paid later."""

    class Recipient(models.TextChoices):
        ADVOCATE = "advocate", "Advocate"
        FRIEND = "friend", "Friend"

    class Kind(models.TextChoices):
        DISCOUNT = "discount", "Discount"
        CASH = "cash", "Cash"
        CREDIT = "credit", "Store credit"
        GIFT = "gift", "Gift"

    class Reason(models.TextChoices):
        REFUND = "refund", "Order refunded"
        FRAUD = "fraud", "Fraud"
        EXPIRY = "expiry", "Expired"
        OTHER = "other", "Other"

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="rewards")
    recipient = models.CharField(max_length=10, choices=Recipient)
    recipient_email = models.EmailField("recipient's e-mail", max_length=text.LONGEST_EMAIL)
    conversion = models.ForeignKey(Conversion, models.CASCADE, null=True, blank=True, related_name="rewards")
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.DecimalField(max_digits=money.MAX_DIGITS, decimal_places=money.DECIMAL_PLACES)
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=100, blank=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    reversed_at = models.DateTimeField("reversed", null=True, blank=True)
    reversal_reason = models.CharField(max_length=10, choices=Reason, blank=True)
    paid_at = models.DateTimeField("paid", null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversion", "recipient", "kind"],
                condition=Q(conversion__isnull=False),
                name="one_reward_per_conversion_recipient_and_kind",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="rewards_are_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {money.rounded(self.amount, self.currency)} {self.currency}"


class Landing(models.Model):
    """A raw arrival at a share link, until it is counted as a Visit or turns out to be nobody's."""

    code = models.CharField(max_length=codes.LONGEST, db_index=True)
    visitor = models.CharField(max_length=64)
    landing_page = models.CharField(max_length=2 * URL_LENGTH)
    referrer = models.CharField(max_length=URL_LENGTH, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.LINK)
    occurred_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Landing {self.pk}"
