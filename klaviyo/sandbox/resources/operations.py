"""Operations of the sandbox, one line each; to add one is to add a line and its handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from klaviyo.sandbox.http.wire import JSON_API, MULTIPART
from klaviyo.sandbox.protocol import campaign_fields
from klaviyo.sandbox.protocol.calls import Handler
from klaviyo.sandbox.protocol.limits import XL, XS, L, Limit, M, S
from klaviyo.sandbox.protocol.queries import Query, Rules
from klaviyo.sandbox.resources import (
    accounts,
    campaign_jobs,
    campaign_messages,
    campaigns,
    coupon_code_jobs,
    coupon_codes,
    coupons,
    deletions,
    event_reading,
    events,
    flows,
    images,
    import_job_states,
    imports,
    list_members,
    lists,
    merging,
    metric_aggregates,
    metrics,
    profile_reading,
    profiles,
    segment_changes,
    segments,
    subscriptions,
    suppressions,
    tags,
    templates,
    topics,
    values_reports,
    webhooks,
)

_SUBSCRIPTIONS = frozenset({"subscriptions", "predictive_analytics"})
_PROFILE = {"profile": _SUBSCRIPTIONS}


_NO_QUERY = Rules()


def _orders(*names: str) -> frozenset[str]:
    return frozenset({*names, *(f"-{name}" for name in names)})


@dataclass(frozen=True)
class Operation:
    """One thing that the API can do, with everything that decides whether it may be done.

    `call` is its method and path, `scope` names the scopes, and its id is Klaviyo's, by which its handler is called.
    `extra` are further limits, spent by calls whose query has that value under that name. `revisions` are those of
    Klaviyo's that have the operation in the form in which it is served here.
    """

    call: str
    scope: str
    limit: Limit
    handler: Handler
    rules: Rules = _NO_QUERY
    extra: Mapping[tuple[str, str], Limit] = field(default_factory=dict)
    media_type: str = JSON_API
    revisions: tuple[str, ...] = ("2026-07-15", "2026-10-15")

    @cached_property
    def id(self) -> str:
        return self.handler.__name__

    @cached_property
    def method(self) -> str:
        return self.call.partition(" ")[0]

    @cached_property
    def path(self) -> str:
        return self.call.partition(" ")[2]

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.scope.split())

    @property
    def may_change_consent(self) -> bool:
        return "subscriptions:write" in self.scopes or self.handler is merging.merge_profiles

    @property
    def needs_an_app(self) -> bool:
        """Whether private keys may not call it, of accounts without Advanced KDP."""
        return self.scope.startswith("webhooks:")

    def counters(self, query: Query) -> list[tuple[str, Limit]]:
        """The counters that a call spends from, the operation's own last."""
        asked = [
            (f"{self.id} {value}", limit)
            for (name, value), limit in self.extra.items()
            if value in query.given.get(name, "").split(",")
        ]
        return [*asked, (self.id, self.limit)]


