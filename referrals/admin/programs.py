"""Admin pages of stores and their programs, which operators make and change."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import PROTECT, RESTRICT, ForeignObjectRel, Model
from django.http import HttpRequest
from django.utils.text import capfirst

from referrals.models import Program, Store

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Program, Store]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class KeptAdmin(ModelAdmin):
    """Deleted by hand only while nothing refers to it, which is found out before a button is shown."""

    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and not (obj and _is_referred_to(obj))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_delete_related = False  # of the store beside a program's form
        return field


def _is_referred_to(row: Model) -> bool:
    """By what would refuse that it is deleted. One row says so, where Django's page would collect all of them first."""
    relations = (field for field in row._meta.get_fields(include_hidden=True) if isinstance(field, ForeignObjectRel))
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: row}).exists()
        for relation in relations
        if getattr(relation, "on_delete", None) in (PROTECT, RESTRICT)
    )


class ProgramInline(TabularInline):
    model = Program
    can_delete = False
    fields = ("name", "slug", "type", "invites_by", "offer", "offer_code")
    extra = 0
    show_change_link = True
    prepopulated_fields = {"slug": ("name",)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        """A table's fields have their names in its head, where a screen reader does not look for them."""
        field = super().formfield_for_dbfield(db_field, request, **more)
        if field is not None:
            field.widget.attrs["aria-label"] = capfirst(db_field.verbose_name)
        return field


@admin.register(Store)
class StoreAdmin(KeptAdmin):
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
class ProgramAdmin(KeptAdmin):
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
