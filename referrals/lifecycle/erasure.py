"""Erasure (GDPR, article 17): what a person did still counts, and nothing says any more who they were."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Lower

from referrals import signals, suppressions, text
from referrals.lifecycle import closing
from referrals.models import (
    Advocate,
    Conversion,
    Invite,
    OptIn,
    OptOut,
    Reminder,
    Reward,
    Submission,
    Suppression,
    Visit,
)


@dataclass(frozen=True)
class Erased:
    """How many of each were changed or deleted, the hash that is kept, and the ids of all that named the person."""

    counts: dict[str, int]
    mailbox_hash: str
    facts: list[UUID]


@transaction.atomic
def erase(email: str) -> Erased:
    """Whoever has this address is erased from every store, and never written to again; sends `person_erased`.

    Figures, orders and rewards stay without the person. Somebody unknown is erased too, and again as often as asked:
    what may have come meanwhile goes. They may be invited and may join afterwards, as somebody new.
    """
    address = text.email(email)
    digest = suppressions.digest(address)
    suppression, _ = Suppression.objects.get_or_create(
        mailbox_hash=digest, store=None, reason=Suppression.Reason.ERASED
    )
    # First: this waits for who is carrying one out, whose rows are there to be found afterwards.
    Submission.objects.alias(address=Lower("email")).filter(address__in=suppressions.spellings(address)).delete()
    traces = _Traces(address)
    traces.hold()
    facts = list(traces.facts())
    counts = traces.remove(partial(_nobody, digest))
    signals.person_erased.send(sender=type(suppression), email=address, facts=facts)
    return Erased(counts, digest, facts)


class _Traces:
    """All rows that name a person: as an advocate, a friend, the recipient of a reward, and in opt-ins and opt-outs."""

    def __init__(self, email: str) -> None:
        self._spellings = suppressions.spellings(email)
        self.advocates = self._at(Advocate, "email")
        self.invites = self._at(Invite, "recipient_email")
        self.conversions = self._at(Conversion, "friend_email")
        self.rewards = self._at(Reward, "recipient_email")
        self.opt_ins, self.opt_outs = self._at(OptIn, "email"), self._at(OptOut, "email")
        self.own = Q(advocate__in=list(self.advocates.values_list("pk", flat=True)))

    def hold(self) -> None:
        """Let nobody write of them meanwhile: not they, and no advocate of theirs."""
        theirs = Q(pk__in=self.invites.values("advocate")) | Q(pk__in=self.conversions.values("advocate"))
        rewarded = Q(pk__in=self.rewards.values("advocate"))
        people = Advocate.objects.filter(Q(pk__in=self.advocates.values("pk")) | theirs | rewarded)
        list(people.order_by("pk").only("pk").select_for_update(no_key=True))

    def facts(self) -> Iterable[UUID]:
        """The ids of all facts that say something of them, each once."""
        invites = Invite.objects.filter(self.own) | Invite.objects.filter(pk__in=self.invites.values("pk"))
        reminders = Reminder.objects.filter(invite__in=invites.values("pk"))
        visits = Visit.objects.filter(self.own)
        conversions = Conversion.objects.filter(self.own | Q(pk__in=self.conversions.values("pk")))
        rewards = Reward.objects.filter(self.own | Q(pk__in=self.rewards.values("pk")))
        for found in (self.advocates, invites, reminders, visits, conversions, rewards, self.opt_ins, self.opt_outs):
            yield from found.order_by("pk").values_list("uid", flat=True)

    def remove(self, nobody: Any) -> dict[str, int]:
        """Blank what names them, delete what only they told; how many of each."""
        invites = Invite.objects.filter(self.own | Q(pk__in=self.invites.values("pk")))
        closing.close_open(invites, Invite.Closing.ERASED)
        visits = Visit.objects.filter(self.own | Q(invite__in=self.invites.values("pk")))
        blank = dict.fromkeys(("first_name", "last_name", "phone", "locale", "tier"), "")
        friend = dict.fromkeys(("friend_first_name", "friend_last_name", "friend_phone"), "")
        return {
            "visits": visits.update(landing_page="", referrer=""),
            "advocates": self.advocates.update(email=nobody(), **blank),
            "invites": self.invites.update(recipient_email=nobody(), recipient_name=""),
            "conversions": self.conversions.update(friend_email=nobody(), **friend),
            "rewards": self.rewards.update(recipient_email=nobody()),
            "opt_ins": self.opt_ins.delete()[0],
            "opt_outs": self.opt_outs.delete()[0],
        }

    def _at(self, model: type[Any], field: str) -> QuerySet[Any]:
        found: QuerySet[Any] = model.objects.alias(address=Lower(field)).filter(address__in=self._spellings)
        return found


def _nobody(digest: str) -> Concat:
    """The placeholder for an address: the same for no two, as some must differ."""
    pk = Cast("pk", models.CharField())
    return Concat(Value(f"erased-{digest[:16]}-"), pk, Value(f"@{suppressions.NOBODY}"))