_PREDICTIVE = {("additional-fields[profile]", "predictive_analytics"): M}
_ANSWERS_PROFILE = Rules(fields=("profile",), additional=_PROFILE)
_CONSENT = "lists:write profiles:write subscriptions:write"
_FLOWS_AND_TAGS = frozenset({"flow-triggers", "tags"})
_MEMBERS = Rules(("profile",), _PROFILE, sort=_orders("joined_group_at"), page=(20, 100), filter=True)
_WEBHOOK = Rules(("webhook", "webhook-topic"), include=frozenset({"webhook-topics"}))
_EVENT = Rules(fields=("event", "metric", "profile"), include=frozenset({"attributions", "metric", "profile"}))

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET /api/accounts", "accounts:read", XS, accounts.get_accounts, Rules(fields=("account",))),
    Operation("GET /api/accounts/{id}", "accounts:read", XS, accounts.get_account, Rules(fields=("account",))),
    Operation("POST /api/events", "events:write", XL, events.create_event),
    Operation("POST /api/event-bulk-create-jobs", "events:write", M, events.bulk_create_events),
    Operation(
        "GET /api/events",
        "events:read",
        XL,
        event_reading.get_events,
        Rules(_EVENT.fields, None, _EVENT.include, _orders("datetime", "timestamp"), (200, 1000), filter=True),
    ),
    Operation("GET /api/events/{id}", "events:read", M, event_reading.get_event, _EVENT),
    Operation(
        "GET /api/metrics",
        "metrics:read",
        M,
        metrics.get_metrics,
        Rules(fields=("metric",), include=frozenset({"flow-triggers"}), cursor=True, filter=True),
    ),
    Operation(
        "GET /api/metrics/{id}",
        "metrics:read",
        M,
        metrics.get_metric,
        Rules(fields=("metric",), include=frozenset({"flow-triggers"})),
    ),
    Operation(
        "POST /api/profile-import",
        "profiles:write",
        L,
        profiles.create_or_update_profile,
        _ANSWERS_PROFILE,
        _PREDICTIVE,
    ),
    Operation("POST /api/profiles", "profiles:write", L, profiles.create_profile, _ANSWERS_PROFILE, _PREDICTIVE),
    Operation("PATCH /api/profiles/{id}", "profiles:write", L, profiles.update_profile, _ANSWERS_PROFILE, _PREDICTIVE),
    Operation(
        "GET /api/profiles",
        "profiles:read",
        L,
        profiles.get_profiles,
        Rules(
            ("profile",),
            _PROFILE,
            frozenset({"conversations", "push-tokens"}),
            _orders(
                "created",
                "email",
                "id",
                "updated",
                "subscriptions.email.marketing.list_suppressions.timestamp",
                "subscriptions.email.marketing.suppression.timestamp",
            ),
            (20, 100),
            filter=True,
        ),
        _PREDICTIVE,
    ),
    Operation(
        "GET /api/profiles/{id}",
        "profiles:read",
        L,
        profile_reading.get_profile,
        Rules(
            ("profile", "list", "segment"), _PROFILE, frozenset({"conversations", "lists", "push-tokens", "segments"})
        ),
        {**_PREDICTIVE, ("include", "lists"): XS, ("include", "segments"): XS},
    ),
    Operation(
        "POST /api/profile-bulk-import-jobs",
        "lists:write profiles:write",
        M,
        imports.bulk_import_profiles,
        Rules((import_job_states.KIND,)),
    ),
    Operation(
        "GET /api/profile-bulk-import-jobs",
        "lists:read profiles:read",
        M,
        imports.get_bulk_import_profiles_jobs,
        Rules((import_job_states.KIND,), sort=_orders("created_at"), page=(20, 100), filter=True),
    ),
    Operation(
        "GET /api/profile-bulk-import-jobs/{job_id}",
        "lists:read profiles:read",
        M,
        imports.get_bulk_import_profiles_job,
        Rules((import_job_states.KIND, "list"), include=frozenset({"lists"})),
    ),
    Operation(
        "GET /api/profile-bulk-import-jobs/{id}/import-errors",
        "profiles:read",
        M,
        imports.get_errors_for_bulk_import_profiles_job,
        Rules(("import-error",), page=(20, 100)),
    ),
    Operation(
        "GET /api/profile-bulk-import-jobs/{id}/profiles",
        "profiles:read",
        M,
        imports.get_profiles_for_bulk_import_profiles_job,
        Rules(("profile",), _PROFILE, page=(20, 100)),
        _PREDICTIVE,
    ),
    Operation("POST /api/data-privacy-deletion-jobs", "data-privacy:write", S, deletions.request_profile_deletion),
    Operation(
        "GET /api/profiles/{id}/lists", "lists:read profiles:read", S, lists.get_lists_for_profile, Rules(("list",))
    ),
    Operation(
        "GET /api/profiles/{id}/relationships/lists", "lists:read profiles:read", S, lists.get_list_ids_for_profile
    ),
    Operation("POST /api/profile-subscription-bulk-create-jobs", _CONSENT, L, subscriptions.bulk_subscribe_profiles),
    Operation("POST /api/profile-subscription-bulk-delete-jobs", _CONSENT, L, subscriptions.bulk_unsubscribe_profiles),
    Operation(
        "POST /api/profile-suppression-bulk-create-jobs",
        "profiles:write subscriptions:write",
        L,
        suppressions.bulk_suppress_profiles,
        Rules((suppressions.SUPPRESS,)),
    ),
    Operation(
        "GET /api/profile-suppression-bulk-create-jobs",
        "subscriptions:read",
        L,
        suppressions.get_bulk_suppress_profiles_jobs,
        Rules((suppressions.SUPPRESS,), sort=_orders("created"), cursor=True, filter=True),
    ),
    Operation(
        "GET /api/profile-suppression-bulk-create-jobs/{job_id}",
        "subscriptions:read",
        L,
        suppressions.get_bulk_suppress_profiles_job,
        Rules((suppressions.SUPPRESS,)),
    ),
    Operation(
        "POST /api/profile-suppression-bulk-delete-jobs",
        "subscriptions:write",
        L,
        suppressions.bulk_unsuppress_profiles,
        Rules((suppressions.UNSUPPRESS,)),
    ),
    Operation(
        "GET /api/profile-suppression-bulk-delete-jobs",
        "subscriptions:read",
        L,
        suppressions.get_bulk_unsuppress_profiles_jobs,
        Rules((suppressions.UNSUPPRESS,), sort=_orders("created"), cursor=True, filter=True),
    ),
    Operation(
        "GET /api/profile-suppression-bulk-delete-jobs/{job_id}",
        "subscriptions:read",
        L,
        suppressions.get_bulk_unsuppress_profiles_job,
        Rules((suppressions.UNSUPPRESS,)),
    ),
    Operation(
        "GET /api/lists",
        "lists:read",
        L,
        lists.get_lists,
        Rules(("list",), None, _FLOWS_AND_TAGS, _orders("created", "id", "name", "updated"), (10, 10), filter=True),
    ),
    Operation("POST /api/lists", "lists:write", Limit(10, 150, 150), lists.create_list, Rules(("list",))),
    Operation(
        "GET /api/lists/{id}",
        "lists:read",
        L,
        lists.get_list,
        Rules(("list",), {"list": frozenset({"profile_count"})}, _FLOWS_AND_TAGS),
        {("additional-fields[list]", "profile_count"): XS},
    ),
    Operation("PATCH /api/lists/{id}", "lists:write", M, lists.update_list, Rules(("list",))),
    Operation("DELETE /api/lists/{id}", "lists:write", M, lists.delete_list),
    Operation(
        "GET /api/lists/{id}/profiles",
        "lists:read profiles:read",
        L,
        list_members.get_profiles_for_list,
        _MEMBERS,
        _PREDICTIVE,
    ),
    Operation(
        "GET /api/lists/{id}/relationships/profiles",
        "lists:read profiles:read",
        L,
        list_members.get_profile_ids_for_list,
        Rules(sort=_MEMBERS.sort, page=(20, 100), filter=True),
    ),
    Operation(
        "POST /api/lists/{id}/relationships/profiles",
        "lists:write profiles:write",
        M,
        list_members.add_profiles_to_list,
    ),
    Operation(
        "DELETE /api/lists/{id}/relationships/profiles",
        "lists:write profiles:write",
        M,
        list_members.remove_profiles_from_list,
    ),
    Operation(
        "GET /api/segments",
        "segments:read",
        L,
        segments.get_segments,
        Rules(("segment",), None, _FLOWS_AND_TAGS, _orders("created", "id", "name", "updated"), (10, 10), filter=True),
    ),
    Operation("POST /api/segments", "segments:write", Limit(1, 15, 100), segments.create_segment, Rules(("segment",))),
    Operation(
        "GET /api/segments/{id}",
        "segments:read",
        L,
        segments.get_segment,
        Rules(("segment",), {"segment": frozenset({"profile_count"})}, _FLOWS_AND_TAGS),
        {("additional-fields[segment]", "profile_count"): XS},
    ),
    Operation("DELETE /api/segments/{id}", "segments:write", S, segments.delete_segment),
    Operation(
        "GET /api/segments/{id}/profiles",
        "profiles:read segments:read",
        L,
        segments.get_profiles_for_segment,
        _MEMBERS,
        _PREDICTIVE,
    ),
    Operation("GET /api/webhooks", "webhooks:read", XS, webhooks.get_webhooks, _WEBHOOK),
    Operation("POST /api/webhooks", "webhooks:write", XS, webhooks.create_webhook, Rules(("webhook",))),
    Operation("GET /api/webhooks/{id}", "webhooks:read", XS, webhooks.get_webhook, _WEBHOOK),
    Operation("PATCH /api/webhooks/{id}", "webhooks:write", XS, webhooks.update_webhook, Rules(("webhook",))),
    Operation("DELETE /api/webhooks/{id}", "webhooks:write", XS, webhooks.delete_webhook),
    Operation("GET /api/webhook-topics", "webhooks:read", XS, topics.get_webhook_topics, Rules(("webhook-topic",))),
    Operation("GET /api/webhook-topics/{id}", "webhooks:read", XS, topics.get_webhook_topic, Rules(("webhook-topic",))),
)

