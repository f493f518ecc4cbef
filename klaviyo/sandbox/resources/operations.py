"""Operations of the sandbox, one line each; to add one is to add a line and its handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from klaviyo.sandbox.protocol.calls import Handler
from klaviyo.sandbox.protocol.limits import XL, XS, L, Limit, M, S
from klaviyo.sandbox.protocol.queries import Query, Rules
from klaviyo.sandbox.resources import (
    accounts,
    deletions,
    event_reading,
    events,
    import_job_states,
    imports,
    list_members,
    lists,
    metrics,
    profile_reading,
    profiles,
    segments,
    subscriptions,
    suppressions,
    topics,
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
    `extra` are further limits, spent by calls whose query has that value under that name.
    """

    call: str
    scope: str
    limit: Limit
    handler: Handler
    rules: Rules = _NO_QUERY
    extra: Mapping[tuple[str, str], Limit] = field(default_factory=dict)

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
        return "subscriptions:write" in self.scopes

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

OPERATIONS = (
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
