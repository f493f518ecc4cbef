"""Bodies that make flows: one that a metric starts, a mail after a day, another where a property says so."""

from __future__ import annotations

from typing import Any


def email(name: str, then: str | None = None) -> dict[str, Any]:
    message = {
        "from_email": "hello@teahouse.example",
        "from_label": "Tea House",
        "reply_to_email": None,
        "cc_email": None,
        "bcc_email": None,
        "subject_line": "Your reward",
        "preview_text": "",
        "template_id": None,
        "smart_sending_enabled": True,
        "transactional": False,
        "add_tracking_params": False,
        "custom_tracking_params": None,
        "additional_filters": None,
        "name": name,
    }
    return {"temporary_id": name, "type": "send-email", "links": {"next": then}, "data": {"message": message}}


def delay(name: str, then: str | None, days: int = 1) -> dict[str, Any]:
    data = {"unit": "days", "value": days, "secondary_value": 0, "timezone": "profile"}
    return {"temporary_id": name, "type": "time-delay", "links": {"next": then}, "data": data}


def split(name: str, yes: str | None, no: str | None) -> dict[str, Any]:
    condition = {
        "type": "profile-property",
        "property": "properties['tier']",
        "filter": {"type": "string", "operator": "equals", "value": "gold"},
    }
    groups = {"condition_groups": [{"conditions": [condition]}]}
    links = {"next_if_true": yes, "next_if_false": no}
    return {"temporary_id": name, "type": "conditional-split", "links": links, "data": {"profile_filter": groups}}


def flow(
    *actions: dict[str, Any], name: str = "Reward issued", trigger: dict[str, Any] | None = None
) -> dict[str, Any]:
    definition = {
        "triggers": [trigger] if trigger else [],
        "profile_filter": None,
        "actions": list(actions),
        "entry_action_id": actions[0]["temporary_id"] if actions else None,
    }
    return {"data": {"type": "flow", "attributes": {"name": name, "definition": definition}}}
