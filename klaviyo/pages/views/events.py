"""Events reference page: the metrics that marketers can build flows and segments on."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from klaviyo.mapping import catalogue

ON = {
    "advocate": "The advocate's profile",
    "friend": "The friend's profile",
    "rewarded": "The rewarded person's profile",
}


@admin.site.admin_view
@require_GET
def reference(request: HttpRequest) -> HttpResponse:
    """Every metric of the catalogue. It names no person, so whoever may log in may read it."""
    context = {
        "title": "Events",
        "metrics": [(metric, ON[metric.on], list(metric.properties.items())) for metric in catalogue.CATALOGUE],
        "everywhere": list(catalogue.EVERY_EVENT.items()),
    }
    return render(request, "klaviyo/events.html", admin.site.each_context(request) | context)
