"""Explanations of a delivery: what its state and reason mean, who can change it, and what to do."""

from dataclasses import dataclass, replace

from django.conf import settings

from integrations import providers, reasons
from integrations.models import Delivery
from integrations.outbox import retention
from integrations.pauses import by_hand
from integrations.reasons import Who

State = Delivery.State


@dataclass(frozen=True)
class Explanation:
    """What a delivery's state or reason means, who can change it, and what to do."""

    means: str
    who: Who
    do: str = "Nothing to do."


OF_STATES = {  # where a state says all, and there is no reason beside it
    State.QUEUED: Explanation("It waits for its turn.", Who.ITSELF),
    State.SENDING: Explanation("A worker is sending it now.", Who.ITSELF),
    State.ACCEPTED: Explanation("The provider has taken it. An event is also read back later.", Who.ITSELF),
    State.CONFIRMED: Explanation("The provider has taken it, and shows it.", Who.NOBODY),
    State.SKIPPED: Explanation("It was not to be sent.", Who.NOBODY),
    State.HELD: Explanation("It waits until somebody acts.", Who.OPERATOR, "Retry it, or open the account's page."),
    State.CANCELLED: Explanation("It was cancelled before it was sent.", Who.NOBODY),
}


def of(delivery: Delivery) -> Explanation:
    """By the reason on the record, in the words of its provider's pages; else by its state."""
    provider, state = providers.get(delivery.connection.provider), State(delivery.state)
    if by_hand.keeping(delivery):
        return Explanation(by_hand.PAUSED.means, by_hand.PAUSED.who, by_hand.PAUSED.do)
    if not delivery.reason_code and state in OF_STATES:
        known = OF_STATES[state]
        return replace(known, means=known.means.replace("The provider", provider.name))
    reason = reasons.of(delivery.reason_code).naming(provider.name)
    return Explanation(reason.means, reason.who, reason.do)


def of_no_body(delivery: Delivery) -> str:
    """Why there is no request body to show; empty where there is one."""
    if retention.is_forgotten(delivery):
        return (
            f"No longer kept. What was sent, and about whom, is removed after {settings.RETAIN_BODIES_DAYS} days. "
            "It cannot be sent again from here; send the fact itself again."
        )
    if delivery.body:
        return ""
    if not delivery.subject and delivery.kind not in providers.naming_nobody():
        return "It was removed when the person was erased."
    if delivery.state in Delivery.OPEN:
        return "None yet: it is put together from the stored facts when it is sent."
    return "It is put together when a delivery of this kind is sent, and not stored."
