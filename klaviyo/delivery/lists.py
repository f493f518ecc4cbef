"""Many people onto a list in one request."""

from collections import defaultdict
from collections.abc import Sequence

from integrations.errors import IntegrationError, PermanentError
from integrations.models import Connection, Delivery
from integrations.outbox import no_room
from integrations.outcomes import Accepted, Outcome
from integrations.reasons import Who, declare
from klaviyo.api import answers, lists
from klaviyo.api.client import Client
from klaviyo.delivery import bulk, preflight
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch, settings_of
from klaviyo.profiles.errors import ListTrouble, PersonNotThereYet
from klaviyo.profiles.people import People

NO_LIST = declare(
    "no_list",
    "No list",
    "The store has no list any more.",
    because="the store has no list any more",
    means="The setting was taken away after this was queued.",
    who=Who.MERCHANT,
    do="Choose a list, then retry.",
)
wait = bulk.until_room(lists.ADD_PROFILES_TO_LIST)


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every list add of a claimed batch."""
    open_ones = preflight.without_the_hopeless(deliveries)
    if not open_ones:
        return
    client = Client(connection, is_backlog=True)
    people = bulk.look_up(client, open_ones)
    if people is None:
        return
    objections, groups = _sorted(connection, people, open_ones)
    bulk.settle_alike(objections, open_ones)
    for list_id, group in groups.items():
        _send(client, people, group, list_id)


def _sorted(
    connection: Connection, people: People, deliveries: Sequence[Delivery]
) -> tuple[dict[int, Outcome], dict[str, list[Delivery]]]:
    """Outcomes by delivery id for whom nothing can be asked yet; and the others by their list."""
    store_settings = settings_of(connection)
    objections, groups = dict[int, Outcome](), defaultdict[str, list[Delivery]](list)
    for delivery in deliveries:
        setting = bulk.setting_of(store_settings, delivery)
        if error := people.lookup.problem(delivery.subject):
            objections[delivery.pk] = no_room.for_an_answer(error)
        elif setting is None:
            objections[delivery.pk] = preflight.SETTING_OFF
        elif not setting.list_id or people.known(delivery) is None:
            objections[delivery.pk] = bulk.ALONE  # which says what is wrong
        else:
            groups[setting.list_id].append(delivery)
    return objections, groups


def _send(client: Client, people: People, group: Sequence[Delivery], list_id: str) -> None:
    def request(now: bulk.Pack) -> Outcome:
        ids = [person.id for delivery in now if (person := people.known(delivery))]
        lists.add(client, list_id, list(dict.fromkeys(ids)), now)
        return Accepted()

    def blame(error: PermanentError, now: bulk.Pack) -> bulk.Pack:
        return now if error.code == "not_found" else []  # the list is gone: each says so

    bulk.send(client, group, request, blame)


def send_list_add(batch: Batch, delivery: Delivery, setting: StoreSetting) -> None:
    person = batch.people.known(delivery)
    if not setting.list_id:
        raise PermanentError(NO_LIST)
    if person is None:
        raise PersonNotThereYet
    try:
        lists.add(batch.client, setting.list_id, [person.id], [delivery])
    except PermanentError as error:
        raise _list_trouble(setting, error) from error


def _list_trouble(setting: StoreSetting, error: PermanentError) -> IntegrationError:
    """A list that is gone answers 404, a malformed id of one 400; an unknown profile is one that shows later."""
    if error.code == "not_found" or answers.points_at(error, "id"):
        return ListTrouble.gone(setting.list_name or setting.list_id)
    return PersonNotThereYet()
