"""Bad input: whatever a stranger would type is refused in words, at its place, before Klaviyo is asked."""

import base64
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.api import reading
from integrations.api.outcome import Problem
from integrations.models import Connection
from klaviyo import actions
from klaviyo.actions import catalogue, checking
from klaviyo.actions.declaration import Action
from klaviyo.models import ActionRun
from klaviyo.pages import action_fields
from klaviyo.sandbox import Exchange
from tests.klaviyo.actions.ways import WAYS, Unused, by_command, by_http
from tests.klaviyo.actions.world import DEFINITION, PNG, World

Given = dict[str, Any]

E = "ann@shop.example"
ANN = {"email": E}
NUMBER = "+358401234567"
YES = {"opt_in": "At our stand in Helsinki, 2026-08-01"}
RANGE = ["greater-or-equal(datetime,2026-11-01T00:00:00)", "less-than(datetime,2026-12-31T00:00:00)"]
ODD = "characters that nobody can store"
NO_ID = "cannot be an id of Klaviyo's"
NO_TIME = "Write it like 2026-08-01T12:00:00Z."
NO_PATH = "Give a path that begins with /api/ or /client/"
MALFORMED = "The e-mail address is malformed."

#: Where somebody types it, our own words stand for the library's.
OURS = {
    "valid number": "no number",
    "valid integer": "no whole number",
    "valid boolean": "neither yes nor no",
}


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def nested(levels: int, within: Any = 1) -> Any:
    for _ in range(levels):
        within = [within]
    return within


def event(**more: Any) -> Given:
    return {"event_name": "Visited", "profile": ANN} | more


def campaign(**more: Any) -> Given:
    return {"name": "Spring", "included": ["Y6nRLr"], "messages": [{"subject": "Bring a friend"}]} | more


def sending(**strategy: Any) -> Given:
    return campaign(send_strategy=strategy)


def subscriber(**more: Any) -> Given:
    return {"profiles": [{"email": E, "channels": ["email"]} | more]} | YES


def aggregates(**more: Any) -> Given:
    return {"metric_id": "RtQ4aB", "measurements": ["count"], "filter": RANGE} | more


def webhook(**more: Any) -> Given:
    secret = "a long secret of ours"
    made = {"name": "Ours", "endpoint_url": "https://shop.example/hook", "secret_key": secret, "topics": ["a:b.c"]}
    return made | more


PNG_OF_5_1_MB = base64_of(b"\x89PNG\r\n\x1a\n" + bytes(5_350_000))
PDF = base64_of(b"%PDF-1.7 and so on")

