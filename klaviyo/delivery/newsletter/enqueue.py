"""A person's own yes or no to the newsletter, ordered for each account of the store."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower

from integrations import outbox
from integrations.models import Delivery
from integrations.outbox import Order
from integrations.outcomes import Skipped
from integrations.reasons import Who, declare
from klaviyo.api import values
from klaviyo.consent import suppression
from klaviyo.mapping import contents, orders, profiles
from klaviyo.mapping.contents import Content
from klaviyo.models import StoreSetting
from referrals import suppressions
from referrals.models import OptIn, OptOut

GOOD_FOR = timedelta(days=1)  # a yes that is older is not acted upon: the person may think otherwise by now
NO_LIST = Skipped(
    declare(
        "no_newsletter_list",
        "No newsletter list",
        "No newsletter list is chosen in the store's settings for this account.",
        because="no newsletter list is chosen in the store's settings",
        means="A yes to the newsletter is recorded here, but goes to no list.",
        who=Who.MERCHANT,
        do="Choose a newsletter list in the store's settings.",
    )
)
WITHDRAWN = suppression.OPTED_OUT.saying("The person has said no since.")


def subscribe(opt_in: OptIn) -> None:
    """Forward an opt-in to the newsletter list of each account, and to nothing else."""
    person, warnings = profiles.person_attributes(
        {"first_name": opt_in.first_name, "phone_number": opt_in.phone}, opt_in.store.country
    )
    for setting in _settings(opt_in.store_id):
        order = _order(
            "subscribe",
            opt_in,
            contents.Subscribe(setting=setting.pk, channels=opt_in.channels, place=opt_in.place, person=person),
            outcome=orders.malformed(opt_in.email) or (None if setting.newsletter_list_id else NO_LIST),
            not_after=opt_in.occurred_at + GOOD_FOR,
            warnings=warnings,
        )
        outbox.add(setting.connection_id, [order])


def unsubscribe(opt_out: OptOut) -> None:
    """Forward a no, once; an opt-in of the person that still waits is taken back, whatever the no is about."""
    mine = OptIn.objects.filter(store=opt_out.store_id, occurred_at__lte=opt_out.occurred_at)
    waiting = Delivery.objects.filter(kind=contents.Subscribe.kind, source__in=_sources(mine, opt_out.email))
    outbox.cancel(waiting, WITHDRAWN)
    for setting in _settings(opt_out.store_id):
        outcome = orders.malformed(opt_out.email)
        content = contents.Unsubscribe(setting=setting.pk, scope=opt_out.scope)
        outbox.add(setting.connection_id, [_order("unsubscribe", opt_out, content, outcome=outcome)])


def has_said_no_since(opt_in_uid: str) -> bool:
    """Whether the person of an opt-in has turned the store down after it; who was erased has."""
    opt_in = OptIn.objects.filter(uid=opt_in_uid).first()
    if opt_in is None:
        return True
    noes = OptOut.objects.filter(store=opt_in.store_id, occurred_at__gte=opt_in.occurred_at)
    return bool(_of(noes, opt_in.email).exists())


def has_said_yes_since(opt_out_uid: str) -> bool:
    """Whether the person of an opt-out has asked for e-mail after it, or is erased: then there is nothing to end."""
    opt_out = OptOut.objects.filter(uid=opt_out_uid).first()
    if opt_out is None:
        return True
    yeses = OptIn.objects.filter(store=opt_out.store_id, occurred_at__gt=opt_out.occurred_at)
    return any(OptIn.Channel.EMAIL in opt_in.channels for opt_in in _of(yeses, opt_out.email))


def words_of(delivery: Delivery) -> "QuerySet[Delivery]":
    """Every yes and no of the same person through the same account, of any store."""
    sources = [*_sources(OptIn.objects.all(), delivery.subject), *_sources(OptOut.objects.all(), delivery.subject)]
    through_it = Delivery.objects.filter(connection=delivery.connection_id)
    return through_it.filter(
        kind__in=(contents.Subscribe.kind, contents.Unsubscribe.kind), source__in=[*sources, delivery.source]
    )


def _sources(facts: Any, email: str) -> list[str]:
    return [str(uid) for uid in _of(facts, email).values_list("uid", flat=True)]


def _of(facts: Any, email: str) -> Any:
    return facts.alias(address=Lower("email")).filter(address__in=suppressions.spellings(email))


def _order(kind: str, fact: OptIn | OptOut, content: Content, **more: Any) -> Order:
    return Order(
        kind=kind,
        key=f"{kind}:{fact.uid}",
        source=str(fact.uid),
        subject=values.address(fact.email),
        options=content.as_options(),
        occurred_at=fact.occurred_at,
        **more,
    )


def _settings(store_id: int) -> Any:
    return StoreSetting.objects.filter(store=store_id, is_enabled=True).select_related("connection")
