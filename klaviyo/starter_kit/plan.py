"""Plan of the starter kit: what is made, in which order, and what each thing is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from klaviyo.mapping.catalogue import Metric
from klaviyo.mapping.property_names import PLAIN
from klaviyo.starter_kit import mails
from klaviyo.starter_kit.mails import MAILS, Mail

Kind = Literal["tag", "list", "segment", "template", "flow"]

TAG = "Sorae starter kit"
#: All that the kit asks of Klaviyo for.
SCOPES = (
    "lists:read",
    "lists:write",
    "segments:read",
    "segments:write",
    "templates:read",
    "templates:write",
    "flows:read",
    "flows:write",
    "metrics:read",
    "tags:read",
    "tags:write",
)


@dataclass(frozen=True)
class Planned:
    """One thing: its name at Klaviyo, and what it is for; `mail` of a template or flow, `definition` of a segment."""

    kind: Kind
    of: str
    name: str
    purpose: str
    mail: Mail | None = None
    definition: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.of}"

    @property
    def metric(self) -> Metric | None:
        return self.mail.metric if self.mail else None

    @property
    def template(self) -> str:
        """The key of the template that a flow uses."""
        return f"template:{self.of}"

    def attributes(self) -> dict[str, Any]:
        """Those of the thing when it is made; of a flow see `flow`, as it needs the ids of others."""
        match self.kind:
            case "segment":
                return {"name": self.name, "definition": self.definition, "is_starred": False}
            case "template" if self.mail:
                page, plain = mails.html(self.mail), mails.text(self.mail)
                return {"name": self.name, "editor_type": "CODE", "html": page, "text": plain}
            case _:
                return {"name": self.name}


def flow(planned: Planned, metric_id: str, template_id: str, sender: tuple[str, str]) -> dict[str, Any]:
    """The attributes of a new flow: what it says goes to nobody before somebody sets it live.

    A flow is made as a draft, with each of its steps: https://developers.klaviyo.com/en/reference/create_flow
    """
    label, address = sender
    message = {
        "from_email": address or None,
        "from_label": label or None,
        "reply_to_email": None,
        "cc_email": None,
        "bcc_email": None,
        "subject_line": planned.mail.subject if planned.mail else planned.name,
        "preview_text": None,
        "template_id": template_id,
        "smart_sending_enabled": True,
        "transactional": False,
        "add_tracking_params": False,
        "custom_tracking_params": None,
        "additional_filters": None,
        "name": planned.name,
    }
    step = {
        "temporary_id": "mail",
        "type": "send-email",
        "links": {"next": None},
        "data": {"message": message, "status": "draft"},
    }
    definition = {
        "triggers": [{"type": "metric", "id": metric_id, "trigger_filter": None}],
        "profile_filter": None,
        "actions": [step],
        "entry_action_id": "mail",
    }
    return {"name": planned.name, "definition": definition}


def _whose(*conditions: tuple[str, str, int | None]) -> dict[str, Any]:
    """Who fits all of these: of a property an operator, and a number where it compares."""
    groups = []
    for name, operator, value in conditions:
        compares = {"type": "numeric", "operator": operator, "value": value}
        asked = {"type": "existence", "operator": operator} if value is None else compares
        condition = {"type": "profile-property", "property": f"properties['{PLAIN}{name}']", "filter": asked}
        groups.append({"conditions": [condition]})
    return {"condition_groups": groups}


LIST = Planned(
    "list",
    "advocates",
    "Sorae: Advocates",
    "For people who join a program. Choose it in a store's settings as the list that new profiles join.",
)
SEGMENTS = (
    Planned(
        "segment",
        "brought",
        "Sorae: Advocates who have brought an order",
        "For thanks, and for asking them to go on.",
        definition=_whose(("conversions", "greater-than", 0)),
    ),
    Planned(
        "segment",
        "waiting",
        "Sorae: Advocates without an order yet",
        "For a word of encouragement.",
        definition=_whose(("referral_code", "is-set", None), ("conversions", "equals", 0)),
    ),
    Planned(
        "segment",
        "owed",
        "Sorae: Advocates with a reward to come",
        "For those to whom a reward is still to be paid.",
        definition=_whose(("amount_owed", "greater-than", 0)),
    ),
)
TEMPLATES = tuple(
    Planned(
        "template",
        mail.metric.key,
        f"Sorae: {mail.metric.name.removeprefix('Sorae ')} mail",
        f"What the flow of {mail.metric.name} says.",
        mail,
    )
    for mail in MAILS
)
FLOWS = tuple(
    Planned(
        "flow",
        mail.metric.key,
        f"Sorae: {mail.metric.name.removeprefix('Sorae ')}",
        f"A mail, “{mail.heading if '{' not in mail.heading else 'You are invited'}”, started by {mail.metric.name}.",
        mail,
    )
    for mail in MAILS
)
MARK = Planned("tag", "kit", TAG, "Marks the list, the segments and the flows. Klaviyo tags no templates.")

PLAN = (MARK, LIST, *SEGMENTS, *TEMPLATES, *FLOWS)
BY_KEY = {planned.key: planned for planned in PLAN}
