"""Explanations of a delivery: what its state and reason mean, who can change it, and what to do."""

from django.conf import settings

from integrations import providers, reasons
from integrations.models import Delivery
from integrations.outbox import retention
from integrations.reasons import Reason, Who

State = Delivery.State
ITSELF, NOBODY = Who.ITSELF, Who.NOBODY
OF_STATES: dict[str, tuple[str, str, Who, str]] = {  # where a state says all, and there is no reason beside it
    State.QUEUED: ("Its turn comes", "It waits for its turn.", ITSELF, "Nothing to do."),
    State.SENDING: ("On its way", "A worker is sending it now.", ITSELF, "Nothing to do."),
    State.ACCEPTED: (
        "Accepted",
        "The provider has taken it. An event is also read back there later.",
        ITSELF,
        "Nothing to do.",
    ),
    State.CONFIRMED: ("Confirmed", "The provider has taken it, and shows it.", NOBODY, "Nothing to do."),
    State.SKIPPED: ("Not sent", "It was not to be sent.", NOBODY, "Nothing to do."),
    State.HELD: (
        "Held",
        "It waits until somebody has acted.",
        Who.OPERATOR,
        "Retry it, or look at the account's page.",
    ),
    State.CANCELLED: ("Cancelled", "It was cancelled before it was sent.", NOBODY, "Nothing to do."),
}


def of(delivery: Delivery) -> Reason:
    """The reason on the record, as the pages of its provider put it; else what its state means."""
    if delivery.reason_code or delivery.state not in OF_STATES:
        known = reasons.of(delivery.reason_code, delivery.reason)
    else:
        title, means, who, do = OF_STATES[delivery.state]
        known = Reason("", title, means, "", means, who, do)
    return known.naming(providers.get(delivery.connection.provider).name)


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
