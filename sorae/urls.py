"""The root URLconf: every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from integrations.pages.visiting import view
from klaviyo.webhooks.view import webhook
from sorae import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health/", health.show),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", view("sorae.metrics.show")),
    path("hooks/klaviyo", webhook, name="klaviyo_hook"),
    path("admin/integrations/", include("integrations.pages.urls")),
    path("admin/klaviyo/", include("klaviyo.pages.urls")),
    path("admin/", admin.site.urls),
    path("", include("referrals.urls")),
]
