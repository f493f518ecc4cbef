"""Events reference page: what marketers can build flows, segments and templates on, with what to write there."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from klaviyo.mapping import examples, profiles
from klaviyo.pages import merge_tags, people_found, permissions, preview
from klaviyo.pages.person import at
from referrals import standing, text
from referrals.models import Advocate

ON = {
    "advocate": "The advocate's profile",
    "friend": "The friend's profile",
    "rewarded": "The rewarded person's profile",
}
NOBODY = "Nobody with this address is in a program. The examples below are made up."

Live = tuple[dict[str, dict[str, Any]], dict[str, Any]]  # of events, by the metric's key; and of the profile


@admin.site.admin_view
@never_cache
@require_http_methods(["GET", "POST"])
def reference(request: HttpRequest) -> HttpResponse:
    """Every metric of the catalogue; as such it names no person, so whoever may log in may read it.

    Whoever may read about people can have an advocate's own values in place of the examples.
    """
    if request.method == "GET":
        return _page(request, {}, {}, {})
    if not request.user.has_perm("klaviyo.view_send"):
        raise PermissionDenied
    typed = request.POST.get("email", "")
    try:
        email = text.email(typed)
    except ValidationError as error:
        people = people_found.by_part(typed, permissions.to(request.user), advocates=True)
        problem = "" if people else people_found.nobody(typed, " ".join(error.messages))
        more = {"typed": typed, "found": people, "problem": problem}
        return _page(request, {}, {}, more, 200 if people else 400)
    found = _live(email)
    if found is None:
        return _page(request, {}, {}, {"typed": typed, "problem": NOBODY})
    return _page(request, *found, {"typed": typed, "is_live": True})


def _live(email: str) -> Live | None:
    """Of the program that the person joined first, whose properties bear no program's name; None if in none."""
    advocate = at(Advocate, "email", email).select_related("program__store").order_by("pk").first()
    if advocate is None:
        return None
    told = {
        event.metric.key: examples.properties(event)
        for event in preview.latest_events(advocate.program.store_id, email, [advocate])
    }
    return told, profiles.profile(advocate, standing.of([advocate.pk])[advocate.pk])[0]["properties"]


def _page(
    request: HttpRequest,
    live: dict[str, dict[str, Any]],
    of_profile: dict[str, Any],
    more: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    context = {
        "title": "Events",
        "metrics": [(told.metric, ON[told.metric.on], told.properties) for told in merge_tags.of_events(live)],
        "everywhere": merge_tags.everywhere(live),
        "profile": merge_tags.of_profile(of_profile),
    }
    return render(request, "klaviyo/events.html", admin.site.each_context(request) | context | more, status=status)
