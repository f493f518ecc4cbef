"""Many people onto a list in one request."""

from collections import defaultdict
from collections.abc import Sequence

from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from integrations.outbox import no_room
from integrations.outcomes import Accepted, Outcome
from klaviyo.api import lists
from klaviyo.api.client import Client
from klaviyo.delivery import beforehand, bulks
from klaviyo.delivery.state import syncs_of
from klaviyo.people import People

wait = bulks.until_room(lists.ADD_PROFILES_TO_LIST)


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every list add of a claimed batch."""
    open_ones = beforehand.without_the_hopeless(deliveries)
    if not open_ones:
        return
    client = Client(connection, is_backlog=True)
    people = bulks.look_up(client, open_ones)
    if people is None:
        return
    objections, groups = _sorted(connection, people, open_ones)
    bulks.settle_alike(objections, open_ones)
    for list_id, group in groups.items():
        _send(client, people, group, list_id)


def _sorted(
    connection: Connection, people: People, deliveries: Sequence[Delivery]
) -> tuple[dict[int, Outcome], dict[str, list[Delivery]]]:
    """Outcomes by delivery id for whom nothing can be asked yet; and the others by their list."""
    syncs = syncs_of(connection)
    objections, groups = dict[int, Outcome](), defaultdict[str, list[Delivery]](list)
    for delivery in deliveries:
        sync = bulks.sync_of(syncs, delivery)
        if error := people.lookup.problem(delivery.subject):
            objections[delivery.pk] = no_room.for_an_answer(error)
        elif sync is None:
            objections[delivery.pk] = beforehand.SYNC_OFF
        elif not sync.list_id or people.known(delivery) is None:
            objections[delivery.pk] = bulks.ALONE  # which says what is wrong
        else:
            groups[sync.list_id].append(delivery)
    return objections, groups


def _send(client: Client, people: People, group: Sequence[Delivery], list_id: str) -> None:
    def request(now: bulks.Pack) -> Outcome:
        ids = [person.id for delivery in now if (person := people.known(delivery))]
        lists.add(client, list_id, list(dict.fromkeys(ids)), now)
        return Accepted()

    def blame(error: PermanentError, now: bulks.Pack) -> bulks.Pack:
        return now if error.code == "not_found" else []  # the list is gone: each says so

    bulks.send(client, group, request, blame)
