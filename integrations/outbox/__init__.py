"""The transactional outbox, queue and record in one: add · claim · settle · give back what a dead worker held.

A delivery is written in the transaction of the fact it tells of. A worker claims due rows under a lease,
commits, talks to the provider, and settles each row only while the lease is still its own. Celery messages
are wake-ups: losing all of them costs one sweep. Leases and back-off go by the database's clock: Django's Now() is the
time of the statement, also on PostgreSQL, whose now() is that of the transaction's beginning:
https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#now
"""

from integrations.outbox.chores import is_releasing, is_taking_back
from integrations.outbox.claiming import claim
from integrations.outbox.due import FRESH, Lot, Waiting, Window, behind_others, connections_with_work, lots, sizes
from integrations.outbox.leasing import end, extend, is_well_served, keep
from integrations.outbox.queueing import Order, add
from integrations.outbox.settling import BACKOFF, NotStored, give_back, is_plain, settle, settle_all, settle_taken
from integrations.outbox.suspects import BATCH, CRASHES_FAILED, claim_suspects, give_back_expired
from integrations.outbox.waiting import (
    TAKEN_BACK,
    cancel,
    cancel_late,
    hold,
    hold_strays,
    release,
    retry,
    take_back,
    waiting_for,
)

__all__ = [
    "BACKOFF",
    "BATCH",
    "CRASHES_FAILED",
    "FRESH",
    "TAKEN_BACK",
    "Lot",
    "NotStored",
    "Order",
    "Waiting",
    "Window",
    "add",
    "behind_others",
    "cancel",
    "cancel_late",
    "claim",
    "claim_suspects",
    "connections_with_work",
    "end",
    "extend",
    "give_back",
    "give_back_expired",
    "hold",
    "hold_strays",
    "is_plain",
    "is_releasing",
    "is_taking_back",
    "is_well_served",
    "keep",
    "lots",
    "release",
    "retry",
    "settle",
    "settle_all",
    "settle_taken",
    "sizes",
    "take_back",
    "waiting_for",
]
