"""Stores joined anew, or switched on: their accounts are told what people have said no to, and what was skipped.

Before that a store takes in the noes that its new account had told of.

Whatever is about somebody who has said no waits for that by itself, so the noes need not all be queued first.
"""

import logging
from collections.abc import Callable

from django.db import transaction
from django.db.models.functions import Now

from integrations.models import Delivery
from integrations.outbox import retention, retrying
from klaviyo.consent import heard_noes, owed_noes
from klaviyo.mapping import contents
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import NOT_JOINED

State = Delivery.State

AT_ONCE = 1_000

log = logging.getLogger(__name__)


def go_on(is_over: Callable[[], bool]) -> None:
    """Go on with each, in short transactions, until it is over; one that fails keeps no other from its turn."""
    for served in heard_noes.due().select_related("store").order_by("pk"):
        try:
            while not is_over() and heard_noes.take_in_next(served):
                pass
        except Exception as error:
            log.error("What store %s is to hear could not be kept: %s", served.store_id, type(error).__name__)
    for setting in owed_noes.due_settings().select_related("connection").order_by("pk"):
        try:
            while not is_over() and _send_skipped(setting):
                pass
            while not is_over() and owed_noes.tell_next(setting):
                pass
        except Exception as error:
            log.error(
                "What store setting %s owes its account could not be queued: %s", setting.pk, type(error).__name__
            )


@transaction.atomic
def _send_skipped(setting: StoreSetting) -> bool:
    """Queue again what was skipped while the store was not joined, or off; False when nothing is left."""
    if not setting.is_enabled:
        return False
    mine = contents.of_store(setting.store_id, [setting.pk])
    skipped = Delivery.objects.filter(mine, connection=setting.connection_id, state=State.SKIPPED)
    skipped = retention.sendable(skipped.filter(reason_code=NOT_JOINED.code))
    late = skipped.filter(not_after__lt=Now())
    pks = list(skipped.exclude(pk__in=late).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    return bool(retrying.again(Delivery.objects.filter(pk__in=pks))) if pks else False
