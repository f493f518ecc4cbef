"""Behaviour of the sandbox: control calls about faults, settings, and the journal of requests."""

from dataclasses import asdict
from typing import Any

from klaviyo.sandbox.control.request import Ask
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.faults import KINDS, Fault
from klaviyo.sandbox.protocol.validation import Anything, Boolean, Items, Members, Number, Text
from klaviyo.sandbox.settings import WEBHOOK_PROFILES

_FAULT = Members(
    {"operation": Text(shortest=1), "kind": Text(choices=KINDS)},
    {
        "count": Number(),
        "skip": Number(),
        "account": Text(nullable=True),
        "retry_after": Text(nullable=True),
        "delay": Number(),
        "html": Boolean(),
        "location": Text(),
        "pace": Number(),
        "items": Number(nullable=True),
        "seed": Number(nullable=True),
        "status": Text(shortest=1),
        "happened": Number(),
    },
)
_SETTINGS = Members(
    optional={
        "limits": Boolean(),
        "rotate_refresh_tokens": Boolean(),
        "access_token_seconds": Number(),
        "event_delay": Number(),
        "app_scopes": Items(Text()),
        "webhook_delay": Number(),
        "webhook_profiles": Text(choices=WEBHOOK_PROFILES),
        "import_seconds": Number(),
        "bulk_refuses_known_ids": Boolean(),
        "malformed": Items(Text()),
        "no_texts_to": Items(Text()),
        "refused": Anything(),
        "revision_sunset": Boolean(),
        "aligned_windows": Boolean(),
        "latency_ms": Number(),
        "token_seconds": Number(),
        "age_gated": Boolean(),
        "segment_seconds": Number(),
        "campaign_seconds": Number(),
        "retires_on": Text(),
    }
)


def add_fault(ask: Ask) -> Any:
    fault = Fault(**ask.body(_FAULT))
    ask.world.faults.add(fault)
    return asdict(fault)


def all_faults(ask: Ask) -> Any:
    return {"faults": [asdict(one) for one in ask.world.faults.all()], "kinds": KINDS}


def clear_faults(ask: Ask) -> Any:
    ask.world.faults.clear()
    return {}


def requests(ask: Ask) -> Any:
    operation = dict(ask.request.query_pairs()).get("operation")
    listed = [one for one in ask.world.journal.all() if operation in (None, one.operation)]
    return {"requests": [asdict(one) for one in listed]}


def counts(ask: Ask) -> Any:
    return {"counts": ask.world.journal.counts()}


def put_settings(ask: Ask) -> Any:
    changes = ask.body(_SETTINGS)
    for name in ("app_scopes", "malformed", "no_texts_to"):
        if name in changes:
            changes[name] = tuple(changes[name])
    try:
        return asdict(ask.world.turn(**changes))
    except (TypeError, ValueError) as error:
        raise Refusal(invalid(str(error), "/")) from None
