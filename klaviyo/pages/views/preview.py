"""Preview page. No address of a page holds an e-mail, and nothing is asked of Klaviyo before somebody wants it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integrations.pages.access import for_operators
from klaviyo.consent import reach
from klaviyo.models import StoreSetting
from klaviyo.pages import people_found, permissions
from klaviyo.pages import preview as previews
from klaviyo.pages.permissions import ASK
from referrals import text


@for_operators("klaviyo.view_send", also=ASK)
@never_cache
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest) -> HttpResponse:
    """A form that asks for an e-mail, or a part of it or of a name, and what would be sent about the person."""
    if request.method == "GET":
        return _page(request, {"has_joined": StoreSetting.objects.exists()})
    typed = request.POST.get("email", "")
    try:
        email = text.email(typed)
    except ValidationError as error:
        found = people_found.by_part(typed, permissions.to(request.user))
        problem = "" if found else people_found.nobody(typed, " ".join(error.messages))
        return _page(request, {"typed": typed, "found": found, "problem": problem}, 200 if found else 400)
    if reach.erased([email]):
        return _page(request, {"typed": typed, "is_erased": True})
    return _page(request, {"typed": typed, "email": email, "accounts": previews.of(email)})


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    told = {"title": "Preview", "has_joined": True, "most": previews.MOST}
    return render(request, "klaviyo/preview.html", admin.site.each_context(request) | told | context, status=status)
