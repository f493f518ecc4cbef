"""Klaviyo's own pages, mounted below the admin."""

from django.urls import path

from klaviyo.views import reference, settings

app_name = "klaviyo"

urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/add/", settings.add, name="settings_add"),
    path("settings/<int:sync_id>/", settings.edit, name="settings_edit"),
    path("settings/<int:sync_id>/remove", settings.remove, name="settings_remove"),
    path("events/", reference.reference, name="events"),
]
