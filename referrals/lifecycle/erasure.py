"""Erasure (GDPR, article 17): what a person did still counts, and nothing says any more who they were."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Lower, Now

from referrals import erased, noes, person_key, signals, suppressions, text
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

ROWS_AT_ONCE = 500
_IS_BLANK = Q(email__endswith=f"@{suppressions.NOBODY}")


@dataclass(frozen=True)
class Erased:
    """How many of each were changed or deleted, the hash that is kept, and the ids of all that named the person.

    `at` is by the database's clock: facts that occurred before are kept without the person, see `referrals.erased`.
    """

    counts: dict[str, int]
    mailbox_hash: str
    facts: list[UUID]
    at: datetime


@transaction.atomic
def erase(email: str) -> Erased:
    """Whoever has this address is erased from every store, and never written to again; sends `person_erased`.

    Figures, orders and rewards stay without the person. Somebody unknown is erased too, and again as often as asked:
    what may have come meanwhile goes. They may be invited and may join afterwards, as somebody new.
    """
    address = text.email(email)
    suppression, _ = Suppression.objects.get_or_create(
        mailbox_hash=person_key.of(address), store=None, reason=Suppression.Reason.ERASED
    )
    # First: this waits for who is carrying one out, whose rows are there to be found afterwards.
    Submission.objects.alias(address=Lower("email")).filter(address__in=suppressions.spellings(address)).delete()
    facts, counts = _take_out(_Traces(address))
    # Now() is the time of the statement: https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#now
    Suppression.objects.filter(pk=suppression.pk).update(created_at=Now())
    suppression.refresh_from_db(fields=["created_at"])
    signals.person_erased.send(sender=Suppression, email=address, facts=facts, until=None)
    return Erased(counts, suppression.mailbox_hash, facts, suppression.created_at)


@transaction.atomic
def erase_what_came_meanwhile(email: str, erased_at: datetime) -> list[UUID]:
    """Once more what was stored until shortly after an erasure: it was being written when that looked.

    Whoever has come back since, as somebody new, stays. The ids of what was found; sends `person_erased` if anything.
    """
    address, until = text.email(email), erased_at + erased.MARGIN
    facts, _ = _take_out(_Traces(address, until))
    if facts:
        signals.person_erased.send(sender=Suppression, email=address, facts=facts, until=until)
    return facts


def _take_out(traces: "_Traces") -> tuple[list[UUID], dict[str, int]]:
    traces.hold()
    facts = list(traces.facts())
    return facts, traces.remove(partial(_nobody, traces.digest))


class _Traces:
    """All rows that name a person: as an advocate, a friend, the recipient of a reward, and in opt-ins and opt-outs.

    With `until`, those only that were stored by then.
    """

    def __init__(self, email: str, until: datetime | None = None) -> None:
        self.digest = person_key.of(email)
        self._spellings, self._until = suppressions.spellings(email), until
        self.advocates = self._at(Advocate, "email")
        self.invites = self._at(Invite, "recipient_email")
        self.conversions = self._at(Conversion, "friend_email")
        self.rewards = self._at(Reward, "recipient_email")
        self._keys = person_key.every(email)
        self.opt_ins, self.opt_outs = self._said(OptIn), self._said(OptOut).exclude(_IS_BLANK)
        self.own = Q(advocate__in=list(self.advocates.values_list("pk", flat=True)))

    def hold(self) -> None:
        """Let nobody write of them meanwhile: not they, and no advocate of theirs."""
        theirs = Q(pk__in=self.invites.values("advocate")) | Q(pk__in=self.conversions.values("advocate"))
        rewarded = Q(pk__in=self.rewards.values("advocate"))
        people = Advocate.objects.filter(Q(pk__in=self.advocates.values("pk")) | theirs | rewarded)
        list(people.order_by("pk").only("pk").select_for_update(no_key=True))
        list(self._said(OptOut).order_by("pk").only("pk").select_for_update())

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
        self._blank_lines()
        friend = dict.fromkeys(("friend_first_name", "friend_last_name", "friend_phone"), "")
        return {
            "visits": visits.update(landing_page="", referrer=""),
            "advocates": self.advocates.update(email=nobody(), **blank),
            "invites": self.invites.update(recipient_email=nobody(), recipient_name=""),
            "conversions": self.conversions.update(friend_email=nobody(), **friend),
            "rewards": self.rewards.update(recipient_email=nobody()),
            "opt_outs": self._remove_opt_outs(nobody),
            "opt_ins": self.opt_ins.delete()[0],
        }

    def _blank_lines(self) -> None:
        """Take the person out of the lines of what they ordered, and of what was ordered through them."""
        names = ("email", "first_name", "last_name", "phone")
        theirs = [word for row in self.advocates.values_list(*names) for word in row]
        theirs += [word for row in self.invites.values_list("recipient_email", "recipient_name") for word in row]
        with_lines = Conversion.objects.filter(self.own | Q(pk__in=self.conversions.values("pk"))).exclude(lines=[])
        for order in with_lines.order_by("pk").iterator(ROWS_AT_ONCE):
            is_own = order.friend_email.lower() in self._spellings
            named = (order.friend_email, order.friend_first_name, order.friend_last_name, order.friend_phone)
            lines = erased.blanked(order.lines, *theirs, *(named if is_own else ()))
            if lines != order.lines:
                Conversion.objects.filter(pk=order.pk).update(lines=lines)

    def _remove_opt_outs(self, nobody: Any) -> int:
        """A no that stands is kept by the person's key alone: should they come back, it still counts."""
        standing = [no.pk for no in noes.untaken(self.opt_outs)]
        removed = self.opt_outs.exclude(pk__in=standing).delete()[0]
        return removed + OptOut.objects.filter(pk__in=standing).update(email=nobody(), place="")

    def _said(self, model: type[Any]) -> QuerySet[Any]:
        """Their words, however a host has spelt the address."""
        return self._by_then(model.objects.filter(person_key.stored("person", self._keys)))

    def _at(self, model: type[Any], field: str) -> QuerySet[Any]:
        return self._by_then(model.objects.alias(address=Lower(field)).filter(address__in=self._spellings))

    def _by_then(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(created_at__lte=self._until) if self._until else rows


def _nobody(digest: str) -> Concat:
    """The placeholder for an address: the same for no two, as some must differ."""
    pk = Cast("pk", models.CharField())
    return Concat(Value(f"erased-{digest[:16]}-"), pk, Value(f"@{suppressions.NOBODY}"))
