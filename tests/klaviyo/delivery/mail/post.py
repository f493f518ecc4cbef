"""What tests of Sorae's own mail ask and do."""

from typing import Any

from integrations.models import Delivery
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.models import Send
from tests.conftest import Drain
from tests.klaviyo.story import State, end_leases, make_due
from tests.mail_server import MailServer

OTHER = "Qk7LmA"  # the second account
LIST = "Y6nRLr"
SENT = (State.ACCEPTED, "")

NOES: dict[str, dict[str, Any]] = {
    "unsubscribed": {"consent": "UNSUBSCRIBED"},
    "suppressed": {"consent": "SUBSCRIBED", "suppressions": ["HARD_BOUNCE"]},
    "consent_unknown": {"consent": "PENDING"},
    "list_suppressed": {"consent": "SUBSCRIBED", "list_suppressions": [LIST]},
}


def outcomes() -> dict[str, tuple[str, str]]:
    """State and reason of the last message to each friend."""
    rows = Delivery.objects.filter(kind="email").order_by("pk")
    return {row.subject: (row.state, row.reason_code) for row in rows}


def come_back(drain: Drain) -> None:
    """The sweep of the next minute, and a worker that lives."""
    end_leases()
    worker.sweep()
    make_due()
    drain()


def retry(email: str) -> None:
    retrying.again(Delivery.objects.filter(kind="email", subject=email))


def written_to(server: MailServer) -> list[str]:
    return sorted(address for arrived in server.arrived for address in arrived.recipients)


def reserved() -> int:
    return Send.objects.filter(mailed_at__isnull=False).count()
