"""Addresses of Klaviyo's own pages, mounted below the admin."""

from django.urls import path

from klaviyo.pages.views import erasure, events, person, send, sends, settings

app_name = "klaviyo"

urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/add/", settings.add, name="settings_add"),
    path("settings/lists/<int:connection_id>/", settings.lists, name="lists"),
    path("settings/<int:setting_id>/", settings.edit, name="settings_edit"),
    path("settings/<int:setting_id>/remove", settings.remove, name="settings_remove"),
    # Sends: what became of each invite and reminder, and why
    path("sends/", sends.sends, name="sends"),
    path("sends/export", sends.export, name="sends_export"),
    path("sends/retry", sends.retry, name="sends_retry"),
    path("sends/cancel", sends.cancel, name="sends_cancel"),
    path("sends/<int:send_id>/", send.why, name="send"),
    path("sends/<int:send_id>/now", send.ask, name="send_now"),
    # People: one person's record, and taking them out
    path("people/", person.people, name="people"),
    path("people/of-send/<int:send_id>/", person.of_send, name="person_of_send"),
    path("people/of-advocate/<int:advocate_id>/", person.of_advocate, name="person_of_advocate"),
    path("people/erase", erasure.erase, name="erase"),
    path("erasures/", erasure.erasures, name="erasures"),
    path("erasures/<uuid:uid>/", erasure.erasure, name="erasure"),
    path("events/", events.reference, name="events"),
]
