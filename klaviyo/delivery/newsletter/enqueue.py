"""Newsletter opt-ins and opt-outs, queued for each account of the store."""

from dataclasses import replace
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
from klaviyo.consent import owed_noes, suppression
from klaviyo.mapping import contents, orders, profiles
from klaviyo.models import StoreSetting
from referrals import person_key, phones, suppressions
from referrals.models import Advocate, OptIn, OptOut

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
MAKING_A_PROFILE: dict[str, type[contents.Subscribe | contents.Profile | contents.Event]] = {
    one.kind: one for one in (contents.Subscribe, contents.Profile, contents.Event)
}
WITHDRAWN = suppression.OPTED_OUT.saying("The person has said no since.")


def subscribe(opt_in: OptIn) -> None:
    """Forward an opt-in to the newsletter list of each account, and to nothing else; nobody's goes nowhere."""
    if suppressions.is_erased(str(opt_in.email)):
        return
    person, warnings = profiles.person_attributes(
        {"first_name": opt_in.first_name, "phone_number": opt_in.phone}, opt_in.store.country
    )
    if OptIn.Channel.SMS in opt_in.channels and not phones.gets_texts(person.get("phone_number", "")):
        person.pop("phone_number", None)  # or it would take the place of one that gets them
    for setting in StoreSetting.objects.filter(store=opt_in.store_id, is_enabled=True):
        content = contents.Subscribe(
            store=setting.store_id, channels=opt_in.channels, place=opt_in.place, person=person
        )
        order = Order(
            kind=contents.Subscribe.kind,
            key=f"{contents.Subscribe.kind}:{opt_in.uid}",
            source=str(opt_in.uid),
            subject=values.address(opt_in.email),
            options=content.as_options(),
            occurred_at=opt_in.occurred_at,
            outcome=orders.malformed(opt_in.email) or (None if setting.newsletter_list_id else NO_LIST),
            not_after=opt_in.occurred_at + GOOD_FOR,
            warnings=warnings,
        )
        outbox.add(setting.connection_id, [order])
        if OptIn.Channel.SMS in opt_in.channels and "phone_number" in person:
            _lend_number(opt_in, setting, person["phone_number"])


def unsubscribe(opt_out: OptOut) -> None:
    """Forward a no; an opt-in of the person that still waits is taken back, whatever the no is about."""
    theirs = person_key.stored("person", person_key.every(str(opt_out.email)))
    before = OptIn.objects.filter(theirs, store=opt_out.store_id)
    waiting = Delivery.objects.filter(kind=contents.Subscribe.kind, source__in=_uids(before))
    outbox.cancel(waiting, WITHDRAWN)
    owed_noes.tell(opt_out)


def words_of(delivery: Delivery) -> "QuerySet[Delivery]":
    """Every yes and no of the same person through the same account, of any store."""
    theirs = person_key.stored("person", person_key.every(delivery.subject))
    sources = [*_uids(OptIn.objects.filter(theirs)), *_uids(OptOut.objects.filter(theirs))]
    through_it = Delivery.objects.filter(connection=delivery.connection_id)
    return through_it.filter(
        kind__in=(contents.Subscribe.kind, contents.Unsubscribe.kind), source__in=[*sources, delivery.source]
    )


def _lend_number(opt_in: OptIn, setting: StoreSetting, number: str) -> None:
    """What else the person asked for in the same moment goes before it: whoever is new is made known with the number.

    Otherwise it would be a number that nothing proves, for a profile that exists: whichever goes first makes it.
    """
    theirs = OptIn.objects.filter(store=opt_in.store_id, person=opt_in.person, key_version=opt_in.key_version)
    said = theirs.filter(occurred_at=opt_in.occurred_at, pk__lt=opt_in.pk)
    everybody = Advocate.objects.filter(program__store=opt_in.store_id, occurred_at=opt_in.occurred_at)
    joined = everybody.alias(address=Lower("email")).filter(address__in=suppressions.spellings(opt_in.email))
    waiting = Delivery.objects.filter(connection=setting.connection_id, state=Delivery.State.QUEUED)
    for row in waiting.filter(kind__in=MAKING_A_PROFILE, source__in=_uids(said) + _uids(joined)).select_for_update():
        content = MAKING_A_PROFILE[row.kind].of(row)
        row.options = replace(content, person={"phone_number": number, **content.person}).as_options()
        row.save(update_fields=["options"])


def _uids(words: "QuerySet[Any]") -> list[str]:
    return [str(uid) for uid in words.values_list("uid", flat=True)]
