"""The models: connections to providers, the deliveries of the outbox, and the attempts to send them."""

from integrations.models.api import ApiToken, KeptAnswer, RefusedCall
from integrations.models.attempts import Attempt, Part
from integrations.models.connections import Authorization, Connection, HealthCheck, Leaving, Offer, Revocation
from integrations.models.days import Day
from integrations.models.deliveries import Delivery, Lease, Place, Turn
from integrations.models.jobs import Chore, Job
from integrations.models.notices import Need, Notice, NoticeAddress, NoticeDelivery
from integrations.models.pauses import DatabaseMark, MessageHold, Pause
from integrations.models.retirements import Retirement

__all__ = [
    "ApiToken",
    "Attempt",
    "Authorization",
    "Chore",
    "Connection",
    "DatabaseMark",
    "Day",
    "Delivery",
    "HealthCheck",
    "Job",
    "KeptAnswer",
    "Lease",
    "Leaving",
    "MessageHold",
    "Need",
    "Notice",
    "NoticeAddress",
    "NoticeDelivery",
    "Offer",
    "Part",
    "Pause",
    "Place",
    "RefusedCall",
    "Retirement",
    "Revocation",
    "Turn",
]
