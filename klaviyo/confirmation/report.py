"""Reconciliation report of a period: facts, the state of their deliveries, and Klaviyo's events beside them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.api.client import Client
from klaviyo.confirmation import compare, in_doubt, match, missing
from klaviyo.confirmation.compare import Found, Verdict
from klaviyo.mapping import contents
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Conversion, Invite, Reminder, Reward, Visit

State = Delivery.State

EXAMPLES = 5
AT_ONCE = 1_000
FACTS: dict[Any, str] = {
    Advocate: "program",
    Invite: "advocate__program",
    Reminder: "invite__advocate__program",
    Visit: "advocate__program",
    Conversion: "program",
    Reward: "advocate__program",
}


@dataclass
class Reconciliation:
    """One account's period. `young` events may still show: Klaviyo takes minutes. `mended` counts repairs by kind."""

    connection: Connection
    since: datetime
    until: datetime
    facts: int = 0
    untold: int = 0
    untold_examples: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    found: Counter[Verdict] = field(default_factory=Counter)
    young: int = 0
    examples: dict[Verdict, list[Found]] = field(default_factory=dict)
    mended: Counter[str] = field(default_factory=Counter)

    @property
    def told(self) -> int:
        """Events that the facts call for, each of which is in one of the states."""
        return sum(self.states.values())

    @property
    def is_even(self) -> bool:
        """Whether nothing is missing at Klaviyo, and nothing is there that our books do not know."""
        return not any(self.found[verdict] for verdict in (Verdict.MISSING, Verdict.EXTRA, Verdict.UNNOTICED))


def reconcile(
    connection: Connection,
    since: datetime,
    until: datetime,
    *,
    repairs: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Reconciliation:
    """Compare the books of a period, and mend what differs if asked to. Raises IntegrationError."""
    report = Reconciliation(connection, since, until, states=_states(connection, since, until))
    _count_facts(report)
    mend: dict[Verdict, list[int]] = {}
    for number, found in enumerate(compare.compare(Client(connection, is_backlog=True), since, until)):
        _note(report, found)
        if repairs and found.told and not _is_young(found):
            mend.setdefault(found.verdict, []).append(found.told.pk)
            _mend(report, mend, at_least=AT_ONCE)
        progress(number)
    _mend(report, mend, at_least=1)
    return report


def _note(report: Reconciliation, found: Found) -> None:
    if _is_young(found):
        report.young += 1
        return
    report.found[found.verdict] += 1
    shown = report.examples.setdefault(found.verdict, [])
    if len(shown) < EXAMPLES:
        shown.append(found)


def _is_young(found: Found) -> bool:
    settled_at = found.told.settled_at if found.told else None
    is_recent = settled_at is not None and settled_at > timezone.now() - missing.PATIENCE
    return found.verdict == Verdict.MISSING and is_recent


def _mend(report: Reconciliation, mend: dict[Verdict, list[int]], *, at_least: int) -> None:
    """Confirm what is there, and send again what is not; messages, which need consent, are only reported."""
    for verdict, pks in mend.items():
        if len(pks) < at_least:
            continue
        rows = Delivery.objects.filter(pk__in=pks)
        match verdict:
            case Verdict.MISSING:
                report.mended["sent again"] += missing.repair(report.connection, list(rows))
            case Verdict.UNNOTICED:
                report.mended["confirmed"] += sum(map(in_doubt.confirm, rows))
            case Verdict.TO_CONFIRM:
                report.mended["confirmed"] += match.confirm_those(rows)
        pks.clear()


def _states(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    rows = Delivery.objects.filter(
        connection=connection, kind=contents.Event.kind, occurred_at__gte=since, occurred_at__lt=until
    )
    counted = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    return {str(state): counted.get(state, 0) for state in State.values}


def _count_facts(report: Reconciliation) -> None:
    """How many facts there were, and which of them nobody was to be told of: an order is two events, and one fact."""
    for kind, uids in _facts(report):
        report.facts += len(uids)
        told = Delivery.objects.filter(connection=report.connection, source__in=uids)
        unknown = sorted(set(uids) - set(told.values_list("source", flat=True)))
        report.untold += len(unknown)
        report.untold_examples += [f"{kind} {uid}" for uid in unknown][: EXAMPLES - len(report.untold_examples)]


def _facts(report: Reconciliation) -> Iterator[tuple[str, list[str]]]:
    """The ids of what happened in the stores that are joined to the account, some at a time, by their kind."""
    stores = StoreSetting.objects.filter(connection=report.connection, is_enabled=True).values("store")
    for model, program in FACTS.items():
        rows = model._default_manager.filter(
            **{f"{program}__store__in": stores}, occurred_at__gte=report.since, occurred_at__lt=report.until
        ).order_by("pk")
        if model is Conversion:
            rows = rows.filter(kind=Conversion.Kind.ORDER)  # a refund is told as the reward that is taken back
        last = 0
        while batch := list(rows.filter(pk__gt=last).values_list("pk", "uid")[:AT_ONCE]):
            last = batch[-1][0]
            yield model._meta.verbose_name, [str(uid) for _, uid in batch]