#: The action, what it is given, where it is wrong, and words that say so.
BAD: list[tuple[str, Given, str, str]] = [
    # Who
    *(
        ("get_profiles", {"email": email}, "/email", MALFORMED)
        for email in ("nobody", "", " ann@shop.example ", "a@b@c.example", "ann@shop.example\n", 'ann@shop.example"])')
    ),
    ("get_profiles", {"email": "x" * 95 + "@shop.example"}, "/email", "longer than 100 characters"),
    ("get_profiles", {"phone_number": "5125551234"}, "/phone_number", "with its country code"),
    ("get_profiles", {"phone_number": "+12"}, "/phone_number", "no phone number"),
    ("get_profiles", {"phone_number": "5125551234", "country": "us"}, "/country", "two capital letters"),
    ("get_profiles", {"phone_number": "5125551234", "country": "XX"}, "/phone_number", "no phone number"),
    ("get_profiles", {"phone_number": 5125551234}, "/phone_number", "valid string"),
    *(
        ("get_profiles", {"klaviyo_id": id}, "/klaviyo_id", NO_ID)
        for id in ("01 JABC", "01JABC\n", "../01JABC", "01JABC?x=1", "ä")
    ),
    ("get_profile", {"klaviyo_id": "01 JABC"}, "/klaviyo_id", NO_ID),
    ("get_account", {"account_id": "Vx Yz"}, "/account_id", NO_ID),
    ("get_list", {"list_id": "Y6n RLr"}, "/list_id", NO_ID),
    ("get_list", {}, "/list_id", "This is required."),
    ("get_list", {"list_id": None}, "/list_id", "This is required."),
    ("get_profile_import", {"job_id": "a b"}, "/job_id", "cannot be an id of a job"),
    ("get_profiles", {"email": E, "klaviyo_id": "01JABC"}, "/identifier", "which of email and klaviyo_id finds"),
    ("get_profiles", {}, "", "Say who it is about"),
    ("get_profiles", {"email": E, "identifier": "phone_number"}, "/identifier", "phone_number, which was not given"),
    ("get_profiles", {"email": E, "identifier": "name"}, "/identifier", "Input should be 'email'"),
    ("get_profiles", {"emial": E}, "/emial", "did you mean email?"),
    ("create_list", {"nmae": "News"}, "/nmae", "did you mean name?"),
    ("get_list", {"list_id": "Y6nRLr", "klaviyo_list_id": "Y6nRLr"}, "/list_id", "given twice, as klaviyo_list_id"),
    ("get_profiles", {"phone_number": NUMBER, "phone_1": NUMBER}, "/phone_number", "given twice, as phone_1"),
    ("merge_profiles", {"klaviyo_id": "01JABC", "from_id": "01JABC"}, "/from_id", "into itself"),
    ("request_profile_deletion", {}, "/email", "Give one of"),
    ("request_profile_deletion", {"email": E, "klaviyo_id": "01JABC"}, "/email", "Give one of"),
    # Profiles
    ("create_profile", {"first_name": "Ann"}, "/email", "Give an email, a phone_number or an external_id."),
    ("create_profile", ANN | {"latitude": 91}, "/latitude", "less than or equal to 90"),
    ("create_profile", ANN | {"longitude": -181}, "/longitude", "greater than or equal to -180"),
    ("create_profile", ANN | {"latitude": "north"}, "/latitude", "valid number"),
    ("create_profile", ANN | {"latitude": True}, "/latitude", "no number"),
    ("create_profile", ANN | {"location": {"latitude": 91}}, "/location/latitude", "less than or equal to 90"),
    ("create_profile", ANN | {"location": {"city": "Oulu"}, "city": "Oulu"}, "/location", "not both"),
    ("create_profile", ANN | {"location": {"town": "Oulu"}}, "/location/town", "no such field"),
    ("create_profile", ANN | {"location": {"citty": "Oulu"}}, "/location/citty", "did you mean city?"),
    ("create_profile", ANN | {"timezone": "Finland/Oulu"}, "/timezone", "named like Europe/Helsinki"),
    ("create_profile", ANN | {"image": "http://shop.example/a.png"}, "/image", "begins with https://"),
    ("create_profile", ANN | {"image": "javascript:alert(1)"}, "/image", "begins with https://"),
    ("create_profile", ANN | {"image": "https://ann@shop.example/a.png"}, "/image", "begins with https://"),
    ("create_profile", ANN | {"ip": "999.1.1.1"}, "/ip", "no IP address"),
    ("create_profile", ANN | {"locale": "english"}, "/locale", "like en or en-US"),
    ("create_profile", ANN | {"zip": 100}, "/zip", "valid string"),
    ("create_profile", ANN | {"external_id": "x" * 256}, "/external_id", "at most 255 characters"),
    ("create_profile", ANN | {"first_name": "Ann\0"}, "/first_name", ODD),
    ("create_profile", ANN | {"if_exists": "merge"}, "/if_exists", "fail"),
    ("create_profile", ANN | {"append": {"tags": "vip"}}, "/append", "no such field"),
    ("create_profile", {"country": "Finland", "phone_number": "0401234567"}, "/phone_number", "country code"),
    ("create_profile", ANN | {"properties": {"$source": 1}}, "/properties", "begin with $"),
    ("create_profile", ANN | {"properties": {"when": nested(10)}}, "/properties", "when: It is nested too deep"),
    ("create_profile", ANN | {"properties": {"n": 2**60}}, "/properties", "n: The number is too large"),
    ("create_profile", ANN | {"properties": {"n": [1] * 4_001}}, "/properties", "n: It has 4001 items"),
    ("update_profile", ANN, "", "Say what is to change"),
    ("update_profile", ANN | {"clear": ["email"]}, "/clear", "email cannot be cleared"),
    ("update_profile", ANN | {"clear": ["titel"]}, "/clear", "titel cannot be cleared"),
    ("update_profile", ANN | {"clear": ["properties."]}, "/clear", "cannot be cleared"),
    ("update_profile", ANN | {"clear": ["location.planet"]}, "/clear", "cannot be cleared"),
    ("update_profile", ANN | {"clear": "title"}, "/clear", "valid"),
    ("update_profile", ANN | {"clear": ["title"], "title": "Dr"}, "/clear", "to be set and to be cleared"),
    ("update_profile", ANN | {"clear": ["location.city"], "city": "Oulu"}, "/clear", "to be set and to be cleared"),
    ("update_profile", ANN | {"clear": ["properties.a"], "append": {"a": 1}}, "/clear", "to be set and to be cleared"),
    ("update_profile", ANN | {"append": {"$source": 1}}, "/append", "begin with $"),
    ("update_profile", ANN | {"unappend": {"a": "\0"}}, "/unappend", ODD),
    ("update_profile", ANN | {"append": ["vip"]}, "/append", "Input should be"),
    ("bulk_import_profiles", {"profiles": []}, "/profiles", "at least 1 item"),
    ("bulk_import_profiles", {"profiles": [ANN, {"email": "x"}]}, "/profiles/1/email", MALFORMED),
    ("bulk_import_profiles", {"profiles": [{"first_name": "Ann"}]}, "/profiles/0/email", "Give an email"),
    ("bulk_import_profiles", {"profiles": "all"}, "/profiles", "Input should be a valid"),
    # Events
    ("create_event", event(time="2026-08-01T12:00:00"), "/time", "has no time zone"),
    ("create_event", event(time="2026-08-01"), "/time", "has no time zone"),
    *(
        ("create_event", event(time=time), "/time", NO_TIME)
        for time in ("yesterday", "2026-02-30T00:00:00Z", "1722500000", 1722500000, "20260801", "", True)
    ),
    ("create_event", event(time="1999-12-31T00:00:00Z"), "/time", "from 2000 until a year from now"),
    ("create_event", event(time="2199-01-01T00:00:00Z"), "/time", "from 2000 until a year from now"),
    ("create_event", event(time="0001-01-01T00:00:00+14:00"), "/time", "too far off"),
    ("create_event", event(value=float("nan")), "/value", "number"),
    ("create_event", event(value=float("inf")), "/value", "number"),
    ("create_event", event(value="5,00"), "/value", "valid number"),
    ("create_event", event(value=True), "/value", "no number"),
    ("create_event", event(value={"price": 9.99}), "/value", "valid number"),
    ("create_event", event(value=1, value_currency="EURO"), "/value_currency", "three capital letters"),
    ("create_event", event(value=1, value_currency="eur"), "/value_currency", "three capital letters"),
    ("create_event", event(value=1, value_currency="ABC"), "/value_currency", "no currency of ISO 4217"),
    ("create_event", event(value_currency="EUR"), "/value_currency", "needs a value"),
    ("create_event", event(properties={f"p{n}": n for n in range(401)}), "/properties", "401 properties"),
    ("create_event", event(properties={f"p{n}": "x" * 99_000 for n in range(55)}), "/properties", "larger than 5 MB"),
    ("create_event", event(properties={"a": "ä" * 50_001}), "/properties", "a: Klaviyo takes texts of up to 100 KB."),
    ("create_event", event(properties={"a": nested(100)}), "/properties", "nested too deep"),
    ("create_event", event(properties={"a": float("nan")}), "/properties", "no number that JSON has"),
    ("create_event", event(properties={"a": {"b": ["\0"]}}), "/properties", ODD),
    ("create_event", event(properties={"a\0": 1}), "/properties", ODD),
    ("create_event", event(properties="a=b"), "/properties", "Input should be"),
    ("create_event", event(properties=[1]), "/properties", "Input should be"),
    ("create_event", event(event_name=""), "/event_name", "at least 1 character"),
    ("create_event", event(event_name="  "), "/event_name", "blank"),
    ("create_event", event(event_name="x" * 128), "/event_name", "at most 127 characters"),
    ("create_event", event(event_name="Visited\n"), "/event_name", "one line"),
    ("create_event", event(profile={}), "/profile/email", "Give an email"),
    ("create_event", event(profile=E), "/profile", "Input should be"),
    ("create_event", event(profile=[ANN]), "/profile", "Input should be"),
    ("create_event", event(profile={"data": None}), "/profile", "Say whom it is about"),
    ("create_event", event(profile={"data": [1]}), "/profile", "Input should be"),
    ("create_event", {"event_name": "Visited"}, "/profile", "Say whom it is about"),
    ("create_event", event(email=E), "/profile", "not both"),
    ("create_event", {"event_name": "Visited", "phone_number": "5125551234"}, "/phone_number", "country code"),
    ("create_event", event(profile=ANN | {"phone_number": "5125551234"}), "/profile/phone_number", "country code"),
    ("create_event", event(unique_id=""), "/unique_id", "at least 1 character"),
    ("create_event", event(unique_id="x" * 256), "/unique_id", "at most 255 characters"),
    ("create_event", event(backfill="perhaps"), "/backfill", "valid boolean"),
    ("bulk_create_events", {"events": []}, "/events", "at least 1 item"),
    ("bulk_create_events", {"events": [event(), 1]}, "/events/1", "Input should be"),
    ("bulk_create_events", {"events": [event(unique_id="1")] * 2}, "/events", "Event 2 repeats the unique_id"),
    ("bulk_create_events", {"events": [event(), event(value="x")]}, "/events/1/value", "valid number"),
    (
        "bulk_create_events",
        {"events": {"data": [{"attributes": {"events": {"data": 5}}}]}},
        "/events",
        "no such field",
    ),
    # Consent
    ("subscribe_profiles", subscriber(channels=["fax"]), "/profiles/0/channels/0", "Input should be 'email'"),
    ("subscribe_profiles", subscriber(channels=["sms"]), "/profiles/0/channels", "sms needs a phone_number."),
    ("subscribe_profiles", subscriber() | {"historical_import": True}, "/profiles", "has no consented_at"),
    (
        "subscribe_profiles",
        subscriber(consented_at="2199-01-01T00:00:00Z") | {"historical_import": True},
        "/profiles",
        "in the future",
    ),
    (
        "subscribe_profiles",
        subscriber(consented_at="2020-01-01T00:00:00") | {"historical_import": True},
        "/profiles/0/consented_at",
        "has no time zone",
    ),
    ("subscribe_profiles", {"profiles": [{"email": E, "channels": ["email"]}]}, "/opt_in", "This is required."),
    ("unsubscribe_profiles", {"profiles": [{}]}, "/profiles/0", "Give an email"),
    ("suppress_profiles", {"emails": ["x"]}, "/emails/0", MALFORMED),
    ("suppress_profiles", {}, "/emails", "Give one of emails, list_id and segment_id."),
    # Lists and what can be asked of them
    ("create_list", {"name": ""}, "/name", "at least 1 character"),
    ("create_list", {"name": "  "}, "/name", "blank"),
    ("create_list", {"name": "x" * 256}, "/name", "at most 255 characters"),
    ("create_list", {"name": "News\0"}, "/name", ODD),
    ("create_list", {"name": ["News"]}, "/name", "valid string"),
    ("create_list", {"opt_in_process": "double"}, "/opt_in_process", "Input should be 'single_opt_in'"),
    ("update_list", {"list_id": "Y6nRLr"}, "", "Say what is to change: name, opt_in_process."),
    ("list_lists", {"filter": 'like(name,"x")'}, "/filter", "name cannot be compared by like"),
    ("list_lists", {"filter": 'equals(nmae,"x")'}, "/filter", "did you mean name?"),
    ("list_lists", {"filter": 'equals(name,"x"'}, "/filter", "not closed"),
    ("list_lists", {"filter": "equals(name)"}, "/filter", "needs a field and a value"),
    ("list_lists", {"filter": 'equals(name,"x") or equals(name,"y")'}, "/filter", "cannot be read from"),
    ("list_lists", {"filter": "name=x"}, "/filter", "cannot be read from"),
    ("list_lists", {"filter": 'and(equals(name,"x"),like(name,"y"))'}, "/filter", "compared by like"),
    ("list_lists", {"filter": 'equals(name,"\0")'}, "/filter", ODD),
    ("list_lists", {"filter": "(" * 10_001}, "/filter", "at most 10000 characters"),
    ("list_lists", {"sort": "colour"}, "/sort", "nothing to sort by"),
    ("list_lists", {"limit": 0}, "/limit", "greater than or equal to 1"),
    ("list_lists", {"limit": "ten"}, "/limit", "valid integer"),
    ("list_lists", {"limit": 1.5}, "/limit", "valid integer"),
    ("list_lists", {"all": "perhaps"}, "/all", "valid boolean"),
    ("list_lists", {"fields": ["nmae"]}, "/fields", "nmae is none of its fields; did you mean name?"),
    ("list_lists", {"fields": "name"}, "/fields", "Input should be a valid"),
    ("list_lists", {"include": ["everything"]}, "/include", "none of its include."),
    ("list_lists", {"additional_fields": ["x"]}, "/additional_fields", "takes no additional_fields"),
    ("get_event", {"event_id": "4vRpBT", "metric_fields": ["nmae"]}, "/metric_fields", "did you mean name?"),
    ("list_accounts", {"timeout_seconds": 0}, "/timeout_seconds", "greater than or equal to 1"),
    ("list_accounts", {"timeout_seconds": 3_601}, "/timeout_seconds", "less than or equal to 3600"),
    ("list_accounts", {"timeout_seconds": "soon"}, "/timeout_seconds", "valid number"),
    ("list_accounts", {"max_retries": 11}, "/max_retries", "less than or equal to 10"),
    ("list_accounts", {"retry_delay_ms": 60_001}, "/retry_delay_ms", "less than or equal to 60000"),
    # Segments
    ("create_segment", {"name": "Fans", "definition": {}}, "", "A definition is"),
    ("create_segment", {"name": "Fans", "definition": []}, "", "with one group at least"),
    ("create_segment", {"name": "Fans", "definition": [{"conditions": []}]}, "", "Group 1 of the definition"),
    ("create_segment", {"name": "Fans", "definition": [{"conditions": [{"type": "shoe-size"}]}]}, "", "no type of"),
    ("create_segment", {"name": "Fans", "definition": "everybody"}, "/definition", "Input should be"),
    ("create_segment", {"definition": DEFINITION}, "/name", "This is required."),
    ("update_segment", {"segment_id": "SsKqZr", "is_active": False, "name": "Fans"}, "/is_active", "goes alone"),
    ("update_segment", {"segment_id": "SsKqZr"}, "", "Say what is to change"),
    # Templates and campaigns
    (
        "create_template",
        {"name": "Invite", "editor_type": "SYSTEM_DRAGGABLE", "html": "<p>"},
        "/html",
        "takes a definition and no html",
    ),
    ("create_template", {"name": "Invite"}, "/html", "A CODE template needs html."),
    ("create_template", {"name": "Invite", "html": "<p>\0"}, "/html", ODD),
    ("update_template", {"template_id": "RtQ4aB"}, "", "Say what is to change"),
    ("create_campaign", campaign(included=[]), "/included", "at least 1 item"),
    ("create_campaign", campaign(included=["Y6 nRLr"]), "/included/0", NO_ID),
    ("create_campaign", campaign(messages=[{"channel": "fax"}]), "/messages/0", "'email', 'sms', 'mobile_push'"),
    ("create_campaign", campaign(messages=[{"from_email": "me"}]), "/messages/0/from_email", MALFORMED),
    ("create_campaign", campaign(messages=[{"subject": "x", "body": "y"}]), "/messages/0/body", "no such field."),
    ("create_campaign", campaign(messages=[{"attributes": 5}]), "/messages/0/attributes", "no such field"),
    (
        "create_campaign",
        campaign(messages=[{"subject": "x"}, {"channel": "sms", "body": "y"}]),
        "/messages",
        "of one channel",
    ),
    (
        "create_campaign",
        campaign(tracking_options={"is_tracking_opens": True}, messages=[{"channel": "sms", "body": "y"}]),
        "/tracking_options",
        "Only e-mails track",
    ),
    (
        "create_campaign",
        sending(method="throttled", datetime="2027-01-01T00:00:00Z", throttle_percentage=3),
        "/send_strategy/throttle_percentage",
        "It can be 1, 2, 5",
    ),
    (
        "create_campaign",
        sending(
            method="static",
            datetime="2027-01-01T00:00:00Z",
            options={"is_local": False, "send_past_recipients_immediately": True},
        ),
        "/send_strategy/options",
        "for local times only",
    ),
    ("create_campaign", sending(method="static"), "/send_strategy/datetime", "static needs datetime."),
    (
        "create_campaign",
        sending(method="static", datetime="2027-01-01T00:00:00"),
        "/send_strategy/datetime",
        "no time zone",
    ),
    (
        "create_campaign",
        sending(method="smart_send_time", date="01.02.2027"),
        "/send_strategy/date",
        "Write it like 2026-08-01.",
    ),
    ("create_campaign", sending(method="tomorrow"), "/send_strategy/method", "Input should be 'immediate'"),
    ("update_campaign", {"campaign_id": "01JABC"}, "", "Say what is to change"),
    ("update_campaign", {"campaign_id": "01JABC", "messages": []}, "/messages", "no such field"),
    ("list_campaigns", {"channel": "fax"}, "/channel", "Input should be 'email'"),
    ("cancel_campaign_send", {"campaign_id": "01JABC", "action": "stop"}, "/action", "Input should be 'cancel'"),
    # Images
    ("upload_image", {"image_url": "https://shop.example/a.png", "file": PNG}, "/file", "Give either"),
    ("upload_image", {}, "/file", "Give either"),
    ("upload_image", {"file": "!!!"}, "/file", "not base64"),
    ("upload_image", {"file": PDF, "name": "cup.png"}, "/file", "no jpeg, png or gif"),
    ("upload_image", {"image_url": f"data:image/png;base64,{PDF}"}, "/file", "no jpeg, png or gif"),
    ("upload_image", {"image_url": f"data:image/png;base64,{PNG_OF_5_1_MB}"}, "/file", "larger than 5 MB"),
    ("upload_image", {"file": PNG_OF_5_1_MB}, "/file", "larger than 5 MB"),
    *(
        ("upload_image", {"image_url": url}, "/image_url", "begins with https://")
        for url in (
            "http://shop.example/a.png",
            "cup.png",
            "https://",
            "https://ann:pw@shop.example/a.png",
            "https://shop.example/a b.png",
            "https://shop.example/a.png\n",
            f"data:text/html;base64,{PNG}",
        )
    ),
    ("upload_image", {"file": PNG, "name": "Cup\r\nX: y"}, "/name", "one line"),
    ("update_image", {"image_id": "12345"}, "", "Say what is to change"),
    # Coupons, flows, tags, webhooks, reports
    ("list_coupon_codes", {}, "/coupon_id", ""),
    ("list_coupon_codes", {"coupon_id": "F1", "filter": 'any(status,["USED"]'}, "/filter", "not closed"),
    ("create_coupon_code", {"coupon_id": "F1", "unique_code": "X", "expires_at": "2027-01-01"}, "/expires_at", "zone"),
    ("create_coupon_code", {"coupon_id": "F1", "unique_code": ""}, "/unique_code", "at least 1 character"),
    ("bulk_create_coupon_codes", {"coupon_id": "F1", "codes": [{"unique_code": "X"}] * 2}, "/codes", "named twice"),
    ("update_coupon_code", {"code_id": "X-F1"}, "", "Say what is to change"),
    ("update_coupon_code", {"code_id": "X-F1", "status": "used"}, "/status", "Input should be"),
    ("update_flow_status", {"flow_id": "XyZ123", "status": "on"}, "/status", "Input should be 'draft'"),
    ("tag_things", {"tag_id": "abc"}, "/list_ids", "Give something"),
    ("create_tag", {"name": ""}, "/name", "at least 1 character"),
    ("create_webhook", webhook(endpoint_url="http://shop.example"), "/endpoint_url", "begins with https://"),
    ("create_webhook", webhook(endpoint_url="https://a.example/\r\nHost: b"), "/endpoint_url", "begins with https://"),
    ("create_webhook", webhook(topics=[]), "/topics", "at least 1 item"),
    ("create_webhook", webhook(secret_key="short"), "/secret_key", "at least 16 characters"),
    ("update_webhook", {"webhook_id": "abc"}, "", "Say what is to change"),
    ("query_metric_aggregates", aggregates(measurements=[]), "/measurements", "at least 1 item"),
    ("query_metric_aggregates", aggregates(filter=RANGE[:1]), "/filter", ""),
    ("query_metric_aggregates", aggregates(interval="year"), "/interval", "Input should be 'hour'"),
    ("query_metric_aggregates", aggregates(timezone="Oulu"), "/timezone", "named like Europe/Helsinki"),
    (
        "query_flow_values",
        {
            "statistics": ["recipients"],
            "timeframe": {"start": "2026-02-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"},
            "conversion_metric_id": "RtQ4aB",
        },
        "/timeframe/start",
        "before the end",
    ),
    # Raw requests
    *(
        ("raw_request", {"method": "GET", "url": url}, "/url", NO_PATH)
        for url in (
            "https://evil.example/api",
            "//evil.example",
            "/api/../x",
            "/api/x%0d%0aHost:",
            "/api/x\r\nHost: evil.example",
            "/api//lists",
            "/api/lists\\x",
            "/api/%2e%2e/x",
            "/api/%252e%252e/x",
            "/api/a%2Fb",
            "/api/lists@evil.example",
            "/api/lists?x=1",
            "/api/lists#x",
            "/api/lists\n",
            "/api/lists/\0",
            "/api/é",
            "/apievil/x",
            "/oauth/token",
            "api/lists",
            "/API/lists",
            "/",
        )
    ),
    *(
        ("raw_request", {"url": "/api/lists", "method": method}, "/method", "Input should be 'GET'")
        for method in ("TRACE", "CONNECT", "OPTIONS", "HEAD", "get", "GET\r\nX: y", "")
    ),
    ("raw_request", {"url": "/api/lists"}, "/method", "A url needs a method."),
    ("raw_request", {}, "/operation", "Give either an operation or a url."),
    ("raw_request", {"operation": "get_lists", "url": "/api/lists", "method": "GET"}, "/operation", "Give either"),
    ("raw_request", {"operation": "get_everything"}, "/operation", "no operation of that id"),
    ("raw_request", {"operation": "GET /api/lists"}, "/operation", "small letters"),
    ("raw_request", {"operation": "get_lists", "method": "DELETE"}, "/method", "has a method of its own"),
    ("raw_request", {"operation": "get_list"}, "/path", "Its path needs: id."),
    ("raw_request", {"operation": "get_lists", "path": {"id": "a"}}, "/path", "Its path needs: nothing."),
    *(
        ("raw_request", {"operation": "get_list", "path": {"id": id}}, "/path", "cannot be an id")
        for id in ("../x", "a/b", ".", "a?b", "a%2fb", "a b", "a#b")
    ),
    *(
        ("raw_request", {"operation": "get_lists", "headers": {name: "x"}}, "/headers", "ours to send")
        for name in (
            "Authorization",
            "authorization",
            "Klaviyo-API-Key",
            "Host",
            "Cookie",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Expect",
            "X-HTTP-Method-Override",
            "X-Forwarded-Host",
        )
    ),
    ("raw_request", {"operation": "get_lists", "headers": {"X": "a\r\nHost: b"}}, "/headers", "what a header cannot"),
    ("raw_request", {"operation": "get_lists", "headers": {"X Y": "a"}}, "/headers/X Y", "letters, digits and dashes"),
    ("raw_request", {"operation": "get_lists", "headers": {"X": "a", "x": "b"}}, "/headers", "given twice"),
    ("raw_request", {"operation": "get_lists", "headers": {"revision": "newest"}}, "/headers", "A revision is a date"),
    ("raw_request", {"operation": "get_lists", "headers": {"revision": "2026-13-45"}}, "/headers", "is a date"),
    ("raw_request", {"operation": "get_lists", "query_parameters": "a=1"}, "/query_parameters", "Input should be"),
    ("raw_request", {"operation": "get_lists", "exclude_authorization": True}, "/exclude_authorization", "/client/"),
    ("raw_request", {"url": "/client/events", "method": "POST"}, "/query_parameters", "needs company_id"),
    ("raw_request", {"operation": "create_list", "data": {}, "form_data": {"a": "b"}}, "/data", "Give either"),
    ("raw_request", {"operation": "create_list", "data": {"a": "\0"}}, "/data", ODD),
    ("raw_request", {"operation": "create_list", "data": nested(100)}, "/data", "nested deeper than 50 levels"),
    ("raw_request", {"operation": "create_list", "data": {"a": float("nan")}}, "/data", "number"),
    ("raw_request", {"operation": "create_list", "data": 5}, "/data", "Input should be"),
    ("raw_request", {"operation": "create_list", "form_data": {"a\r\nb": "c"}}, "/form_data/a\r\nb", "one line"),
    ("raw_request", {"operation": "upload_image_from_file", "file_data": {"file": "!"}}, "/file_data", "not base64"),
    (
        "raw_request",
        {"operation": "upload_image_from_file", "file_data": {"file": PNG}, "file_data_file_names": {"flie": "a"}},
        "/file_data_file_names",
        "not among file_data",
    ),
    (
        "raw_request",
        {"operation": "upload_image_from_file", "file_data": {"file": PNG}, "file_data_file_names": {"file": "a\n"}},
        "/file_data_file_names/file",
        "one line",
    ),
    ("raw_request", {"operation": "get_lists", "response_type": "xml"}, "/response_type", "Input should be 'json'"),
]


