"""List adds: new profiles join the list that their store has chosen, alone or many in one request."""

from collections.abc import Sequence
from functools import partial

from integrations.errors import IntegrationError, PermanentError
from integrations.models import Connection, Delivery
from integrations.outcomes import Accepted, Outcome
from integrations.reasons import Who, declare
from integrations.workers import in_bulk
from integrations.workers.in_bulk import Pack
from klaviyo.api import answers, lists
from klaviyo.api.client import Client
from klaviyo.delivery import bulk, preflight
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch
from klaviyo.profiles.errors import ListTrouble, PersonNotThereYet
from klaviyo.profiles.joined_stores import settings_of
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


def send(batch: Batch, delivery: Delivery) -> None:
    """Add one person to the store's list."""
    setting, person = batch.setting(delivery), batch.people.known(delivery)
    if not setting.list_id:
        raise PermanentError(NO_LIST)
    if person is None:
        raise PersonNotThereYet
    try:
        lists.add(batch.client, setting.list_id, [person.id], [delivery])
    except PermanentError as error:
        raise _list_trouble(setting, error) from error


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every list add of a claimed batch."""
    open_ones = preflight.without_the_hopeless(deliveries)
    if not open_ones:
        return
    client = Client(connection, is_backlog=True)
    people = bulk.look_up(client, open_ones)
    if people is None:
        return
    objections, groups = bulk.sort(settings_of(connection), people, open_ones, partial(_place, people))
    in_bulk.settle_alike(objections, open_ones)
    for list_id, group in groups.items():
        in_bulk.send(connection, group, partial(_request, client, people, list_id), _blame)


def _place(people: People, setting: StoreSetting, delivery: Delivery) -> Outcome | str:
    """What cannot be asked for goes alone, which says what is wrong."""
    if objection := people.refuses(delivery):
        return objection
    return setting.list_id if setting.list_id and people.known(delivery) else in_bulk.ALONE


def _request(client: Client, people: People, list_id: str, pack: Pack) -> Outcome:
    ids = [person.id for delivery in pack if (person := people.known(delivery))]
    lists.add(client, list_id, list(dict.fromkeys(ids)), pack)
    return Accepted()


def _blame(error: PermanentError, pack: Pack) -> Pack:
    return pack if error.code == "not_found" else []  # the list is gone: each says so


def _list_trouble(setting: StoreSetting, error: PermanentError) -> IntegrationError:
    """Klaviyo answers 404 for a list that is gone (https://developers.klaviyo.com/en/reference/get_list)."""
    if answers.is_missing(error, "list") or answers.points_at(error, "id"):
        return ListTrouble.gone(setting.list_name or setting.list_id)
    return PersonNotThereYet()
