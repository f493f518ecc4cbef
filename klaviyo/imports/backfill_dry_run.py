"""Dry run of a backfill: what would go of the first few people and facts, as the requests would say it; nothing goes.

Klaviyo is asked who these people are, where that decides what is said of them, as the walk itself would ask.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from klaviyo.api import bulk
from klaviyo.api.client import Client
from klaviyo.api.rehearsal import Rehearsal
from klaviyo.consent.suppression import ERASED
from klaviyo.delivery import profiles
from klaviyo.imports import backfill_chunks, backfill_facts
from klaviyo.imports.backfill_facts import Span
from klaviyo.mapping import orders
from klaviyo.models import StoreSetting

SAMPLES = 5
ALONE = "It goes by itself, not in the import."
NO_IMPORT = {"data": {"id": "not-made"}}  # what a rehearsed import answers


@dataclass(frozen=True)
class Request:
    """A request as it would go: of how many, where to, and its body as JSON."""

    what: str
    method: str
    path: str
    body: str


@dataclass(frozen=True)
class LeftOut:
    """An advocate who would not be in a request, and why."""

    advocate: int
    why: str


@dataclass(frozen=True)
class DryRun:
    """What would go, and who would be left out."""

    requests: Sequence[Request]
    left_out: Sequence[LeftOut]


def of(setting: StoreSetting, span: Span | None = None) -> DryRun:
    """Of the first few. Raises IntegrationError where Klaviyo cannot be asked."""
    rows = list(backfill_chunks.advocates(setting).values_list("pk", "email")[:SAMPLES])
    usable, _ = backfill_chunks.without_the_unusable(rows)
    left_out = {pk: _unusable(email) for pk, email in rows if (pk, email) not in usable}
    rehearsal = Rehearsal(setting.connection, is_backlog=True, stand_in=lambda _: NO_IMPORT)
    sizes = []
    if usable:
        read = backfill_chunks.read(Client(setting.connection, is_backlog=True), setting, usable)
        with transaction.atomic():
            chunk = backfill_chunks.decided(read)
            transaction.set_rollback(True)  # deciding names properties, and queues what is owed
        left_out |= {pk: outcome.sentence for pk, outcome in chunk.objections.items()}
        left_out |= {pk: f"{outcome.sentence} {ALONE}" for pk, outcome in chunk.alone.items()}
        for list_id, items in chunk.groups.items():
            for pack in profiles.packs(items):
                bulk.import_profiles(rehearsal, [item for _, item, _ in pack], list_id)
                sizes.append(_number(len(pack), "profile") + (", who join the list" if list_id else ""))
    if span and (bodies := _events(setting, span)):
        body, _ = bulk.events_body(bodies)
        bulk.create_events(rehearsal, body)
        sizes.append(_number(len(bodies), "event"))
    requests = [
        Request(what, planned.operation.method, planned.operation.path, _readable(planned.request.content))
        for what, planned in zip(sizes, rehearsal.planned, strict=True)
    ]
    return DryRun(requests, [LeftOut(pk, why) for pk, why in sorted(left_out.items())])


def _events(setting: StoreSetting, span: Span) -> list[dict[str, Any]]:
    told = backfill_facts.first(setting, span, SAMPLES)
    made = [order for advocate, event in told for order in backfill_facts.of_the_past(advocate, [event], setting)]
    return [order.body for order in made if order.outcome is None]


def _unusable(email: str) -> str:
    outcome = orders.malformed(email)
    return outcome.sentence if outcome else ERASED.sentence


def _readable(content: bytes | None) -> str:
    return json.dumps(json.loads(content), indent=2, ensure_ascii=False) if content else ""


def _number(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