def refused(name: str, given: Given, *, strict: bool) -> list[Problem]:
    with pytest.raises(actions.BadInput) as problem:
        checking.checked(catalogue.find(name), given, strict=strict)
    return list(problem.value.problems)


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize(("name", "given", "pointer", "words"), BAD, ids=[f"{n}-{one[0]}" for n, one in enumerate(BAD)])
def test_it_is_refused_at_its_place_and_in_words(
    name: str, given: Given, pointer: str, words: str, strict: bool
) -> None:
    found = refused(name, given, strict=strict)
    there = [one.detail for one in found if one.pointer == pointer]
    assert there, found
    assert words in there[0] or OURS.get(words, words) in there[0]
    assert there[0].endswith((".", "?", "!"))
    assert "pattern" not in there[0]


def test_all_fields_are_told_at_once() -> None:
    found = refused("create_profile", {"emial": E, "latitude": 91, "image": "x"}, strict=True)
    assert {one.pointer for one in found} == {"/emial", "/latitude", "/image"}


def test_nothing_of_it_is_asked_or_on_record(sent: Callable[[], list[Exchange]], connection: Connection) -> None:
    for name, given, _, _ in BAD:
        with pytest.raises(actions.BadInput):
            actions.run(name, connection, **given)
    assert sent() == []
    assert not ActionRun.objects.exists()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"email": "ann@shop.example"', "line 1, column"),
        (b'{"email":\n "ann@shop.example",}', "line 2, column"),
        (b"[1]", "a list: send a JSON object"),
        (b"", "empty"),
        (b"null", "null: send a JSON object"),
        (b'{"email": "a\\u0000"}', "NUL"),
        (b'{"email": "\\ud83d"}', "half a character"),
        (b'{"email": "\xff"}', "not UTF-8"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
        (b'{"value": NaN}', "no JSON number"),
        (b'{"value": 1e999}', "too large"),
        (b'{"email": "a", "email": "b"}', "twice"),
    ],
)
def test_a_text_that_is_no_object_of_json_is_refused(raw: bytes, words: str) -> None:
    told = reading.checked(catalogue.find("create_profile").inputs, raw)
    assert isinstance(told, actions.Outcome)
    assert (told.outcome, told.code) == ("failure", "invalid_json")
    assert words in told.reason


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00b"])
def test_half_a_character_is_refused_from_python_as_well(half: str) -> None:
    for name, given, pointer in (
        ("create_list", {"name": half}, "/name"),
        ("create_event", event(properties={"a": half}), "/properties"),
        ("get_profiles", {"email": f"{half}@shop.example"}, "/email"),
    ):
        assert pointer in [one.pointer for one in refused(name, given, strict=False)]