# Templates, campaigns, images and coupons.
_DEFINED = {"template": frozenset({"definition"})}
_TEMPLATE = Rules(("template",), _DEFINED)
_PLAIN_TEMPLATE = Rules(("template",), words={"template": campaign_fields.TEMPLATE})
_CAMPAIGN = Rules(("campaign", "campaign-message"), include=frozenset({"campaign-messages", "tags"}))
# In the next revision flows, templates and campaigns have other forms.
_FIRST = ("2026-07-15",)
_IMAGE_FILES = Limit(3, 100, 500)  # the daily number of its own page; the specification has 100 for both

OPERATIONS += (
    Operation(
        "GET /api/templates",
        "templates:read",
        L,
        templates.get_templates,
        Rules(
            _TEMPLATE.fields,
            _DEFINED,
            sort=_orders("created", "id", "name", "updated"),
            page=(10, 10),
            filter=True,
        ),
        revisions=_FIRST,
    ),
    Operation("POST /api/templates", "templates:write", L, templates.create_template, _TEMPLATE, revisions=_FIRST),
    Operation("GET /api/templates/{id}", "templates:read", L, templates.get_template, _TEMPLATE, revisions=_FIRST),
    Operation(
        "PATCH /api/templates/{id}", "templates:write", L, templates.update_template, _TEMPLATE, revisions=_FIRST
    ),
    Operation("DELETE /api/templates/{id}", "templates:write", L, templates.delete_template, revisions=_FIRST),
    Operation(
        "POST /api/template-render", "templates:read", S, templates.render_template, _PLAIN_TEMPLATE, revisions=_FIRST
    ),
    Operation(
        "POST /api/template-clone", "templates:write", L, templates.clone_template, _PLAIN_TEMPLATE, revisions=_FIRST
    ),
    Operation(
        "GET /api/campaigns",
        "campaigns:read",
        M,
        campaigns.get_campaigns,
        Rules(
            _CAMPAIGN.fields,
            None,
            _CAMPAIGN.include,
            _orders("created_at", "id", "name", "scheduled_at", "updated_at"),
            (100, 100),
            filter=True,
        ),
        revisions=_FIRST,
    ),
    Operation(
        "POST /api/campaigns", "campaigns:write", M, campaigns.create_campaign, Rules(("campaign",)), revisions=_FIRST
    ),
    Operation("GET /api/campaigns/{id}", "campaigns:read", M, campaigns.get_campaign, _CAMPAIGN, revisions=_FIRST),
    Operation(
        "PATCH /api/campaigns/{id}",
        "campaigns:write",
        M,
        campaigns.update_campaign,
        Rules(("campaign",)),
        revisions=_FIRST,
    ),
    Operation("DELETE /api/campaigns/{id}", "campaigns:write", M, campaigns.delete_campaign, revisions=_FIRST),
    Operation(
        "POST /api/campaign-clone",
        "campaigns:write",
        M,
        campaigns.create_campaign_clone,
        Rules(("campaign",)),
        revisions=_FIRST,
    ),
    Operation(
        "GET /api/campaign-messages/{id}",
        "campaigns:read",
        M,
        campaign_messages.get_campaign_message,
        Rules(
            ("campaign", "campaign-message", "image", "template"),
            include=frozenset({"campaign", "image", "template"}),
            words=_PLAIN_TEMPLATE.words,
        ),
        revisions=_FIRST,
    ),
    Operation(
        "PATCH /api/campaign-messages/{id}",
        "campaigns:write",
        M,
        campaign_messages.update_campaign_message,
        Rules(("campaign-message",)),
        revisions=_FIRST,
    ),
    Operation(
        "POST /api/campaign-message-assign-template",
        "campaigns:write",
        M,
        campaign_messages.assign_template_to_campaign_message,
        Rules(("campaign-message",), words={"campaign-message": campaign_fields.FLAT_MESSAGE}),
        revisions=_FIRST,
    ),
    Operation(
        "POST /api/campaign-send-jobs",
        "campaigns:write",
        M,
        campaign_jobs.send_campaign,
        Rules((campaign_jobs.SEND,)),
        revisions=_FIRST,
    ),
    Operation(
        "GET /api/campaign-send-jobs/{id}",
        "campaigns:read",
        M,
        campaign_jobs.get_campaign_send_job,
        Rules((campaign_jobs.SEND,)),
        revisions=_FIRST,
    ),
    Operation(
        "PATCH /api/campaign-send-jobs/{id}", "campaigns:write", M, campaign_jobs.cancel_campaign_send, revisions=_FIRST
    ),
    Operation(
        "POST /api/campaign-recipient-estimation-jobs",
        "campaigns:write",
        M,
        campaign_jobs.refresh_campaign_recipient_estimation,
        Rules((campaign_jobs.ESTIMATION_JOB,)),
        revisions=_FIRST,
    ),
    Operation(
        "GET /api/campaign-recipient-estimation-jobs/{id}",
        "campaigns:read",
        M,
        campaign_jobs.get_campaign_recipient_estimation_job,
        Rules((campaign_jobs.ESTIMATION_JOB,)),
        revisions=_FIRST,
    ),
    Operation(
        "GET /api/campaign-recipient-estimations/{id}",
        "campaigns:read",
        M,
        campaign_jobs.get_campaign_recipient_estimation,
        Rules((campaign_jobs.ESTIMATION,)),
        revisions=_FIRST,
    ),
    Operation(
        "GET /api/images",
        "images:read",
        M,
        images.get_images,
        Rules(("image",), sort=_orders("format", "id", "name", "size", "updated_at"), page=(20, 100), filter=True),
    ),
    Operation("POST /api/images", "images:write", Limit(3, 100, 100), images.upload_image_from_url, Rules(("image",))),
    Operation(
        "POST /api/image-upload",
        "images:write",
        _IMAGE_FILES,
        images.upload_image_from_file,
        Rules(("image",)),
        media_type=MULTIPART,
    ),
    Operation("GET /api/images/{id}", "images:read", M, images.get_image, Rules(("image",))),
    Operation("PATCH /api/images/{id}", "images:write", M, images.update_image, Rules(("image",))),
    Operation("GET /api/coupons", "coupons:read", L, coupons.get_coupons, Rules(("coupon",), page=(100, 100))),
    Operation("POST /api/coupons", "coupons:write", S, coupons.create_coupon, Rules(("coupon",))),
    Operation("GET /api/coupons/{id}", "coupons:read", L, coupons.get_coupon, Rules(("coupon",))),
    Operation("PATCH /api/coupons/{id}", "coupons:write", S, coupons.update_coupon, Rules(("coupon",))),
    Operation("DELETE /api/coupons/{id}", "coupons:write", S, coupons.delete_coupon),
    Operation(
        "GET /api/coupon-codes",
        "coupon-codes:read",
        XL,
        coupon_codes.get_coupon_codes,
        Rules(("coupon", "coupon-code"), include=frozenset({"coupon"}), page=(100, 100), filter=True),
    ),
    Operation(
        "POST /api/coupon-codes", "coupon-codes:write", XL, coupon_codes.create_coupon_code, Rules(("coupon-code",))
    ),
    Operation(
        "GET /api/coupon-codes/{id}",
        "coupon-codes:read",
        XL,
        coupon_codes.get_coupon_code,
        Rules(("coupon", "coupon-code"), include=frozenset({"coupon"})),
    ),
    Operation(
        "PATCH /api/coupon-codes/{id}",
        "coupon-codes:write",
        XL,
        coupon_codes.update_coupon_code,
        Rules(("coupon-code",)),
    ),
    Operation("DELETE /api/coupon-codes/{id}", "coupon-codes:write", XL, coupon_codes.delete_coupon_code),
    Operation(
        "POST /api/coupon-code-bulk-create-jobs",
        "coupon-codes:write",
        L,
        coupon_code_jobs.bulk_create_coupon_codes,
        Rules((coupon_code_jobs.KIND,)),
    ),
    Operation(
        "GET /api/coupon-code-bulk-create-jobs/{job_id}",
        "coupon-codes:read",
        L,
        coupon_code_jobs.get_bulk_create_coupon_codes_job,
        Rules((coupon_code_jobs.KIND, "coupon-code"), include=frozenset({"coupon-codes"})),
    ),
)

