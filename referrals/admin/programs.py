"""Admin pages of stores and their programs, which operators make and change."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from referrals.models import Program, Store

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Program, Store]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


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
    fieldsets = (
        (None, {"fields": ("name", "slug", "url", "country", "currency", "time_zone")}),
        ("Consent", {"fields": ("opt_in_text", "sms_opt_in_text")}),
    )
    inlines = (ProgramInline,)


@admin.register(Program)
class ProgramAdmin(ModelAdmin):
    list_display = ("name", "store", "type", "invites_by", "offer_code")
    list_filter = ("store", "type", "invites_by")
    list_select_related = ("store",)
    search_fields = ("name", "slug", "store__name", "offer_code")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("store", "name", "slug", "type", "self_referrals")}),
        ("Offer", {"fields": ("offer", "offer_code")}),
        ("Invites", {"fields": ("invites_by", "has_invite_page")}),
        ("Reminders", {"fields": ("most_reminders", "remind_after_days")}),
    )

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_choice_field(db_field, request, **options)
        if field and db_field.name == "self_referrals":
            field.required = False  # a form without it leaves the default
        return field
