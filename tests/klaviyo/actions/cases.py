"""Cases of the table of actions: for each, what it is given, what Klaviyo is asked, and what it knows afterwards."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from openapi_client.exceptions import ApiException

from tests.klaviyo.actions.world import DEFINITION, PNG, World

Given = dict[str, Any]
OPT_IN = {"opt_in": "Ticked at the till, Oulu, 2026-11-01"}


def _nothing(_world: World, _given: Given, _data: Any) -> None:
    """There is nothing to read back."""


@dataclass(frozen=True)
class Case:
    """`given` makes what the action needs; `known` looks, by the official client, at what is there afterwards."""

    given: Callable[[World], Given]
    asked: tuple[str, ...]
    known: Callable[[World, Given, Any], None] = _nothing
    is_streamed: bool = False


def _profile(world: World, given: Given, data: Any) -> None:
    there = world.sdk.Profiles.get_profile(data["id"], additional_fields_profile=["subscriptions"]).data
    attributes = there.attributes
    assert data["reference"] == attributes.external_id
    assert data["custom"] == attributes.properties
    assert data["email_marketing_consent_status"] == attributes.subscriptions.email.marketing.consent
    for name in ("email", "first_name", "title", "organization"):
        if name in given:
            assert getattr(attributes, name) == given[name]


def _on_list(world: World, given: Given, data: Any) -> None:
    members = world.sdk.Lists.get_profiles_for_list(given["list_id"]).data
    assert data["profile_id"] in [member.id for member in members]


def _off_list(world: World, given: Given, data: Any) -> None:
    members = world.sdk.Lists.get_profiles_for_list(given["list_id"]).data
    assert data["profile_id"] not in [member.id for member in members]


def _named(api: str, method: str, name: str = "name") -> Callable[[World, Given, Any], None]:
    """It is there under the name that was given."""

    def known(world: World, given: Given, data: Any) -> None:
        there = getattr(getattr(world.sdk, api), method)(data["id"]).data
        assert getattr(there.attributes, name) == given[name]

    return known


def _gone(api: str, method: str, name: str) -> Callable[[World, Given, Any], None]:
    """It is not there any more."""

    def known(world: World, given: Given, _data: Any) -> None:
        with pytest.raises(ApiException) as error:
            getattr(getattr(world.sdk, api), method)(given[name])
        assert error.value.status == 404

    return known


def _subscribed(world: World, given: Given, _data: Any) -> None:
    people = given.get("profiles") or [given]
    for person in people:
        [there] = world.sdk.Profiles.get_profiles(
            filter=f'any(email,["{person["email"]}"])', additional_fields_profile=["subscriptions"]
        ).data
        assert there.attributes.subscriptions.email.marketing.consent == "SUBSCRIBED"


def _unsubscribed(world: World, given: Given, _data: Any) -> None:
    for person in given["profiles"]:
        [there] = world.sdk.Profiles.get_profiles(
            filter=f'any(email,["{person["email"]}"])', additional_fields_profile=["subscriptions"]
        ).data
        assert there.attributes.subscriptions.email.marketing.consent == "UNSUBSCRIBED"


def _event_of(world: World, given: Given, data: Any) -> None:
    ids = [data["unique_id"]] if "unique_id" in data else data["unique_ids"]
    there = world.sdk.Events.get_events(sort="-datetime").data
    found = [one.attributes.event_properties.get("$event_id") for one in there]
    assert set(ids) <= set(found)


def _unique() -> str:
    return uuid.uuid4().hex[:10]


CASES: dict[str, Case] = {
    "create_profile": Case(
        lambda w: {
            "email": w.email(),
            "first_name": "Ann",
            "title": "Dr",
            "organization": "Tea House",
            "external_id": _unique(),
            "image": "https://shop.example/ann.png",
            "city": "Oulu",
            "zip": "00100",
            "properties": {"tier": "gold"},
        },
        ("create_profile",),
        _profile,
    ),
    "get_profiles": Case(
        lambda w: {"email": w.profile(first_name="Ann")["data"]["attributes"]["email"]}, ("get_profiles",), _profile
    ),
    "update_profile": Case(
        lambda w: {"klaviyo_id": w.profile(title="Dr")["id"], "title": "Prof", "clear": ["first_name"]},
        ("update_profile",),
        _profile,
    ),
    "get_profile": Case(lambda w: {"klaviyo_id": w.profile()["id"]}, ("get_profile",), _profile),
    "list_profiles": Case(lambda w: (w.profile(), {"limit": 2, "sort": "-created"})[1], ("get_profiles",)),
    "upsert_profile": Case(
        lambda w: {"email": w.email(), "first_name": "Ben", "append": {"tags": ["vip"]}},
        ("create_or_update_profile",),
        _profile,
    ),
    "merge_profiles": Case(
        lambda w: {"klaviyo_id": w.profile()["id"], "from_id": w.profile()["id"]},
        ("merge_profiles",),
        _gone("Profiles", "get_profile", "from_id"),
    ),
    "request_profile_deletion": Case(
        lambda w: {"email": w.profile()["data"]["attributes"]["email"]}, ("get_profiles", "request_profile_deletion")
    ),
    "list_lists_of_profile": Case(lambda w: {"klaviyo_id": w.member()[1]["id"]}, ("get_lists_for_profile",)),
    "list_segments_of_profile": Case(lambda w: {"klaviyo_id": w.profile()["id"]}, ("get_segments_for_profile",)),
    "bulk_import_profiles": Case(
        lambda w: {"profiles": [{"email": w.email()}, {"email": w.email(), "first_name": "Ben"}]},
        ("bulk_import_profiles",),
    ),
    "get_profile_import": Case(
        lambda w: {"job_id": w.done("bulk_import_profiles", profiles=[{"email": w.email()}])["job_id"]},
        ("get_bulk_import_profiles_job",),
    ),
    "list_profile_imports": Case(
        lambda w: (w.done("bulk_import_profiles", profiles=[{"email": w.email()}]), {"limit": 1})[1],
        ("get_bulk_import_profiles_jobs",),
    ),
    "list_profile_import_errors": Case(
        lambda w: {"job_id": w.done("bulk_import_profiles", profiles=[{"email": w.email()}])["job_id"]},
        ("get_errors_for_bulk_import_profiles_job",),
    ),
    "add_profile_to_list": Case(
        lambda w: {"list_id": w.list(), "email": w.profile()["data"]["attributes"]["email"]},
        ("get_profiles", "add_profiles_to_list"),
        _on_list,
    ),
    "remove_profile_from_list": Case(
        lambda w: (lambda made: {"list_id": made[0], "klaviyo_id": made[1]["id"]})(w.member()),
        ("remove_profiles_from_list",),
        _off_list,
    ),
    "list_list_profiles": Case(lambda w: {"list_id": w.member()[0]}, ("get_profiles_for_list",)),
    "create_list": Case(
        lambda _: {"name": f"News {_unique()}", "opt_in_process": "double_opt_in"},
        ("create_list",),
        _named("Lists", "get_list"),
    ),
    "get_list": Case(lambda w: {"list_id": w.list()}, ("get_list",)),
    "list_lists": Case(lambda w: (w.list(), {"limit": 1})[1], ("get_lists",)),
    "update_list": Case(lambda w: {"list_id": w.list(), "name": "Fans"}, ("update_list",), _named("Lists", "get_list")),
    "delete_list": Case(lambda w: {"list_id": w.list()}, ("delete_list",), _gone("Lists", "get_list", "list_id")),
    "subscribe_profile_to_list": Case(
        lambda w: {"list_id": w.list(), "email": w.email(), "channels": ["email"], **OPT_IN},
        ("get_profiles", "bulk_subscribe_profiles"),
        _subscribed,
    ),
    "subscribe_profiles": Case(
        lambda w: {
            "list_id": w.list(),
            "profiles": [{"email": w.email(), "channels": ["email"]}, {"email": w.email(), "channels": ["email"]}],
            **OPT_IN,
        },
        ("get_profiles", "bulk_subscribe_profiles"),
        _subscribed,
    ),
    "unsubscribe_profiles": Case(
        lambda w: {"profiles": [{"email": w.profile()["data"]["attributes"]["email"]}], "globally": True},
        ("bulk_unsubscribe_profiles",),
        _unsubscribed,
    ),
    "suppress_profiles": Case(
        lambda w: {"emails": [w.profile()["data"]["attributes"]["email"]]}, ("bulk_suppress_profiles",)
    ),
    "unsuppress_profiles": Case(
        lambda w: {"emails": [w.profile()["data"]["attributes"]["email"]]}, ("bulk_unsuppress_profiles",)
    ),
    "get_suppression_job": Case(
        lambda w: {
            "job_id": w.done("suppress_profiles", emails=[w.profile()["data"]["attributes"]["email"]])["job_id"]
        },
        ("get_bulk_suppress_profiles_job",),
    ),
    "get_segment_profiles": Case(
        lambda w: {"segment_id": w.segment(), "email": w.profile()["data"]["attributes"]["email"]},
        ("get_profiles_for_segment",),
    ),
    "list_segment_profiles": Case(lambda w: {"segment_id": w.segment()}, ("get_profiles_for_segment",)),
    "create_segment": Case(
        lambda _: {"name": f"Fans {_unique()}", "definition": DEFINITION, "is_starred": True},
        ("create_segment",),
        _named("Segments", "get_segment"),
    ),
    "get_segment": Case(lambda w: {"segment_id": w.segment()}, ("get_segment",)),
    "list_segments": Case(lambda w: (w.segment(), {"limit": 1})[1], ("get_segments",)),
    "update_segment": Case(
        lambda w: {"segment_id": w.segment(), "name": "Friends"},
        ("update_segment",),
        _named("Segments", "get_segment"),
    ),
    "delete_segment": Case(
        lambda w: {"segment_id": w.segment()}, ("delete_segment",), _gone("Segments", "get_segment", "segment_id")
    ),
    "create_event": Case(
        lambda w: {
            "event_name": "Reward Issued",
            "profile": {"email": w.email(), "first_name": "Ann"},
            "properties": {"code": "AB12"},
            "value": 5,
            "value_currency": "EUR",
            "unique_id": _unique(),
        },
        ("create_event",),
        _event_of,
    ),
    "bulk_create_events": Case(
        lambda w: {
            "events": [
                {"event_name": "Visited", "profile": {"email": w.email()}, "unique_id": _unique()} for _ in range(3)
            ]
        },
        ("bulk_create_events",),
        _event_of,
    ),
    "get_event": Case(lambda w: {"event_id": w.event(), "metric_fields": ["name"]}, ("get_event",)),
    "list_events": Case(lambda w: (w.event(), {"limit": 1})[1], ("get_events",)),
    "list_metrics": Case(lambda w: (w.event(), {"limit": 1})[1], ("get_metrics",)),
    "get_metric": Case(lambda w: {"metric_id": w.metric()}, ("get_metric",)),
    "list_flows_of_metric": Case(lambda w: {"metric_id": w.metric()}, ("get_flows_triggered_by_metric",)),
    "query_metric_aggregates": Case(
        lambda w: {
            "metric_id": w.metric(),
            "measurements": ["count"],
            "filter": ["greater-or-equal(datetime,2026-11-01T00:00:00)", "less-than(datetime,2026-12-31T00:00:00)"],
        },
        ("query_metric_aggregates",),
    ),
    "create_template": Case(
        lambda _: {"name": f"Invite {_unique()}", "html": "<p>Hello</p>", "text": "Hello"},
        ("create_template",),
        _named("Templates", "get_template"),
    ),
    "get_template": Case(lambda w: {"template_id": w.template()}, ("get_template",)),
    "list_templates": Case(lambda w: (w.template(), {"limit": 1})[1], ("get_templates",)),
    "update_template": Case(
        lambda w: {"template_id": w.template(), "name": "Second try"},
        ("update_template",),
        _named("Templates", "get_template"),
    ),
    "delete_template": Case(
        lambda w: {"template_id": w.template()},
        ("delete_template",),
        _gone("Templates", "get_template", "template_id"),
    ),
    "render_template": Case(
        lambda w: {"template_id": w.template(), "context": {"first_name": "Ann"}}, ("render_template",)
    ),
    "clone_template": Case(
        lambda w: {"template_id": w.template(), "name": "A copy"},
        ("clone_template",),
        _named("Templates", "get_template"),
    ),
    "create_campaign": Case(
        lambda w: {
            "name": f"Spring {_unique()}",
            "included": [w.list()],
            "messages": [{"subject": "Bring a friend", "from_email": "tea@shop.example", "from_label": "Tea House"}],
            "send_strategy": {"method": "static", "datetime": "2027-03-01T09:00:00Z", "options": {"is_local": False}},
            "tracking_options": {"is_tracking_opens": True, "is_tracking_clicks": True},
        },
        ("create_campaign",),
        _named("Campaigns", "get_campaign"),
    ),
    "get_campaign": Case(lambda w: {"campaign_id": w.campaign()["id"]}, ("get_campaign",)),
    "list_campaigns": Case(lambda w: (w.campaign(), {"limit": 1})[1], ("get_campaigns",)),
    "update_campaign": Case(
        lambda w: {"campaign_id": w.campaign()["id"], "name": "Summer"},
        ("update_campaign",),
        _named("Campaigns", "get_campaign"),
    ),
    "delete_campaign": Case(
        lambda w: {"campaign_id": w.campaign()["id"]},
        ("delete_campaign",),
        _gone("Campaigns", "get_campaign", "campaign_id"),
    ),
    "get_campaign_message": Case(lambda w: {"message_id": w.message()}, ("get_campaign_message",)),
    "update_campaign_message": Case(
        lambda w: {"message_id": w.message(), "definition": {"subject": "Bring two", "from_email": "t@shop.example"}},
        ("update_campaign_message",),
    ),
    "assign_template": Case(
        lambda w: {"message_id": w.message(), "template_id": w.template()}, ("assign_template_to_campaign_message",)
    ),
    "estimate_recipients": Case(
        lambda w: {"campaign_id": w.campaign()["id"]},
        (
            "refresh_campaign_recipient_estimation",
            "get_campaign_recipient_estimation_job",
            "get_campaign_recipient_estimation",
        ),
    ),
    "send_campaign": Case(lambda w: {"campaign_id": w.ready()}, ("get_campaign", "send_campaign")),
    "get_campaign_send": Case(lambda w: {"campaign_id": w.scheduled()}, ("get_campaign_send_job",)),
    "cancel_campaign_send": Case(
        lambda w: {"campaign_id": w.scheduled(), "action": "revert"}, ("cancel_campaign_send",)
    ),
    "clone_campaign": Case(
        lambda w: {"campaign_id": w.campaign()["id"], "name": "Spring, again"},
        ("create_campaign_clone",),
        _named("Campaigns", "get_campaign"),
    ),
    "upload_image": Case(
        lambda _: {"image_url": f"data:image/png;base64,{PNG}", "name": f"Cup {_unique()}"},
        ("upload_image_from_file",),
        _named("Images", "get_image"),
    ),
    "get_image": Case(lambda w: {"image_id": w.image()}, ("get_image",)),
    "list_images": Case(lambda w: (w.image(), {"limit": 1})[1], ("get_images",)),
    "update_image": Case(
        lambda w: {"image_id": w.image(), "name": f"Blue {_unique()}"},
        ("get_image", "update_image"),
        _named("Images", "get_image"),
    ),
    "create_coupon": Case(
        lambda _: {"external_id": f"F{_unique()}", "description": "10 % for friends"},
        ("create_coupon",),
        _named("Coupons", "get_coupon", "description"),
    ),
    "get_coupon": Case(lambda w: {"coupon_id": w.coupon()}, ("get_coupon",)),
    "list_coupons": Case(lambda w: (w.coupon(), {"limit": 1})[1], ("get_coupons",)),
    "update_coupon": Case(
        lambda w: {"coupon_id": w.coupon(), "description": "More for friends"},
        ("update_coupon",),
        _named("Coupons", "get_coupon", "description"),
    ),
    "delete_coupon": Case(
        lambda w: {"coupon_id": w.coupon()}, ("delete_coupon",), _gone("Coupons", "get_coupon", "coupon_id")
    ),
    "create_coupon_code": Case(
        lambda w: {"coupon_id": w.coupon(), "unique_code": f"C{_unique()}", "expires_at": "2027-06-01T00:00:00Z"},
        ("create_coupon_code",),
        _named("Coupons", "get_coupon_code", "unique_code"),
    ),
    "get_coupon_code": Case(lambda w: {"code_id": w.code()}, ("get_coupon_code",)),
    "list_coupon_codes": Case(lambda w: {"coupon_id": w.code().rpartition("-")[2]}, ("get_coupon_codes",)),
    "update_coupon_code": Case(
        lambda w: {"code_id": w.code(), "status": "USED"},
        ("update_coupon_code",),
        _named("Coupons", "get_coupon_code", "status"),
    ),
    "delete_coupon_code": Case(
        lambda w: {"code_id": w.code()}, ("delete_coupon_code",), _gone("Coupons", "get_coupon_code", "code_id")
    ),
    "bulk_create_coupon_codes": Case(
        lambda w: {
            "coupon_id": w.coupon(),
            "codes": [{"unique_code": f"A{_unique()}"}, {"unique_code": f"B{_unique()}"}],
        },
        ("bulk_create_coupon_codes",),
    ),
    "get_coupon_code_job": Case(
        lambda w: {
            "job_id": w.done(
                "bulk_create_coupon_codes", coupon_id=w.coupon(), codes=[{"unique_code": f"A{_unique()}"}]
            )["job_id"]
        },
        ("get_bulk_create_coupon_codes_job",),
    ),
    "list_flows": Case(lambda w: (w.flow(), {"limit": 1})[1], ("get_flows",)),
    "get_flow": Case(lambda w: {"flow_id": w.flow()}, ("get_flow",)),
    "update_flow_status": Case(
        lambda w: {"flow_id": w.flow(), "status": "manual"}, ("update_flow",), _named("Flows", "get_flow", "status")
    ),
    "list_tags": Case(lambda w: (w.tag(), {"limit": 1})[1], ("get_tags",)),
    "create_tag": Case(lambda _: {"name": f"Referral {_unique()}"}, ("create_tag",), _named("Tags", "get_tag")),
    "delete_tag": Case(lambda w: {"tag_id": w.tag()}, ("delete_tag",), _gone("Tags", "get_tag", "tag_id")),
    "tag_things": Case(
        lambda w: {"tag_id": w.tag(), "list_ids": [w.list()], "segment_ids": [w.segment()]},
        ("tag_lists", "tag_segments"),
    ),
    "untag_things": Case(
        lambda w: (lambda given: (w.done("tag_things", **given), given)[1])(
            {"tag_id": w.tag(), "list_ids": [w.list()]}
        ),
        ("remove_tag_from_lists",),
    ),
    "list_webhooks": Case(lambda w: (w.webhook(), {"limit": 1})[1], ("get_webhooks",)),
    "get_webhook": Case(lambda w: {"webhook_id": w.webhook()}, ("get_webhook",)),
    "create_webhook": Case(
        lambda w: {
            "name": f"Hook {_unique()}",
            "endpoint_url": "https://shop.example/hook",
            "secret_key": "a long secret of ours",
            "topics": [w.topic()],
        },
        ("create_webhook",),
        _named("Webhooks", "get_webhook"),
    ),
    "update_webhook": Case(
        lambda w: {"webhook_id": w.webhook(), "name": "Theirs"},
        ("update_webhook",),
        _named("Webhooks", "get_webhook"),
    ),
    "delete_webhook": Case(
        lambda w: {"webhook_id": w.webhook()}, ("delete_webhook",), _gone("Webhooks", "get_webhook", "webhook_id")
    ),
    "list_webhook_topics": Case(lambda _: {}, ("get_webhook_topics",)),
    "query_campaign_values": Case(
        lambda w: {
            "statistics": ["recipients"],
            "timeframe": {"key": "last_30_days"},
            "conversion_metric_id": w.metric(),
        },
        ("query_campaign_values",),
    ),
    "query_flow_values": Case(
        lambda w: {
            "statistics": ["recipients"],
            "timeframe": {"key": "last_30_days"},
            "conversion_metric_id": w.metric(),
        },
        ("query_flow_values",),
    ),
    "get_account": Case(lambda w: {"account_id": w.connection.account_id}, ("get_account",)),
    "list_accounts": Case(lambda _: {}, ("get_accounts",)),
    "raw_request": Case(lambda w: {"operation": "get_list", "path": {"id": w.list()}}, ("get_list",)),
}