_NAMED_SORTS = ("created", "id", "name", "status", "trigger_type", "updated")
_TAG = Rules(("tag", "tag-group"), include=frozenset({"tag-group"}))
_FLOW = Rules(("flow", "flow-action", "tag"), {"flow": frozenset({"definition"})}, frozenset({"flow-actions", "tags"}))
_REPORTS = Limit(1, 2, 225)
_TAGGED = (
    ("campaigns", tags.tag_campaigns, tags.remove_tag_from_campaigns, tags.get_campaign_ids_for_tag),
    ("flows", tags.tag_flows, tags.remove_tag_from_flows, tags.get_flow_ids_for_tag),
    ("lists", tags.tag_lists, tags.remove_tag_from_lists, tags.get_list_ids_for_tag),
    ("segments", tags.tag_segments, tags.remove_tag_from_segments, tags.get_segment_ids_for_tag),
)
_BEARING = (
    ("campaigns", tags.get_tags_for_campaign),
    ("flows", tags.get_tags_for_flow),
    ("lists", tags.get_tags_for_list),
    ("segments", tags.get_tags_for_segment),
)

OPERATIONS += (
    Operation("POST /api/profile-merge", "profiles:write", M, merging.merge_profiles, Rules(("profile",))),
    Operation(
        "GET /api/profiles/{id}/segments",
        "profiles:read segments:read",
        S,
        segment_changes.get_segments_for_profile,
        Rules(("segment",)),
    ),
    Operation(
        "GET /api/profiles/{id}/relationships/segments",
        "profiles:read segments:read",
        S,
        segment_changes.get_segment_ids_for_profile,
    ),
    Operation(
        "PATCH /api/segments/{id}",
        "segments:write",
        Limit(1, 15, 100),
        segment_changes.update_segment,
        Rules(("segment",)),
    ),
    Operation(
        "GET /api/metrics/{id}/flow-triggers",
        "flows:read metrics:read",
        M,
        metrics.get_flows_triggered_by_metric,
        Rules(("flow",)),
    ),
    Operation(
        "POST /api/metric-aggregates",
        "metrics:read",
        S,
        metric_aggregates.query_metric_aggregates,
        Rules(("metric-aggregate",)),
    ),
    Operation(
        "GET /api/flows",
        "flows:read",
        S,
        flows.get_flows,
        Rules(_FLOW.fields, None, _FLOW.include, _orders(*_NAMED_SORTS), (50, 50), filter=True),
        revisions=_FIRST,
    ),
    Operation("GET /api/flows/{id}", "flows:read", S, flows.get_flow, _FLOW, revisions=_FIRST),
    Operation(
        "POST /api/flows",
        "flows:write",
        Limit(1, 15, 100),
        flows.create_flow,
        Rules(("flow",), {"flow": frozenset({"definition"})}),
        revisions=_FIRST,
    ),
    Operation("PATCH /api/flows/{id}", "flows:write", S, flows.update_flow, Rules(("flow",)), revisions=_FIRST),
    Operation("DELETE /api/flows/{id}", "flows:write", S, flows.delete_flow, revisions=_FIRST),
    Operation(
        "GET /api/tags",
        "tags:read",
        S,
        tags.get_tags,
        Rules(_TAG.fields, None, _TAG.include, _orders("id", "name"), (50, 50), filter=True),
    ),
    Operation("GET /api/tags/{id}", "tags:read", S, tags.get_tag, _TAG),
    Operation("POST /api/tags", "tags:read tags:write", S, tags.create_tag, Rules(("tag",))),
    Operation("PATCH /api/tags/{id}", "tags:read tags:write", S, tags.update_tag),
    Operation("DELETE /api/tags/{id}", "tags:read tags:write", S, tags.delete_tag),
    *(
        operation
        for things, tag, untag, read in _TAGGED
        for path in [f"/api/tags/{{id}}/relationships/{things}"]
        for operation in (
            Operation(f"POST {path}", f"{things}:write tags:write", S, tag),
            Operation(f"DELETE {path}", f"{things}:write tags:write", S, untag),
            Operation(f"GET {path}", f"{things}:read tags:read", S, read),
        )
    ),
    *(
        Operation(f"GET /api/{things}/{{id}}/tags", f"{things}:read tags:read", S, read, Rules(("tag",)))
        for things, read in _BEARING
    ),
    Operation(
        "POST /api/campaign-values-reports",
        "campaigns:read",
        _REPORTS,
        values_reports.query_campaign_values,
        Rules((values_reports.CAMPAIGNS,), others=("page_cursor",)),
    ),
    Operation(
        "POST /api/flow-values-reports",
        "flows:read",
        _REPORTS,
        values_reports.query_flow_values,
        Rules((values_reports.FLOWS,), others=("page_cursor",)),
    ),
)
