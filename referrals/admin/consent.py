"""Admin pages of consent: opt-ins, opt-outs, suppressed addresses and wordings."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from referrals import person_key
from referrals.admin.read_only import FactAdmin
from referrals.models import OptIn, OptOut, Suppression, Wording

MOST_OF_A_WORDING = 80


@admin.register(OptIn)
class OptInAdmin(FactAdmin):
    list_display = ("email", "store", "asked_for", "words", "place", "occurred_at")
    list_filter = ("store", "occurred_at")
    list_select_related = ("store", "wording")
    search_fields = ("email", "place", "=uid")
    fieldsets = (
        (None, {"fields": ("email", "first_name", "phone", "store")}),
        ("What was agreed to", {"fields": ("asked_for", "wording", "place", "proof", "occurred_at")}),
        ("Record", {"fields": ("uid", "created_at")}),
    )

    @admin.display(description="channels")
    def asked_for(self, opt_in: OptIn) -> str:
        return ", ".join(OptIn.Channel(channel).label for channel in opt_in.channels)

    @admin.display(description="wording")
    def words(self, opt_in: OptIn) -> str:
        return Truncator(opt_in.wording.text).chars(MOST_OF_A_WORDING)


@admin.register(OptOut)
class OptOutAdmin(FactAdmin):
    list_display = ("email", "store", "scope", "place", "occurred_at")
    list_filter = ("store", "scope", "occurred_at")
    list_select_related = ("store",)
    search_fields = ("email", "place", "=uid")


@admin.register(Suppression)
class SuppressionAdmin(FactAdmin):
    """Found by the address, of which only the hash is kept."""

    list_display = ("__str__", "reason", "by", "created_at")
    list_filter = ("reason", "store")
    list_select_related = ("store",)
    search_fields = ("=mailbox_hash",)
    search_help_text = "A whole e-mail address, or its hash."
    readonly_fields = ("created_at",)

    @admin.display(description="store", ordering="store__name")
    def by(self, suppression: Suppression) -> str:
        return suppression.store.name if suppression.store else "Every store"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if "@" in search_term:
            return queryset.filter(person_key.stored("mailbox_hash", person_key.every(search_term.strip()))), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Wording)
class WordingAdmin(FactAdmin):
    list_display = ("words", "store", "agreed", "created_at")
    list_filter = ("store",)
    list_select_related = ("store",)
    search_fields = ("text",)
    readonly_fields = ("digest", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wording]:
        wordings: QuerySet[Wording] = super().get_queryset(request)
        return wordings.annotate(opt_ins_so_far=Count("opt_ins"))

    @admin.display(description="wording")
    def words(self, wording: Wording) -> str:
        return Truncator(wording.text).chars(MOST_OF_A_WORDING)

    @admin.display(description="opt-ins")
    def agreed(self, wording: Any) -> int:
        return int(wording.opt_ins_so_far)
