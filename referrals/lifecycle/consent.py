"""Consent: opt-ins to a store's newsletter, opt-outs, and the suppression of addresses."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet

from referrals import erased, noes, person_key, signals, suppressions, text, times
from referrals.lifecycle import closing, locks
from referrals.models import Invite, OptIn, OptOut, Store, Suppression, Wording
from referrals.models.consent import take_a_turn

BY_COMPLAINT = "spam complaint"
ONE_OPT_IN = timedelta(minutes=10)
ONE_NO = timedelta(minutes=10)  # later they may have asked their provider, who tells us nothing, for more in between
SAME_MOMENT = timedelta(minutes=1)  # a provider may tell of one no in two ways, by times that differ a little
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
    proof: str = OptIn.Proof.NONE,
    occurred_at: datetime | None = None,
) -> OptIn:
    """A person asks for the store's newsletter by words that they saw at a place; sends `opted_in`.

    `proof` says how it is known that it was they (`OptIn.Proof`): "signed_in", or "confirmed" from their mailbox.
    Without a word anybody may have typed the address, as in a public form or a guest's checkout: such a yes takes no
    earlier no back. Text messages need a phone. The same within ten minutes is one opt-in, unless the person has said
    no meanwhile. It takes no address off the list of those that are not written to. What is told to have occurred
    later than now has occurred now. A yes from before the person's erasure is stored without them, and nobody hears of
    it.
    """
    kinds = text.choices(channels, "channels", OptIn.Channel)
    new = OptIn(
        email=text.email(email),
        phone=text.fit(OptIn, "phone", phone, required=OptIn.Channel.SMS in kinds),
        first_name=text.fit(OptIn, "first_name", first_name),
        channels=kinds,
        proof=text.choice(proof, "proof", OptIn.Proof),
        place=text.fit(OptIn, "place", place, required=True),
    )
    words = text.clean(wording, "wording", LONGEST_WORDING, required=True)
    new.store = locks.take_store(store.pk)
    _date(new, occurred_at)
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
    """A person says no to the store; sends `opted_out`. The same within ten minutes is one no, unless they have asked
    for the newsletter meanwhile.

    No to invites, or to everything, also puts the address on the list of those that are not written to; and so does
    any no from before the person's erasure, of which nothing else is kept.
    """
    new = OptOut(
        email=text.email(email),
        scope=text.choice(scope, "scope", OptOut.Scope),
        place=text.fit(OptOut, "place", place, required=True),
    )
    new.store = locks.take_store(store.pk)
    _date(new, occurred_at)
    if erased.is_older(new.email, occurred_at) and not erased.has_come_back(new.email):
        if new.scope in _NO_MORE_INVITES:
            suppress(new.email, Suppression.Reason.UNSUBSCRIBED, new.store)
        new.person = person_key.of(new.email)  # by which it is found should they come back
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
def note_yes(store: Store, email: str, *, wording: str, place: str, proof: str) -> OptIn:
    """A proved yes that somebody else tells their provider of: it takes earlier noes back, and no signal is sent."""
    new = OptIn(
        email=text.email(email),
        channels=[OptIn.Channel.EMAIL],
        proof=text.choice(proof, "proof", OptIn.Proof),
        place=text.fit(OptIn, "place", place, required=True),
    )
    words = text.clean(wording, "wording", LONGEST_WORDING, required=True)
    new.store = locks.take_store(store.pk)
    _date(new, None)
    new.wording = _wording(new.store, words)
    new.save(force_insert=True)
    return new


@transaction.atomic
def note_no_elsewhere(
    store: Store,
    email: str,
    *,
    place: str,
    is_complaint: bool = False,
    happened_at: datetime | None = None,
    key: person_key.Key | None = None,
) -> OptOut | None:
    """A no to everything that a person has said where a provider heard it; no signal is sent.

    None where it is known, or the person has certainly said yes since. Whom nothing here names it names by their key
    alone: `key`, where nobody knows the address any more.
    """
    address = text.storable(email)
    everything = OptOut.Scope.EVERYTHING
    new = OptOut(email=address, scope=everything, place=text.fit(OptOut, "place", place), is_complaint=is_complaint)
    new.key_version, new.person = key if key and not address else (person_key.VERSION, person_key.of(address))
    new.store = locks.take_store(store.pk)
    _date(new, happened_at)
    if _is_known_or_outdone(new):
        return None
    if not address or not erased.has_come_back(address):
        new.email = erased.stand_in_by(new.person, new.uid)
    new.save(force_insert=True)
    return new


@transaction.atomic
def confirm(opt_in: OptIn, at: datetime | None = None) -> OptIn:
    """The mailbox of an opt-in has confirmed it, `at` that time as far as is known; the first time stays."""
    moment = opt_in.occurred_at if at is None else times.happened(at, "at")
    locks.take_store(opt_in.store_id)
    stored = OptIn.objects.select_related("store", "wording").filter(pk=opt_in.pk).first()
    if stored is None:
        raise text.refused("opt_in", "is not stored. Let the person opt in first.")
    if stored.proof != OptIn.Proof.CONFIRMED:
        stored.proof, stored.proved_at = OptIn.Proof.CONFIRMED, min(moment, times.of_the_database())
        stored.turn = take_a_turn(stored.store_id)
        stored.save(update_fields=["proof", "proved_at", "turn"])
    return stored


@transaction.atomic
def suppress(email: str, reason: str, store: Store | None = None) -> Suppression:
    """An address is not written to any more by the store, or (without one) by any; its open invites are closed.

    Each reason is kept once. Sends `suppressed` when it is new. A complaint is also a no to all of the store's e-mail
    (without a store: of every store that has invited them).
    """
    address = text.email(email)
    reason = text.choice(reason, "reason", Suppression.Reason)
    if store is not None:
        locks.take_store(store.pk)
    elif reason == Suppression.Reason.COMPLAINED:  # which is a no to each of them: before any invite, as in `locks`
        list(_stores_that_invited(address).select_for_update(no_key=True).values_list("pk"))
    return _suppress(address, Suppression.Reason(reason), store)


def note_no(opt_out: OptOut) -> None:
    """Take in a no that a host has stored by itself: it gets its turn, and the address is not written to any more.

    However it is spelt: what is no address to us may still be somebody's, who is found by the key of it.
    """
    if opt_out.pk and not opt_out.person:
        opt_out.save(update_fields=["email", "person", "key_version", "turn"])
    if opt_out.scope != OptOut.Scope.NEWSLETTER:
        _suppress(text.address_in(text.storable(opt_out.email)), Suppression.Reason.UNSUBSCRIBED, opt_out.store)


def _suppress(address: str, reason: Suppression.Reason, store: Store | None) -> Suppression:
    suppression, is_new = Suppression.objects.get_or_create(
        mailbox_hash=person_key.of(address),
        store=store,
        reason=reason,
        defaults={"created_at": times.of_the_database()},
    )
    closing.close_open(closing.to_friend(address, store=store), Invite.Closing.OPTED_OUT)
    if is_new:
        signals.suppressed.send(sender=Suppression, suppression=suppression, email=address)
    if reason == Suppression.Reason.COMPLAINED:
        for concerned in [store] if store else _stores_that_invited(address):
            _complain(concerned, address)
    return suppression


def _complain(store: Store, address: str) -> None:
    """Once until they take it back: that the address is on the list may be older than a yes, or than an erasure."""
    new = OptOut(email=address, scope=OptOut.Scope.EVERYTHING, place=BY_COMPLAINT, is_complaint=True)
    new.store = locks.take_store(store.pk)
    if noes.untaken(_opt_outs(new).filter(is_complaint=True)):
        return
    _date(new, None)
    new.save(force_insert=True)
    signals.opted_out.send(sender=OptOut, opt_out=new)


def _stores_that_invited(address: str) -> QuerySet[Store]:
    invites = closing.to_friend(address).values("advocate__program__store")
    return Store.objects.filter(pk__in=invites).order_by("pk")


def _date(new: OptIn | OptOut, told: datetime | None) -> None:
    """By the database's clock, while its store is locked; of what was told to have occurred, nothing lies ahead."""
    new.created_at = times.of_the_database()
    new.occurred_at = new.created_at if told is None else min(times.happened(told), new.created_at)


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
        is_as_sure = new.proof in (OptIn.Proof.NONE, known.proof)
        if known.channels == new.channels and is_as_sure and not _opt_outs(new).filter(turn__gt=known.turn).exists():
            return known
    return None


