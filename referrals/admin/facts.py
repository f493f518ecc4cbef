"""Admin pages of people and their facts: invites, visits, orders and rewards."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from referrals import money, standing
from referrals.admin.read_only import FactAdmin
from referrals.models import Advocate, Conversion, Invite, Reward, Visit


@admin.register(Advocate)
class AdvocateAdmin(FactAdmin):
    """A person, with figures that lead to the facts behind them."""

    list_display = ("__str__", "email", "program", "role", "tier", "referral_code", "occurred_at")
    list_filter = ("program__store", "program", "role", "tier")
    list_select_related = ("program",)
    search_fields = ("email", "first_name", "last_name", "referral_code")
    fieldsets = (
        (None, {"fields": ("first_name", "last_name", "email", "phone", "locale")}),
        ("Program", {"fields": ("program", "role", "tier", "referral_code", "share_link", "occurred_at")}),
        ("So far", {"fields": ("so_far",)}),
    )

    @admin.display(description="Figures")
    def so_far(self, person: Advocate) -> str:
        figures = standing.of([person.pk])[person.pk]
        counts = (
            (Invite, "invites", figures.invites),
            (Visit, "visits", figures.visits),
            (Conversion, "orders", figures.conversions),
            (Reward, "rewards", figures.rewards),
        )
        rows = [(_facts_of(person, model), count, words) for model, words, count in counts]
        lists = format_html_join("", '<li><a href="{}">{} {}</a></li>', rows)
        amounts = (("earned", _amounts(figures.earned)), ("owed", _amounts(figures.owed)))
        return format_html("<ul>{}{}</ul>", lists, format_html_join("", "<li>{}: {}</li>", amounts))


@admin.register(Invite)
class InviteAdmin(FactAdmin):
    list_display = ("recipient_email", "recipient_name", "person", "occurred_at", "went_out_at", "reminded", "closed")
    list_filter = (
        ("went_out_at", admin.EmptyFieldListFilter),
        "closed_by",
        "is_own",
        "channel",
        "advocate__program",
        "occurred_at",
    )
    list_select_related = ("advocate",)
    search_fields = ("recipient_email", "recipient_name", "advocate__email", "=uid")
    fieldsets = (
        (None, {"fields": ("recipient_email", "recipient_name", "advocate", "channel", "occurred_at", "expires_at")}),
        ("Since", {"fields": ("went_out_at", "contacted_at", "reminders_made", "closed_at", "closed_by", "is_own")}),
        ("Record", {"fields": ("uid", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invite]:
        invites: QuerySet[Invite] = super().get_queryset(request)
        return invites.annotate(reminders_sent=Count("reminders"))

    @admin.display(description="reminders")
    def reminded(self, invite: Any) -> int:
        return int(invite.reminders_sent)

    @admin.display(ordering="closed_at", description="closed", empty_value="")
    def closed(self, invite: Invite) -> str:
        return "To themselves" if invite.is_own and not invite.closed_by else invite.get_closed_by_display()


@admin.register(Visit)
class VisitAdmin(FactAdmin):
    list_display = ("occurred_at", "person", "channel", "landing_page", "referrer")
    list_filter = ("channel", "advocate__program", "occurred_at")
    list_select_related = ("advocate",)
    search_fields = ("advocate__email", "landing_page", "referrer", "=uid")


@admin.register(Conversion)
class ConversionAdmin(FactAdmin):
    list_display = ("order_id", "kind", "friend_email", "person", "amount", "discount_code", "occurred_at")
    list_filter = ("kind", "is_own", "currency", "program", "occurred_at")
    list_select_related = ("advocate",)
    search_fields = ("order_id", "refund_id", "friend_email", "advocate__email", "discount_code", "=uid")

    @admin.display(ordering="total", description="total")
    def amount(self, conversion: Conversion) -> str:
        return _amounts({conversion.currency: conversion.total})


@admin.register(Reward)
class RewardAdmin(FactAdmin):
    list_display = ("recipient_email", "recipient", "kind", "worth", "code", "state", "person", "occurred_at")
    list_filter = ("kind", "recipient", "reversal_reason", "currency", "advocate__program", "occurred_at")
    list_select_related = ("advocate",)
    search_fields = ("recipient_email", "advocate__email", "code", "=uid")

    @admin.display(ordering="amount", description="amount")
    def worth(self, reward: Reward) -> str:
        return _amounts({reward.currency: reward.amount})

    @admin.display
    def state(self, reward: Reward) -> str:
        if reward.reversed_at:
            return f"Reversed: {reward.get_reversal_reason_display().lower()}"
        return "Paid" if reward.paid_at else "Issued"


def _facts_of(person: Advocate, model: type[Model]) -> str:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?advocate__id__exact={person.pk}"


def _amounts(amounts: dict[str, Decimal]) -> str:
    return ", ".join(f"{money.rounded(total, code):,} {code}" for code, total in amounts.items()) or "nothing"
