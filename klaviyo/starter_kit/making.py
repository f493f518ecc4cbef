"""Making of a starter kit: what is there already is left as it is, what is missing is made and tagged."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.utils import timezone

from integrations.errors import IntegrationError, PermanentError
from integrations.outcomes import CalledOff
from klaviyo.api import flows, things
from klaviyo.api.things import Thing
from klaviyo.models import KitItem
from klaviyo.starter_kit import comparison, plan
from klaviyo.starter_kit.plan import MARK, PLAN, Planned
from klaviyo.starter_kit.work import Work

State = KitItem.State
EVER = datetime.min.replace(tzinfo=UTC)
NO_METRIC = "Klaviyo does not know this event yet. Send samples to the account, then make the kit again."
NO_TEMPLATE = "Its template could not be made."
NO_DRAFT = "Klaviyo did not make it as a draft. Look at it in the account."


def make(work: Work) -> None:
    """All that is planned and is not there. Raises IntegrationError where it cannot go on now."""
    parts = Parts(work)
    tag_id = _tag(work)
    for planned in PLAN:
        if planned is not MARK:
            item = work.item(planned)
            try:
                _one(work, parts, planned, item, tag_id)
            except PermanentError as error:
                work.note(item, state=State.REFUSED, reason=error.sentence, began_at=None)


class Parts:
    """What a flow is made of, asked for once: the account's metrics, and who sends."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._metrics: dict[str, list[str]] | None = None
        self._sender: tuple[str, str] | None = None

    def metric(self, name: str) -> str:
        """The id of a metric by its name; empty where the account has none.

        An account that came from a private key to OAuth has two of a name, of which one is told of no more:
        https://developers.klaviyo.com/en/docs/set_up_oauth
        """
        if self._metrics is None:
            self._metrics = {}
            for metric in flows.metrics(self._work.client):
                self._metrics.setdefault(metric.name, []).append(metric.id)
        ids = self._metrics.get(name, [])
        if len(ids) > 1:
            seen = {id: flows.last_seen(self._work.client, id) for id in ids}
            self._metrics[name] = ids = [max(ids, key=lambda id: seen[id] or EVER)]
        return ids[0] if ids else ""

    def lacking(self, planned: Planned) -> str:
        """Why a thing cannot be made; empty where it can."""
        if planned.metric is None or planned.kind != "flow":
            return ""
        if not self.metric(planned.metric.name):
            return NO_METRIC
        return "" if self._template(planned) else NO_TEMPLATE

    def attributes(self, planned: Planned) -> dict[str, Any]:
        """Of a thing as it is made."""
        if planned.metric is None or planned.kind != "flow":
            return planned.attributes()
        if self._sender is None:
            self._sender = things.sender(self._work.client)
        return plan.flow(planned, self.metric(planned.metric.name), self._template(planned), self._sender)

    def _template(self, planned: Planned) -> str:
        template = self._work.items.get(planned.template)
        return template.klaviyo_id if template else ""


def _one(work: Work, parts: Parts, planned: Planned, item: KitItem, tag_id: str) -> None:
    if not _is_there(work, planned, item):
        if thing := work.found(planned, item, tag_id, partial(parts.attributes, planned)):
            work.adopt(item, thing, parts.attributes(planned))
        elif reason := parts.lacking(planned):
            work.note(item, state=State.WAITS, reason=reason)
            return
        else:
            _ask(work, item, planned, parts.attributes(planned))
    if planned.kind != "template" and not item.is_tagged:
        things.tag(work.client, tag_id, planned.kind, item.klaviyo_id, work.still_ours)
        work.note(item, is_tagged=True)
    if item.state != State.MADE:
        work.note(item, state=State.MADE, reason="")


def _is_there(work: Work, planned: Planned, item: KitItem) -> bool:
    """Whether what we remember is still there; if not, it is forgotten."""
    if not item.klaviyo_id:
        return False
    if things.one(work.client, planned.kind, item.klaviyo_id):
        return True
    work.note(item, klaviyo_id="", made={}, is_tagged=False, began_at=None)
    return False


def _ask(work: Work, item: KitItem, planned: Planned, attributes: dict[str, Any]) -> None:
    """Have it made. That it was asked for is on record first: if no answer comes, it is looked for by its name."""
    work.note(item, state=State.MAKING, reason="", began_at=timezone.now())
    try:
        thing = things.make(work.client, planned.kind, attributes, work.still_ours)
    except CalledOff:
        work.was_never_asked(item)  # or what somebody makes under that name in the next minute would count as ours
        raise
    except IntegrationError as error:
        if not error.may_have_happened:
            work.was_never_asked(item)
        raise
    wanted, held = comparison.of(planned.kind, attributes), comparison.look(thing)
    made = held if comparison.agrees(wanted, held) else wanted  # where an answer leaves out what was made
    work.note(item, klaviyo_id=thing.id, made=made, began_at=None, is_tagged=False)
    _keep_as_draft(work, item, thing)


def _keep_as_draft(work: Work, item: KitItem, thing: Thing) -> None:
    if thing.kind == "flow" and thing.attributes.get("status", flows.DRAFT) != flows.DRAFT:
        work.note(item, state=State.REFUSED, reason=NO_DRAFT)


def _tag(work: Work) -> str:
    """The id of our tag, which is made where the account has none of that name.

    Names of tags are unique there, and nothing says when one was made: where our request was sent and its answer lost,
    the one that is there counts as ours. https://developers.klaviyo.com/en/reference/create_tag
    """
    item = work.item(MARK)
    if not _is_there(work, MARK, item):
        there = next(iter(things.named(work.client, "tag", MARK.name)), None)
        if there:  # one of which we never asked may be somebody else's, and is never deleted
            made = comparison.look(there) if item.began_at else {}
            work.note(item, klaviyo_id=there.id, made=made, began_at=None, is_tagged=True)
        else:
            _ask(work, item, MARK, MARK.attributes())
    if item.state != State.MADE:
        work.note(item, state=State.MADE, reason="", is_tagged=True)
    return item.klaviyo_id
