"""Bulk requests: many deliveries of a kind in one request, and how one bad item is taken out of it.

A refusal that points at items takes these out, and the rest go; where it points at none, each half is tried.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from integrations import outbox, outcomes, shutdown
from integrations.errors import (
    THROTTLED,
    IntegrationError,
    OperatorRequired,
    PermanentError,
    ReconnectRequired,
    Throttled,
)
from integrations.models import Connection, Delivery
from integrations.outbox import rate_limited
from integrations.outcomes import CalledOff, Outcome, Retry
from integrations.pauses import circuit_breaker
from integrations.reasons import Who, declare
from integrations.wire import http
from integrations.workers.one_by_one import BUSY

REFUSED_IN_A_ROW = 10  # one bad item is found by fewer halvings
FEW = 10  # that are not worth another request for many
NOT_REACHED = Retry(BUSY.saying("The worker was asked to end; this one is next."))
ALONE = Retry(
    declare(
        "goes_alone",
        "Goes by itself",
        "It was taken out of a request for many, and goes by itself.",
        because="it was taken out of a request for many, and goes by itself",
        means="The provider refused a request for many, and this may be what it objected to.",
        who=Who.ITSELF,
    ),
    alone=True,
)
NOT_TAKEN = {reason.code for reason in (http.UNREACHABLE, http.PLAIN_HTTP, THROTTLED)}  # they certainly had no effect

Pack = Sequence[Delivery]
Request = Callable[[Pack], Outcome | None]  # makes the request; how it ended for all, None if that is yet to be seen
Blame = Callable[[PermanentError, Pack], Pack]  # those whom the provider's errors point at


def send(connection: Connection, pack: Pack, request: Request, blame: Blame) -> None:
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
        rate_limited.for_budget(connection, pack, error)
    except PermanentError as error:
        again = partial(send, connection, request=request, blame=blame)
        blamed = blame(error, pack)
        if not blamed and circuit_breaker.is_hopeless(pack, error, REFUSED_IN_A_ROW):
            blamed = pack
        _take_out(pack, blamed, again)
    except IntegrationError as error:
        circuit_breaker.note(connection, error)
        outbox.settle_all(pack, _all_of_them(error))


def settle_alike(outcomes_of: dict[int, Outcome], deliveries: Pack) -> None:
    """Write outcomes that many have in common, together; `outcomes_of` is by delivery id."""
    alike: dict[Outcome, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        if outcome := outcomes_of.get(delivery.pk):
            alike[outcome].append(delivery)
    for outcome, rows in alike.items():
        outbox.settle_all(rows, outcome)


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
    return Retry(error.reason, outcomes.wait_after(error), refund=error.code in NOT_TAKEN)