def _same_opt_out(new: OptOut) -> OptOut | None:
    """The last of the scope, unless it is of long before or somebody has asked for the newsletter after it.

    Or this very one, told again.
    """
    if again := _opt_outs(new).filter(scope=new.scope, occurred_at=new.occurred_at).first():
        return again
    last = _opt_outs(new).filter(scope=new.scope).order_by("-turn", "-occurred_at", "-pk").first()
    if last is None or new.occurred_at >= last.occurred_at + ONE_NO:
        return None
    is_answered = _opt_ins(new).filter(Q(turn__gt=last.turn) | Q(turn=0, occurred_at__gte=last.occurred_at)).exists()
    return None if is_answered else last


def _is_known_or_outdone(new: OptOut) -> bool:
    """Whether the person's no stands already, or this one was told before, or a yes is later by more than clocks
    differ."""
    keys = {(new.key_version, new.person)} | (person_key.every(str(new.email)) if new.email else set())
    said = OptOut.objects.filter(person_key.stored("person", keys), store=new.store, scope=new.scope)
    if new.is_complaint:
        said = said.filter(is_complaint=True)
    nearby = said.filter(occurred_at__gt=new.occurred_at - SAME_MOMENT, occurred_at__lt=new.occurred_at + SAME_MOMENT)
    if nearby.exists() or noes.untaken(said):
        return True
    yeses = OptIn.objects.filter(person_key.stored("person", keys), store=new.store)
    return any(noes.outdoes(yes, new) for yes in yeses)


def _opt_ins(fact: OptIn | OptOut) -> QuerySet[OptIn]:
    """What the same person has asked of the store."""
    opt_ins = OptIn.objects.select_related("store", "wording")
    return opt_ins.filter(person_key.stored("person", person_key.every(fact.email)), store=fact.store)


def _opt_outs(fact: OptIn | OptOut) -> QuerySet[OptOut]:
    """What the same person has refused the store; without what is kept of somebody erased, whom it names no more."""
    opt_outs = OptOut.objects.select_related("store").exclude(email__endswith=f"@{suppressions.NOBODY}")
    return opt_outs.filter(person_key.stored("person", person_key.every(fact.email)), store=fact.store)
