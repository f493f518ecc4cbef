"""Conversions (orders and refunds of friends), and the rewards for them."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from referrals import money, text
from referrals.models.addresses import AddressField
from referrals.models.facts import Fact
from referrals.models.people import Advocate
from referrals.models.stores import Program


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
    friend_email = AddressField("friend's e-mail", max_length=text.LONGEST_EMAIL)
    friend_first_name = models.CharField("friend's first name", max_length=150, blank=True)
    friend_last_name = models.CharField("friend's last name", max_length=150, blank=True)
    friend_phone = models.CharField("friend's phone", max_length=100, blank=True)
    lines = models.JSONField(default=list, blank=True)
    discount_code = models.CharField(max_length=100, blank=True)
    total = models.DecimalField(max_digits=money.MAX_DIGITS, decimal_places=money.DECIMAL_PLACES)
    currency = models.CharField(max_length=3)
    is_own = models.BooleanField(
        "by themselves", default=False, db_default=False, editable=False, help_text="Told to nobody, and not rewarded."
    )

    class Meta:
        indexes = [models.Index(Lower("friend_email"), name="orders_of_a_friend")]
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
    """A reward of an advocate or a friend; issued at `occurred_at`, perhaps reversed or paid later."""

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
    recipient_email = AddressField("recipient's e-mail", max_length=text.LONGEST_EMAIL)
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
        indexes = [models.Index(Lower("recipient_email"), name="rewards_of_a_person")]
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
