"""Read-only admin pages."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class FactAdmin(ModelAdmin):
    """A list to search and read; nothing is added, changed or deleted by hand."""

    actions = None
    ordering = ("-pk",)
    readonly_fields: ClassVar[tuple[str, ...]] = ("uid", "created_at")
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
