"""Bulk delivery: the steps that events, profiles and list adds have in common."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from integrations import outbox, outcomes
from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled
from integrations.models import Connection, Delivery
from integrations.outbox import rate_limited
from integrations.outcomes import Outcome, Retry
from integrations.pauses import circuit_breaker
from integrations.workers import in_bulk
from klaviyo.api.answers import EdgeRefused, Unreadable
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation
from klaviyo.consent import owed_noes
from klaviyo.mapping import switches
from klaviyo.models import StoreSetting
from klaviyo.profiles import batch, joined_stores, people
from klaviyo.profiles.advocates import Advocates
from klaviyo.profiles.people import People

Item = TypeVar("Item")


def until_room(operation: Operation) -> Callable[[Connection], timedelta]:
    """How long a connection has to wait for the next request of a backlog."""
    return lambda connection: Client(connection, is_backlog=True).wait(operation)


def look_up(client: Client, deliveries: Sequence[Delivery], unasked: Collection[str] = ()) -> People | None:
    """The people of a claimed batch; None when they could not be looked up, which is no attempt at what waits."""
    try:
        source = Advocates(client.connection, deliveries)
        refusals = owed_noes.of(client.connection, (delivery.subject for delivery in deliveries))
        unasked = {address for address in unasked if not refusals.stand(address)}
        return people.look_up(client, deliveries, source, refusals, unasked, on_record=False)
    except Throttled as error:
        rate_limited.for_budget(client.connection, deliveries, error)
    except IntegrationError as error:
        outbox.settle_all(deliveries, _not_looked_up(circuit_breaker.note(client.connection, error, deliveries)))
    return None


def sort(
    store_settings: dict[int, StoreSetting],
    people: People,
    deliveries: Sequence[Delivery],
    place: Callable[[StoreSetting, Delivery], Outcome | str],
) -> tuple[dict[int, Outcome], dict[str, list[Delivery]]]:
    """What keeps a delivery from going in bulk, by delivery id; and the others in groups, as `place` names them."""
    objections, groups = dict[int, Outcome](), defaultdict[str, list[Delivery]](list)
    for delivery in deliveries:
        setting = joined_stores.setting_of(store_settings, delivery)
        if error := people.lookup.problem(delivery.subject):
            objections[delivery.pk] = _not_looked_up(error)
        elif setting is None or not setting.is_enabled:
            objections[delivery.pk] = batch.SETTING_OFF
        elif off := switches.objection_to(setting, delivery):
            objections[delivery.pk] = off
        elif isinstance(found := place(setting, delivery), str):
            groups[found].append(delivery)
        else:
            objections[delivery.pk] = found
    return objections, groups


def packs(items: Iterable[Item], size: Callable[[Item], int], *, most: int, most_bytes: int) -> Iterator[list[Item]]:
    """As many as one request may hold, by number and bytes of JSON (a comma and a space between two)."""
    pack: list[Item] = []
    total = 0
    for item in items:
        bytes = size(item) + 2
        if len(pack) == most or total + bytes > most_bytes:
            yield pack
            pack, total = [], 0
        pack.append(item)
        total += bytes
    if pack:
        yield pack


def _not_looked_up(error: IntegrationError) -> Outcome:
    """Whose address is refused, or oddly answered, goes alone, which counts; a failure on the way is nobody's try."""
    if isinstance(error, PermanentError | EdgeRefused | Unreadable):
        return in_bulk.ALONE
    if isinstance(error, TemporaryError) and not isinstance(error, Throttled):
        return Retry(error.reason, outcomes.wait_after(error), refund=True)
    return outcomes.of(error)
