"""Many of one kind in one request: what they have in common, and how one bad item is taken out."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from django.db.models import Q

from integrations import breaker, outbox, outcomes
from integrations.errors import IntegrationError, OperatorRequired, PermanentError, ReconnectRequired, Throttled
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Outcome, Retry
from klaviyo.api.client import Client
from klaviyo.delivery import waiting
from klaviyo.models import ProfileSync

NEVER_TRIED = Q(attempts_made=0)  # what was tried is settled one by one: of a whole request nobody knows what was taken
FEW = 10  # that are not worth another request for many
ALONE = Retry("goes_alone", "It was taken out of a request for many, and goes by itself.")
NOT_TAKEN = ("unreachable", "plain_http", "throttled")  # codes of requests that certainly had no effect

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


def send(client: Client, pack: Pack, request: Request, blame: Blame) -> None:
    """Make one request for all. Whom it is refused for goes alone; where nobody is named, each half is tried."""
    try:
        if outcome := request(pack):
            outbox.settle_all(pack, outcome)
    except CalledOff as reason:
        outbox.settle_all(pack, reason.outcome)
    except Throttled as error:
        waiting.for_budget(client.connection, pack, error)
    except PermanentError as error:
        again = partial(send, client, request=request, blame=blame)
        _take_out(pack, blame(error, pack), again)
    except IntegrationError as error:
        breaker.note(client.connection, error)
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
        return ALONE if error.code.startswith("http_") else outcomes.of(error)
    return Retry(error.code, error.sentence, outcomes.SOON, refund=error.code in NOT_TAKEN)


def sync_of(syncs: dict[int, ProfileSync], delivery: Delivery) -> ProfileSync | None:
    sync = syncs.get(delivery.options.get("sync", 0))
    return sync if sync and sync.is_enabled else None
