"""The check of newsletter subscriptions: whoever opted in is subscribed, or our record says truly why not."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from integrations.models import Delivery
from klaviyo.delivery.newsletter import requests
from klaviyo.models import StoreSetting
from referrals.models import OptIn, OptOut
from sorae.demo.mail_folder import mailbox
from sorae.demo.world import World

State = Delivery.State

A_DAY = timedelta(days=1)


def lost(world: World) -> Iterable[str]:
    """A sentence for each yes that Klaviyo should know of, and does not."""
    records = {(row.connection_id, row.source): row for row in Delivery.objects.filter(kind="subscribe")}
    for opt_in in OptIn.objects.all():
        for setting in StoreSetting.objects.filter(store=opt_in.store_id, is_enabled=True).select_related("connection"):
            record = records.get((setting.connection_id, str(opt_in.uid)))
            problem = _problem(opt_in, setting, record, world) if record else "has no delivery."
            if problem:
                yield f"Opt-in {opt_in.uid} at {setting.connection.account_id} {problem}"


def _problem(opt_in: OptIn, setting: StoreSetting, record: Delivery, world: World) -> str:
    account, email = here = setting.connection.account_id, mailbox(opt_in.email)
    took_it_back = here in world.opted_out or world.register.has_withdrawn(*here)
    if record.state == State.HELD:
        return "" if account in world.away else "is held, though the account lets us in."
    if record.state in (State.ACCEPTED, State.CONFIRMED):
        must_confirm = record.reason_code == "pending_opt_in"
        profile = world.profile_of.get(here)
        is_there = profile is not None and (profile.consent == "SUBSCRIBED" or "email" not in opt_in.channels)
        return "" if is_there or must_confirm or took_it_back else "was taken, and the person is not subscribed."
    again = OptIn.objects.filter(store=opt_in.store_id).exclude(pk=opt_in.pk).values_list("email", flat=True)
    said_no = took_it_back or OptOut.objects.filter(store=opt_in.store_id, person=opt_in.person).exists()
    is_true = {
        "one_job_in_30_minutes": email in {mailbox(other) for other in again},
        "no_newsletter_list": not setting.newsletter_list_id,
        "expired": opt_in.occurred_at < timezone.now() - A_DAY,
        "opted_out": took_it_back,
        "withdrawn_since": said_no,
        "not_proved": said_no,
        "no_phone": "email" not in opt_in.channels,
        "number_not_confirmed": "email" not in opt_in.channels and not opt_in.proof,
        "outcome_unknown": record.attempts.filter(operation=requests.SUBSCRIBE, status=None).exists(),
    }.get(record.reason_code, False)
    return "" if is_true else f"is not there: our record says {record.state}, {record.reason_code or 'and not why'}."
