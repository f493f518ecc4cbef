"""The root URLconf: every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from klaviyo.webhooks import view
from sorae import health, metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health/", health.show),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.show),
    path("hooks/klaviyo", view.webhook, name="klaviyo_hook"),
    path("admin/integrations/", include("integrations.pages.urls")),
    path("admin/klaviyo/", include("klaviyo.pages.urls")),
    path("admin/", admin.site.urls),
    path("", include("referrals.urls")),
]
