"""Appended fields: a profile flat, with its consent and suppressions, beside the whole resource.

Not asked for is not "no consent": then the keys are null, and `subscriptions_known` is false.
"""

from typing import Any

from klaviyo.api.answers import members, words

OF_CONSENT = (
    "email_marketing_consent_status",
    "email_marketing_subscription_method",
    "email_marketing_subscription_suppression_reason",
    "email_marketing_subscription_suppression_timestamp",
    "email_marketing_suppression_list_id",
    "email_marketing_suppression_list_reason",
    "email_marketing_suppression_list_timestamp",
    "sms_marketing_consent_status",
    "sms_marketing_timestamp",
    "sms_marketing_method",
    "sms_marketing_method_details",
)


def flat(profile: Any, *, list_name: str | list[str] | None = None) -> dict[str, Any]:
    """The keys that LeadConduit appends, under our names, and `data`, the resource as Klaviyo sent it."""
    resource = members(profile)
    attributes = members(resource.get("attributes"))
    return {
        "type": resource.get("type"),
        "id": resource.get("id"),
        "reference": attributes.get("external_id"),
        "anonymous_id": attributes.get("anonymous_id"),  # seen live, gone from the specification
        "list_name": list_name,
        "created_time": attributes.get("created"),
        "updated_time": attributes.get("updated"),
        "last_event_date": attributes.get("last_event_date"),
        "custom": members(attributes.get("properties")),
        **_consent(attributes),
        "subscriptions_known": isinstance(attributes.get("subscriptions"), dict),
        "self_links": words(members(resource.get("links")).get("self")) or None,
        "data": profile,
    }


def _consent(attributes: dict[str, Any]) -> dict[str, Any]:
    told = members(attributes.get("subscriptions"))
    email = members(members(told.get("email")).get("marketing"))
    sms = members(members(told.get("sms")).get("marketing"))
    if not isinstance(attributes.get("subscriptions"), dict):
        return dict.fromkeys(OF_CONSENT)
    suppressed, of_lists = _newest_first(email.get("suppression")), _newest_first(email.get("list_suppressions"))
    values = (
        email.get("consent"),
        email.get("method"),
        [one.get("reason") for one in suppressed],
        [one.get("timestamp") for one in suppressed],
        [one.get("list_id") for one in of_lists],
        [one.get("reason") for one in of_lists],
        [one.get("timestamp") for one in of_lists],
        sms.get("consent"),
        sms.get("consent_timestamp"),
        sms.get("method"),
        sms.get("method_detail"),
    )
    return dict(zip(OF_CONSENT, values, strict=True))


def _newest_first(entries: Any) -> list[dict[str, Any]]:
    known = [members(entry) for entry in entries] if isinstance(entries, list) else []
    return sorted(known, key=lambda entry: words(entry.get("timestamp")), reverse=True)
