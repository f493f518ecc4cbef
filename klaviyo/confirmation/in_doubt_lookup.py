"""Before anybody says that a message was not sent: has it left after all, from a worker that did not live to say so?"""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations import outcomes
from integrations.errors import IntegrationError, Throttled
from integrations.mail import mailer
from integrations.models import Attempt, Delivery
from integrations.outcomes import Outcome, Retry
from integrations.reasons import Who, declare
from klaviyo.api import events
from klaviyo.api.answers import members, words
from klaviyo.api.client import Client
from klaviyo.confirmation import in_doubt_requests

SHOWS_WITHIN = timedelta(minutes=3)  # what Klaviyo has taken; then it never got there
ASKED_FOR = timedelta(hours=1)  # while Klaviyo gives no answer to that
AGAIN = timedelta(seconds=15)

BEING_CHECKED = declare(
    "being_checked",
    "Looked up first",
    "It may have reached Klaviyo already; that is looked up first.",
    because="it may have reached Klaviyo before, which is looked up first",
    means="The connection broke while it was handed over, and by now it would not be sent any more. Before that is "
    "said, Klaviyo is asked whether it holds the event already.",
    who=Who.ITSELF,
)
NOT_YET = Retry(BEING_CHECKED, AGAIN, refund=True)
IT_DID = Retry(BEING_CHECKED.saying("It had reached Klaviyo already."), timedelta(0), refund=True)


def before(refusal: Outcome, client: Client, delivery: Delivery) -> Outcome:
    """The refusal, where no request is unanswered or its event cannot be at Klaviyo; else another look, a little later.

    What is found is written to the request itself, and is accepted at the next turn. Nothing is sent by this. Of an
    e-mail that broke off nobody can know, and that is said.
    """
    if delivery.kind == "email":
        return outcomes.of(mailer.OutcomeUnknown()) if mailer.broke_off(delivery) else refusal
    requests = unanswered(delivery)
    last = requests.first()
    if last is None or not delivery.body:
        return refusal
    age = timezone.now() - last.started_at
    try:
        found = is_there(client, delivery)
    except Throttled as error:
        return outcomes.of(error)
    except IntegrationError:
        return NOT_YET if age < ASKED_FOR else refusal
    if found:
        in_doubt_requests.note_seen(Attempt.objects.filter(pk=last.pk))
        return IT_DID
    return NOT_YET if age < SHOWS_WITHIN else refusal


def unanswered(delivery: Delivery) -> "QuerySet[Attempt]":
    """The requests that may have brought it to Klaviyo; the latest first."""
    return in_doubt_requests.unanswered().filter(deliveries=delivery)


def is_there(client: Client, delivery: Delivery) -> bool:
    """Asked about by its own time, which the body has frozen, as its id alone cannot be asked for."""
    told = members(members(delivery.body.get("data")).get("attributes"))
    at = parse_datetime(words(told.get("time"))) or delivery.occurred_at
    return events.is_there(client, words(told.get("unique_id")), at, [delivery])