def test_what_json_does_not_have_is_refused_from_python() -> None:
    [told] = refused("create_profile", ANN | {"properties": {"since": datetime.now(UTC)}}, strict=False)
    assert told.pointer == "/properties"
    assert "datetime" in told.detail


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("create_event", event(time="2026-08-01T12:00:00Z")),
        ("create_event", event(time="2026-08-01T14:00:00.250+02:00")),
        ("create_event", {"event_name": "Visited", "email": E}),
        ("create_coupon_code", {"coupon_id": "F1", "unique_code": "X", "expires_at": "2027-06-01T00:00:00Z"}),
        ("create_campaign", sending(method="static", datetime="2027-06-01T00:00:00Z")),
        ("create_campaign", sending(method="smart_send_time", date="2027-06-01")),
        ("subscribe_profiles", subscriber(consented_at="2020-01-01T00:00:00Z") | {"historical_import": True}),
    ],
)
def test_times_are_taken_however_they_come(name: str, given: Given, strict: bool) -> None:
    raw = json.dumps(given).encode()
    assert checking.checked(catalogue.find(name), given, strict=strict)
    assert not isinstance(reading.checked(catalogue.find(name).inputs, raw), actions.Outcome)


@pytest.mark.parametrize(
    ("name", "consent"), [("subscribe_profiles", "UNSUBSCRIBED"), ("unsubscribe_profiles", "SUBSCRIBED")]
)
def test_klaviyos_shape_must_not_say_the_contrary(name: str, consent: str) -> None:
    said = {"email": {"marketing": {"consent": consent}}}
    person = {"type": "profile", "attributes": {"email": "ann@shop.example", "subscriptions": said}}
    given = {"profiles": {"data": [person]}} | ({"opt_in": "A form"} if name == "subscribe_profiles" else {})
    with pytest.raises(checking.BadInput, match="here, or not be said"):
        checking.checked(catalogue.find(name), given)


