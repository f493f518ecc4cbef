"""The root URLconf: every address of the site."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from integrations.api.rest import Rest
from integrations.pages.visiting import view
from klaviyo.webhooks.view import webhook
from sorae import health, zones

admin.autodiscover()
register_converter(Rest, "rest_of_api")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health/", health.show),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", view("sorae.metrics.show")),
    path("hooks/klaviyo", webhook, name="klaviyo_hook"),
    path("api<rest_of_api:rest>", csrf_exempt(view("integrations.api.dispatch.serve"))),
    path("admin/integrations/", include("integrations.pages.urls")),
    path("admin/klaviyo/", include("klaviyo.pages.urls")),
    path("admin/times", zones.switch_for_staff, name="times"),
    path("admin/", admin.site.urls),
    path("", include("referrals.urls")),
]
