"""What a referral program consists of, and the facts of its life, which only `lifecycle` makes."""

import re
import secrets
import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
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

    class Closing(models.TextChoices):
        VISITED = "visited", "The friend came"
        CONVERTED = "converted", "The friend bought"
        OPTED_OUT = "opted_out", "The friend said no"
        EXPIRED = "expired", "It expired"
        ERASED = "erased", "A person was erased"

    advocate = models.ForeignKey(Advocate, models.CASCADE, related_name="invites")
    recipient_email = models.EmailField("friend's e-mail", max_length=text.LONGEST_EMAIL)
    recipient_name = models.CharField("friend's name", max_length=150, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    went_out_at = models.DateTimeField("went out", null=True, blank=True)
    contacted_at = models.DateTimeField(
        "last written", null=True, blank=True, help_text="When it went out, or the last reminder was due."
    )
    reminders_made = models.PositiveSmallIntegerField(default=0)
    closed_at = models.DateTimeField("closed", null=True, blank=True)
    closed_by = models.CharField(max_length=10, choices=Closing, blank=True, help_text="Why nobody is reminded of it.")

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
    invite_uid = models.UUIDField(null=True, blank=True)
    occurred_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Landing {self.pk}"


class Wording(models.Model):
    """A text that people agreed to, as they saw it; never changed, so that each opt-in can show its own."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="wordings")
    text = models.TextField()
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the text.")
    created_at = models.DateTimeField("first used", auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("store", "digest", name="one_wording_per_text_and_store")]

    def __str__(self) -> str:
        return self.text


class OptIn(Fact):
    """A person asked a store for its newsletter: who, when, where, on which channels, and to which words."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "Text message"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_ins")
    email = models.EmailField("e-mail", max_length=text.LONGEST_EMAIL)
    phone = models.CharField(max_length=100, blank=True)
    first_name = models.CharField(max_length=150, blank=True)
    channels = models.JSONField(default=list)
    wording = models.ForeignKey(Wording, models.PROTECT, related_name="opt_ins")
    place = models.CharField(max_length=200, help_text="Where the box was: a form's name or a page's address.")

    class Meta:
        verbose_name = "opt-in"
        indexes = [models.Index(Lower("email"), name="opt_ins_of_a_person")]

    def __str__(self) -> str:
        return f"Opt-in {self.uid}"


class OptOut(Fact):
    """A person said no to a store."""

    class Scope(models.TextChoices):
        INVITES = "invites", "Invites and reminders"
        NEWSLETTER = "newsletter", "The newsletter"
        EVERYTHING = "everything", "All of the store's e-mail"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_outs")
    email = models.EmailField("e-mail", max_length=text.LONGEST_EMAIL)
    scope = models.CharField(max_length=10, choices=Scope)
    place = models.CharField(max_length=200, help_text="Where it was said: the link of a message, a page, an API.")

    class Meta:
        verbose_name = "opt-out"
        indexes = [models.Index(Lower("email"), name="opt_outs_of_a_person")]

    def __str__(self) -> str:
        return f"Opt-out {self.uid}"


class Suppression(models.Model):
    """An address that is not written to, kept as a hash: by one store, or (without one) by any."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        COMPLAINED = "complained", "Reported as spam"
        BOUNCED = "bounced", "Cannot be reached"
        ERASED = "erased", "Erased at the person's wish"

    store = models.ForeignKey(Store, models.CASCADE, null=True, blank=True, related_name="suppressions")
    mailbox_hash = models.CharField(max_length=64, help_text="SHA-256 of the address in its plainest form.")
    reason = models.CharField(max_length=12, choices=Reason)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox_hash", "store", "reason"], name="one_suppression_per_store_and_reason"
            ),
            models.UniqueConstraint(
                fields=["mailbox_hash", "reason"], condition=Q(store=None), name="one_suppression_per_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.mailbox_hash[:12]}"