# Over each way


#: Read as a whole before any field of it.
OF_THE_TEXT = {
    b'{"email": "ann@shop.example"': "line 1, column",
    b'{"email":\n "ann@shop.example",}': "line 2, column",
    b'[{"email": "ann@shop.example"}]': "a list: send a JSON object",
    b'{"email": "a\\u0000"}': "NUL",
    b'{"email": "\\ud83d"}': "half a character",
    b'{"email":' + b"[" * 100 + b"]" * 100 + b"}": "nested deeper",
    b'{"email": NaN}': "no JSON number",
    b'{"email": "a", "email": "b"}': "twice",
}
#: Of the text that one field of a form or of a command is given, as a whole.
NOT_OF_THE_FIELD = ("NaN", "NUL", "nested deeper", "half a character", "no number that JSON has", ODD)
LARGEST_FORM = 2_000_000  # characters of what is no file; beyond that Django refuses the form itself


def is_told(found: Iterable[Problem], pointer: str, words: str) -> bool:
    """Whether one of the problems is at that place or above, or in words that are expected."""
    top = pointer.split("/")[1:2]
    said = [words, OURS.get(words, words), *NOT_OF_THE_FIELD]
    return any(
        one.pointer.split("/")[1:2] == top
        or one.detail.startswith(tuple(top))  # of what has no field in a form
        or any(word in one.detail for word in said)
        for one in found
    )


