"""The pages of stores, programs and people; facts are for reading, as only `lifecycle` makes them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from referrals import money, standing
from referrals.models import Advocate, Conversion, Invite, Program, Reward, Store, Visit

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Program, Store]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class FactAdmin(ModelAdmin):
    """A list to search and read; nothing is added, changed or deleted by hand."""

    actions = None
    ordering = ("-pk",)
    readonly_fields = ("uid", "created_at")
    list_per_page = 50
    show_full_result_count = False

    @admin.display(ordering="advocate__email")
    def person(self, fact: Any) -> str:
        address = reverse("admin:referrals_advocate_change", args=[fact.advocate_id])
        return format_html('<a href="{}">{}</a>', address, fact.advocate)

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False


class ProgramInline(TabularInline):
    model = Program
    fields = ("name", "slug", "type", "invites_by", "offer", "offer_code")
    extra = 0
    show_change_link = True
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Store)
class StoreAdmin(ModelAdmin):
    list_display = ("name", "slug", "url", "country", "currency")
    list_filter = ("country", "currency")
    search_fields = ("name", "slug", "url")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (ProgramInline,)


@admin.register(Program)
class ProgramAdmin(ModelAdmin):
    list_display = ("name", "store", "type", "invites_by", "offer_code")
    list_filter = ("store", "type", "invites_by")
    list_select_related = ("store",)
    search_fields = ("name", "slug", "store__name", "offer_code")
    prepopulated_fields = {"slug": ("name",)}


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
    list_display = ("recipient_email", "recipient_name", "person", "channel", "reminded", "occurred_at")
    list_filter = ("channel", "advocate__program", "occurred_at")
    list_select_related = ("advocate",)
    search_fields = ("recipient_email", "recipient_name", "advocate__email", "=uid")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invite]:
        invites: QuerySet[Invite] = super().get_queryset(request)
        return invites.annotate(reminders_sent=Count("reminders"))

    @admin.display(description="reminders")
    def reminded(self, invite: Any) -> int:
        return int(invite.reminders_sent)


@admin.register(Visit)
class VisitAdmin(FactAdmin):
    list_display = ("occurred_at", "person", "channel", "landing_page", "referrer")
    list_filter = ("channel", "advocate__program", "occurred_at")
    list_select_related = ("advocate",)
    search_fields = ("advocate__email", "landing_page", "referrer", "=uid")


@admin.register(Conversion)
class ConversionAdmin(FactAdmin):
    list_display = ("order_id", "kind", "friend_email", "person", "amount", "discount_code", "occurred_at")
    list_filter = ("kind", "currency", "program", "occurred_at")
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
