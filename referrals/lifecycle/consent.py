"""Consent: opt-ins to a store's newsletter, opt-outs, and the suppression of addresses."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from referrals import erased, signals, suppressions, text, times
from referrals.lifecycle import closing, locks
from referrals.models import Invite, OptIn, OptOut, Store, Suppression, Wording

ONE_OPT_IN = timedelta(minutes=10)
LONGEST_WORDING = 10_000
Said = TypeVar("Said", OptIn, OptOut)

_NO_MORE_INVITES = (OptOut.Scope.INVITES, OptOut.Scope.EVERYTHING)


@transaction.atomic
def opt_in(
    store: Store,
    email: str,
    *,
    wording: str,
    place: str,
    channels: Iterable[str] = (OptIn.Channel.EMAIL,),
    phone: str = "",
    first_name: str = "",
    occurred_at: datetime | None = None,
) -> OptIn:
    """A person asks for the store's newsletter by words that they saw at a place; sends `opted_in`.

    Text messages need a phone. The same within ten minutes is one opt-in, unless the person has said no meanwhile.
    It takes no address off the list of those that are not written to. A yes from before the person's erasure is stored
    without them, and nobody hears of it.
    """
    kinds = text.choices(channels, "channels", OptIn.Channel)
    new = OptIn(
        email=text.email(email),
        phone=text.fit(OptIn, "phone", phone, required=OptIn.Channel.SMS in kinds),
        first_name=text.fit(OptIn, "first_name", first_name),
        channels=kinds,
        place=text.fit(OptIn, "place", place, required=True),
        occurred_at=times.happened(occurred_at),
    )
    words = text.clean(wording, "wording", LONGEST_WORDING, required=True)
    new.store = locks.take_store(store.pk)
    new.wording = _wording(new.store, words)
    if erased.is_older(new.email, occurred_at):
        new.phone = new.first_name = ""
        return _without_person(new)
    if known := _same_opt_in(new):
        return known
    new.save(force_insert=True)
    signals.opted_in.send(sender=OptIn, opt_in=new)
    return new


@transaction.atomic
def opt_out(store: Store, email: str, *, scope: str, place: str, occurred_at: datetime | None = None) -> OptOut:
    """A person says no to the store, once until they ask for its newsletter again; sends `opted_out`.

    No to invites, or to everything, also puts the address on the list of those that are not written to; and so does
    any no from before the person's erasure, of which nothing else is kept.
    """
    new = OptOut(
        email=text.email(email),
        scope=text.choice(scope, "scope", OptOut.Scope),
        place=text.fit(OptOut, "place", place, required=True),
        occurred_at=times.happened(occurred_at),
    )
    new.store = locks.take_store(store.pk)
    if erased.is_older(new.email, occurred_at):
        suppress(new.email, Suppression.Reason.UNSUBSCRIBED, new.store)
        return _without_person(new)
    known = _same_opt_out(new)
    if known is None:
        new.save(force_insert=True)
    if new.scope in _NO_MORE_INVITES:
        suppress(new.email, Suppression.Reason.UNSUBSCRIBED, new.store)
    if known is None:
        signals.opted_out.send(sender=OptOut, opt_out=new)
    return known or new


@transaction.atomic
def suppress(email: str, reason: str, store: Store | None = None) -> Suppression:
    """An address is not written to any more by the store, or (without one) by any; its open invites are closed.

    Each reason is kept once. Sends `suppressed` when it is new.
    """
    address = text.email(email)
    reason = text.choice(reason, "reason", Suppression.Reason)
    if store is not None and not Store.objects.filter(pk=store.pk).exists():
        raise text.refused("store", "is not stored. Save the store first.")
    suppression, is_new = Suppression.objects.get_or_create(
        mailbox_hash=suppressions.digest(address), store=store, reason=reason
    )
    closing.close_open(closing.to_friend(address, store=store), Invite.Closing.OPTED_OUT)
    if is_new:
        signals.suppressed.send(sender=Suppression, suppression=suppression, email=address)
    return suppression


def _without_person(new: Said) -> Said:
    """The same, stored once and without whoever said it."""
    told = type(new)._default_manager.filter(erased.stood_in("email", new.email), store=new.store)
    if known := told.filter(occurred_at=new.occurred_at).first():
        return known
    new.email = erased.stand_in(new.email, new.uid)
    new.save(force_insert=True)
    return new


def _wording(store: Store, words: str) -> Wording:
    digest = hashlib.sha256(words.encode()).hexdigest()
    wording, _ = Wording.objects.get_or_create(store=store, digest=digest, defaults={"text": words})
    return wording


def _same_opt_in(new: OptIn) -> OptIn | None:
    nearby = _opt_ins(new).filter(
        occurred_at__gt=new.occurred_at - ONE_OPT_IN,
        occurred_at__lt=new.occurred_at + ONE_OPT_IN,
        wording=new.wording,
        phone=new.phone,
    )
    for known in nearby.order_by("-occurred_at", "-pk"):
        said_no = _opt_outs(new).filter(occurred_at__range=(known.occurred_at, new.occurred_at))
        if known.channels == new.channels and not said_no.exists():
            return known
    return None


def _same_opt_out(new: OptOut) -> OptOut | None:
    """The last one of the scope, unless the person has asked for the newsletter after it and before now."""
    last = _opt_outs(new).filter(scope=new.scope).order_by("-occurred_at", "-pk").first()
    if last and not _opt_ins(new).filter(occurred_at__range=(last.occurred_at, new.occurred_at)).exists():
        return last
    return None


def _opt_ins(fact: OptIn | OptOut) -> QuerySet[OptIn]:
    """What the same person has asked of the store."""
    opt_ins = OptIn.objects.alias(address=Lower("email")).select_related("store", "wording")
    return opt_ins.filter(store=fact.store, address__in=suppressions.spellings(fact.email))


def _opt_outs(fact: OptIn | OptOut) -> QuerySet[OptOut]:
    opt_outs = OptOut.objects.alias(address=Lower("email")).select_related("store")
    return opt_outs.filter(store=fact.store, address__in=suppressions.spellings(fact.email))