def is_bare(value: Any) -> bool:
    """Whether no text has blanks around it, which a command takes off, or is empty, which leaves a field there."""
    match value:
        case str():
            return bool(value) and value == value.strip()
        case dict():
            return all(map(is_bare, value.values()))
        case list():
            return all(map(is_bare, value))
    return True


def can_be_typed(action: Action, given: Given) -> bool:
    """Whether a form can be given just this: it has texts without blanks around them, and a zone for each time."""
    fields = {one.name: one for one in action_fields.of(action)}
    if sum(len(str(one)) for name, one in given.items() if name != "file") > LARGEST_FORM:
        return False
    within = {
        f"{name}.{inner}": one for name, told in given.items() if isinstance(told, dict) for inner, one in told.items()
    }
    return all(name not in fields or _can_be(fields[name].kind, value) for name, value in {**given, **within}.items())


def _can_be(kind: str, value: Any) -> bool:
    if isinstance(value, str):
        is_whole = bool(value) and value == value.strip() and kind not in ("many", "lines", "people")
        return is_whole and not (kind == "moment" and len(value) in (10, 19))
    if kind in ("number", "boolean"):
        return isinstance(value, int | float)
    return isinstance(value, dict | list) and kind not in ("line", "text", "choice", "secret", "moment", "date")


