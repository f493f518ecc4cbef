"""Many of one kind in one request: what they have in common, and how one bad item is taken out."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import partial

from django.db.models import Q

from integrations import outbox, outcomes, shutdown
from integrations.errors import (
    THROTTLED,
    IntegrationError,
    OperatorRequired,
    PermanentError,
    ReconnectRequired,
    TemporaryError,
    Throttled,
)
from integrations.models import Connection, Delivery
from integrations.outbox import no_room
from integrations.outcomes import CalledOff, Outcome, Retry
from integrations.pauses import circuit_breaker, provider_wide
from integrations.reasons import Who, declare
from integrations.wire import http
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation
from klaviyo.models import StoreSetting
from klaviyo.profiles.people import People

NEVER_TRIED = Q(attempts_made=0)  # what was tried is settled one by one: of a whole request nobody knows what was taken
REFUSED_IN_A_ROW = 10  # one bad item is found by fewer halvings
FEW = 10  # that are not worth another request for many
BUSY = declare(
    "busy",
    "Its turn comes",
    "The worker was asked to end; this one is next.",
    because="it is the next in line",
    means="A large batch took long.",
    who=Who.ITSELF,
)
NOT_REACHED = Retry(BUSY)
ALONE = Retry(
    declare(
        "goes_alone",
        "Goes by itself",
        "It was taken out of a request for many, and goes by itself.",
        because="it was taken out of a request for many, and goes by itself",
        means="Klaviyo refused a request for many, and this may be what it objected to.",
        who=Who.ITSELF,
    )
)
REPEATABLE = Q(attempts_made__lt=3) & ~Q(reason_code=ALONE.code)  # what may be told twice without harm
NOT_TAKEN = {reason.code for reason in (http.UNREACHABLE, http.PLAIN_HTTP, THROTTLED)}  # they certainly had no effect

Pack = Sequence[Delivery]
Request = Callable[[Pack], Outcome | None]  # makes the request; how it ended for all, None if that is yet to be seen
Blame = Callable[[PermanentError, Pack], Pack]  # those whom Klaviyo's errors point at


def settle_alike(outcomes_of: dict[int, Outcome], deliveries: Pack) -> None:
    """Write outcomes that many have in common, together; `outcomes_of` is by delivery id."""
    alike: dict[Outcome, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        if outcome := outcomes_of.get(delivery.pk):
            alike[outcome].append(delivery)
    for outcome, rows in alike.items():
        outbox.settle_all(rows, outcome)


def until_room(operation: Operation) -> Callable[[Connection], timedelta]:
    """How long a connection has to wait for the next request of a backlog."""
    return lambda connection: Client(connection, is_backlog=True).wait(operation)


def look_up(client: Client, deliveries: Pack, unasked: Collection[str] = ()) -> People | None:
    """The people of a claimed batch; None when they could not be looked up, which is no attempt at what waits."""
    try:
        people = People(client, deliveries, unasked, on_record=False)
    except Throttled as error:
        no_room.for_budget(client.connection, deliveries, error)
    except IntegrationError as error:
        circuit_breaker.note(client.connection, error)
        frozen = provider_wide.note(deliveries, error)
        outbox.settle_all(deliveries, provider_wide.waits(frozen) if frozen else _not_looked_up(error))
    else:
        return people
    return None


def send(client: Client, pack: Pack, request: Request, blame: Blame) -> None:
    """Make one request for all. Whom it is refused for goes alone; where nobody is named, each half is tried."""
    if shutdown.asked():
        outbox.give_back(pack, NOT_REACHED)
        return
    outbox.keep(pack)
    try:
        if outcome := request(pack):
            outbox.settle_all(pack, outcome)
    except CalledOff as reason:
        outbox.settle_all(pack, reason.outcome)
    except Throttled as error:
        no_room.for_budget(client.connection, pack, error)
    except PermanentError as error:
        again = partial(send, client, request=request, blame=blame)
        blamed = blame(error, pack)
        if not blamed and provider_wide.is_hopeless(pack, error, REFUSED_IN_A_ROW):
            blamed = pack
        _take_out(pack, blamed, again)
    except IntegrationError as error:
        circuit_breaker.note(client.connection, error)
        outbox.settle_all(pack, _all_of_them(error))


def _take_out(pack: Pack, blamed: Pack, again: Callable[[Pack], None]) -> None:
    named = {delivery.pk for delivery in blamed}
    rest = [delivery for delivery in pack if delivery.pk not in named]
    if blamed and rest:
        outbox.settle_all(blamed, ALONE)
        again(rest)
    elif len(pack) <= FEW or blamed:
        outbox.settle_all(pack, ALONE)
    else:
        again(pack[: len(pack) // 2])
        again(pack[len(pack) // 2 :])


def _all_of_them(error: IntegrationError) -> Outcome:
    """What is certain not to have been taken may go in bulk again; of all else nobody knows."""
    if isinstance(error, ReconnectRequired):
        return outcomes.of(error)
    if isinstance(error, OperatorRequired):
        return ALONE  # which says what is wrong, or that only the request for many is not taken
    return Retry(error.reason, outcomes.SOON, refund=error.code in NOT_TAKEN)


def _not_looked_up(error: IntegrationError) -> Outcome:
    is_temporary = isinstance(error, TemporaryError)
    return Retry(error.reason, outcomes.SOON, refund=True) if is_temporary else outcomes.of(error)


def setting_of(store_settings: dict[int, StoreSetting], delivery: Delivery) -> StoreSetting | None:
    setting = store_settings.get(delivery.options.get("sync", 0))
    return setting if setting and setting.is_enabled else None
