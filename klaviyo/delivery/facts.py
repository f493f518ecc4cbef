"""Telling: a person's profile, an event, and the list that newcomers join."""

from functools import partial

from integrations.errors import IntegrationError, PermanentError
from integrations.models import Delivery
from klaviyo import orders
from klaviyo.api import answers, lists
from klaviyo.api import events as events_api
from klaviyo.delivery import permission
from klaviyo.delivery.state import Batch
from klaviyo.delivery.trouble import ListTrouble, PersonNotThereYet
from klaviyo.models import ProfileSync


def send_profile(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    permission.last_look(batch, delivery)
    batch.people.bring(delivery, sync)


def send_event(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    """Who acted themselves is brought in full; who was merely invited appears with the event alone, on no list."""
    if orders.message_of(delivery) is None and batch.people.must_be_brought(delivery):
        batch.people.bring(delivery, sync)
    last_look = partial(permission.last_look, batch, delivery)
    events_api.create(batch.client, delivery.body, [delivery], last_look=last_look)


def send_list_add(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    person = batch.people.known(delivery)
    if not sync.list_id:
        raise PermanentError("no_list", "The store has no list any more.")
    if person is None:
        raise PersonNotThereYet
    try:
        lists.add(batch.client, sync.list_id, [person.id], [delivery])
    except PermanentError as error:
        raise _list_trouble(sync, error) from error


def _list_trouble(sync: ProfileSync, error: PermanentError) -> IntegrationError:
    """A list that is gone answers 404, a malformed id of one 400; an unknown profile is one that shows later."""
    if error.code == "not_found" or answers.points_at(error, "id"):
        return ListTrouble.gone(sync.list_name or sync.list_id)
    return PersonNotThereYet()