@pytest.mark.parametrize("way", ["python", "command", "http", "page"])
def test_over_each_way_all_of_it_is_refused_and_nothing_is_asked(world: World, way: str) -> None:
    """A page may look for a thing by what was typed as its name."""
    world.exchanges.clear()
    tried, taken, odd = 0, [], []
    for name, given, pointer, words in BAD:
        if way == "page" and not can_be_typed(catalogue.find(name), given):
            continue
        if way == "command" and not is_bare(given):
            continue
        tried += 1
        try:
            taken.append((name, given, WAYS[way](world, name, given, "")))
        except Unused as refusal:
            if not is_told(refusal.problems, pointer, words):
                odd.append((name, str(given)[:200], pointer, words, refusal.problems))
    assert taken == []
    assert odd == []
    assert tried == len(BAD) if way in ("python", "http") else tried > len(BAD) / 2
    assert {one.method for one in world.exchanges} <= ({"GET"} if way == "page" else set())
    assert not ActionRun.objects.exists()


@pytest.mark.parametrize("way", [by_command, by_http])
def test_a_whole_text_that_is_no_input_is_refused_in_words(world: World, way: Callable[..., Any]) -> None:
    world.exchanges.clear()
    for raw, words in OF_THE_TEXT.items():
        with pytest.raises(Unused, match=re.escape(words)):
            way(world, "create_profile", {}, "", raw)
    assert world.exchanges == []
    assert not ActionRun.objects.exists()


