"""Addresses of Klaviyo's own pages, mounted below the admin."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from integrations.pages.visiting import view

app_name = "klaviyo"

urlpatterns = [
    path("settings/", view("klaviyo.pages.views.settings.settings"), name="settings"),
    path("settings/add/", view("klaviyo.pages.views.settings.add"), name="settings_add"),
    path("settings/<int:setting_id>/", view("klaviyo.pages.views.settings.edit"), name="settings_edit"),
    path("settings/<int:setting_id>/remove", view("klaviyo.pages.views.settings.remove"), name="settings_remove"),
    path("accounts/<int:connection_id>/review", view("klaviyo.pages.views.review.review"), name="review"),
    path("accounts/<int:connection_id>/samples", view("klaviyo.pages.views.samples.samples"), name="samples"),
    # Backfills: an account is told of everybody who is there already
    path("accounts/<int:connection_id>/backfill", view("klaviyo.pages.views.backfills.backfill"), name="backfill"),
    path("backfills/<int:backfill_id>/", view("klaviyo.pages.views.backfills.run"), name="backfill_run"),
    path("backfills/<int:backfill_id>/pause", view("klaviyo.pages.views.backfills.pause"), name="backfill_pause"),
    path("backfills/<int:backfill_id>/resume", view("klaviyo.pages.views.backfills.resume"), name="backfill_resume"),
    path("backfills/<int:backfill_id>/cancel", view("klaviyo.pages.views.backfills.cancel"), name="backfill_cancel"),
    # Flows: who listens to our events, and the starter kit
    path("accounts/<int:connection_id>/flows", view("klaviyo.pages.views.flows.flows"), name="flows"),
    path("accounts/<int:connection_id>/flows/kit", view("klaviyo.pages.views.starter_kit.kit"), name="starter_kit"),
    path(
        "accounts/<int:connection_id>/flows/kit/remove",
        view("klaviyo.pages.views.starter_kit.remove"),
        name="starter_kit_remove",
    ),
    # Sends: what became of each invite and reminder, and why
    path("sends/", view("klaviyo.pages.views.sends.sends"), name="sends"),
    path("sends/export", view("klaviyo.pages.views.sends.export"), name="sends_export"),
    path("sends/retry", view("klaviyo.pages.views.sends.retry"), name="sends_retry"),
    path("sends/cancel", view("klaviyo.pages.views.sends.cancel"), name="sends_cancel"),
    path("sends/<int:send_id>/", view("klaviyo.pages.views.send.why"), name="send"),
    path("sends/<int:send_id>/now", view("klaviyo.pages.views.send.ask"), name="send_now"),
    # People: one person's record, and taking them out
    path("people/", view("klaviyo.pages.views.person.people"), name="people"),
    path("people/of-send/<int:send_id>/", view("klaviyo.pages.views.person.of_send"), name="person_of_send"),
    path(
        "people/of-advocate/<int:advocate_id>/",
        view("klaviyo.pages.views.person.of_advocate"),
        name="person_of_advocate",
    ),
    path("people/preview", view("klaviyo.pages.views.preview.preview"), name="preview"),
    path("people/erase", view("klaviyo.pages.views.erasure.erase"), name="erase"),
    path("erasures/", view("klaviyo.pages.views.erasure.erasures"), name="erasures"),
    path("erasures/<uuid:uid>/", view("klaviyo.pages.views.erasure.erasure"), name="erasure"),
    # Actions: find one, fill in its form, and what became of each run
    path("actions/", view("klaviyo.pages.views.actions.index"), name="actions"),
    path("actions/runs/", view("klaviyo.pages.views.action_runs.runs"), name="action_runs"),
    path("actions/runs/<uuid:run_id>/", view("klaviyo.pages.views.action_runs.run"), name="action_run"),
    path(
        "actions/<int:connection_id>/<slug:name>/",
        csrf_exempt(view("klaviyo.pages.views.actions.form")),  # it asks for the token itself: it takes large forms
        name="action",
    ),
    # Syncs: rows of any table, kept in step with an account
    path("syncs/", view("klaviyo.pages.views.syncs.syncs"), name="syncs"),
    path("syncs/new", view("klaviyo.pages.views.sync_editor.new"), name="sync_new"),
    path("syncs/<int:sync_id>/", view("klaviyo.pages.views.syncs.sync"), name="sync"),
    path("syncs/<int:sync_id>/source", view("klaviyo.pages.views.sync_editor.source"), name="sync_source"),
    path(
        "syncs/<int:sync_id>/destination",
        view("klaviyo.pages.views.sync_editor.destination"),
        name="sync_destination",
    ),
    path("syncs/<int:sync_id>/mapping", view("klaviyo.pages.views.sync_editor.mapping"), name="sync_mapping"),
    path("syncs/<int:sync_id>/schedule", view("klaviyo.pages.views.sync_editor.schedule"), name="sync_schedule"),
    path("syncs/<int:sync_id>/run", view("klaviyo.pages.views.syncs.run_now"), name="sync_begin"),
    path("syncs/<int:sync_id>/switch", view("klaviyo.pages.views.syncs.switch"), name="sync_switch"),
    path("syncs/<int:sync_id>/remove", view("klaviyo.pages.views.syncs.remove"), name="sync_remove"),
    path("syncs/<int:sync_id>/rows/", view("klaviyo.pages.views.sync_rows.rows"), name="sync_rows"),
    path("syncs/<int:sync_id>/rows/export", view("klaviyo.pages.views.sync_rows.export"), name="sync_rows_export"),
    path("syncs/<int:sync_id>/rows/<str:row_word>/", view("klaviyo.pages.views.sync_rows.one"), name="sync_row"),
    path("syncs/runs/<int:sync_run_id>/", view("klaviyo.pages.views.sync_runs.run"), name="sync_run"),
    path("syncs/runs/<int:sync_run_id>/stop", view("klaviyo.pages.views.sync_runs.stop"), name="sync_stop"),
    path("syncs/runs/<int:sync_run_id>/go-on", view("klaviyo.pages.views.sync_runs.go_on"), name="sync_go_on"),
    path("syncs/runs/<int:sync_run_id>/confirm", view("klaviyo.pages.views.sync_runs.confirm"), name="sync_confirm"),
    path("events/", view("klaviyo.pages.views.events.reference"), name="events"),
]