#: What is worth a row of its own: the words, over every way. A form gives a zone to each time.
SHOWN: list[tuple[str, Given, str]] = [
    ("get_profiles", {"email": "nobody"}, MALFORMED),
    ("get_profiles", {"phone_number": "5125551234"}, "with its country code"),
    ("get_profiles", {"klaviyo_id": "01 JABC"}, NO_ID),
    ("get_profiles", {"email": E, "klaviyo_id": "01JABC"}, "which of email and klaviyo_id finds"),
    ("get_profiles", {"emial": E}, "did you mean email?"),
    ("get_list", {"list_id": "Y6nRLr", "klaviyo_list_id": "Y6nRLr"}, "given twice, as klaviyo_list_id"),
    ("create_event", event(value="NaN"), "number"),
    ("create_event", event(value=1, value_currency="EURO"), "three capital letters"),
    ("create_event", event(properties={f"p{n}": n for n in range(401)}), "401 properties"),
    ("upload_image", {"file": PNG_OF_5_1_MB}, "larger than 5 MB"),
    ("upload_image", {"file": PDF, "name": "cup.png"}, "no jpeg, png or gif"),
    ("upload_image", {"image_url": "https://shop.example/a.png", "file": PNG}, "Give either"),
    ("create_profile", ANN | {"latitude": 91}, "less than or equal to 90"),
    ("subscribe_profiles", subscriber(channels=["fax"]), "Input should be 'email'"),
    ("subscribe_profiles", subscriber(channels=["sms"]), "sms needs a phone_number."),
    ("subscribe_profiles", subscriber() | {"historical_import": True}, "has no consented_at"),
    (
        "subscribe_profiles",
        subscriber(consented_at="2199-01-01T00:00:00Z") | {"historical_import": True},
        "in the future",
    ),
    (
        "create_template",
        {"name": "Invite", "editor_type": "SYSTEM_DRAGGABLE", "html": "<p>"},
        "takes a definition and no html",
    ),
    (
        "create_campaign",
        sending(method="throttled", datetime="2027-01-01T00:00:00Z", throttle_percentage=3),
        "It can be 1, 2, 5",
    ),
    (
        "create_campaign",
        sending(
            method="static",
            datetime="2027-01-01T00:00:00Z",
            options={"is_local": False, "send_past_recipients_immediately": True},
        ),
        "for local times only",
    ),
    ("update_segment", {"segment_id": "SsKqZr1", "is_active": False, "name": "Fans"}, "goes alone"),
    ("list_coupon_codes", {}, ""),
    ("list_lists", {"filter": 'like(name,"x")'}, "name cannot be compared by like"),
    ("create_event", event(properties={"a": nested(100)}), "nested"),
    ("create_event", event(properties={"a": "\0"}), "NUL"),
    ("raw_request", {"url": "https://evil.example/api", "method": "GET"}, NO_PATH),
    ("raw_request", {"url": "//evil.example", "method": "GET"}, NO_PATH),
    ("raw_request", {"url": "/api/../x", "method": "GET"}, NO_PATH),
    ("raw_request", {"url": "/api/x%0d%0aHost:", "method": "GET"}, NO_PATH),
    ("raw_request", {"operation": "get_lists", "headers": {"Authorization": "x"}}, "ours to send"),
    ("raw_request", {"url": "/api/lists", "method": "TRACE"}, "Input should be"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "given", "words"), SHOWN, ids=[f"{n}-{one[0]}" for n, one in enumerate(SHOWN)])
def test_over_each_way_it_is_said_in_the_same_words(
    world: World, name: str, given: Given, words: str, way: str
) -> None:
    world.exchanges.clear()
    with pytest.raises(Unused) as refusal:
        WAYS[way](world, name, given, "")
    assert words in str(refusal.value)
    assert E not in str(refusal.value)
    assert world.exchanges == []
    assert not ActionRun.objects.exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_time_needs_its_zone(world: World, way: str) -> None:
    more = {"time.zone": "Mars"} if way == "page" else {}
    with pytest.raises(Unused, match="time zone"):
        WAYS[way](world, "create_event", event(time="2026-08-01T12:00:00") | more, "")
