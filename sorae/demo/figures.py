"""Statistics of the demo: invites, reminders, opt-ins and opt-outs by their outcome."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q

from integrations import reasons
from integrations.models import Attempt, Delivery
from klaviyo.models import Send
from referrals.models import Reminder
from sorae.demo.mail_folder import mailbox
from sorae.demo.world import World

State = Delivery.State
SENT = (State.ACCEPTED, State.CONFIRMED)
WITHDRAWN = ("opted_out_at_klaviyo", "complained")
TROUBLE = (401, 429, 503)


@dataclass
class Waiting:
    """Sends that waited at some moment, by id, with the state and the reason they had then."""

    sends: dict[int, tuple[str, str]] = field(default_factory=dict)

    def look(self, emails: Collection[str] = ()) -> None:
        """Remember those that are held now, or that something has put off; of these people also what is just queued."""
        some_reason = ~Q(delivery__reason_code="") | Q(delivery__subject__in=emails)
        rows = Send.objects.filter(some_reason, delivery__state__in=(State.QUEUED, State.HELD))
        for pk, state, code in rows.values_list("pk", "delivery__state", "delivery__reason_code"):
            if code or pk not in self.sends:
                self.sends[pk] = (state, code)

    def afterwards(self) -> list[tuple[str, str, Counter[str]]]:
        """By state and reason then: how many there were of each state now."""
        now = dict(Send.objects.filter(pk__in=self.sends).values_list("pk", "delivery__state"))
        found: dict[tuple[str, str], Counter[str]] = {}
        for pk, then in self.sends.items():
            found.setdefault(then, Counter())[now.get(pk, "gone")] += 1
        return [(state, code, counted) for (state, code), counted in sorted(found.items())]


def sends() -> list[tuple[str, str, str, int]]:
    """How many by channel, state and reason; of what went out, the reason is why it was allowed to."""
    rows = Send.objects.order_by().values_list(
        "channel", "delivery__state", "delivery__reason_code", "delivery__evidence__code"
    )
    counted: Counter[tuple[str, str, str]] = Counter()
    for channel, state, code, allowed, number in rows.annotate(Count("pk")):
        counted[channel, state, code or (allowed or "" if state in SENT else "")] += number
    order = list(State.values)
    return sorted(((*key, n) for key, n in counted.items()), key=lambda row: (row[0], order.index(row[1]), -row[3]))


def words(code: str) -> str:
    return reasons.title(code) or "Its turn"


def newsletter() -> dict[str, int]:
    """How many opt-ins and opt-outs came to what."""
    rows = Delivery.objects.filter(kind__in=("subscribe", "unsubscribe")).order_by()
    counted: Counter[str] = Counter()
    for kind, state, code, number in rows.values_list("kind", "state", "reason_code").annotate(Count("pk")):
        what = {"accepted": "told", "confirmed": "confirmed"}.get(state, state)
        if kind == "subscribe" and state == State.ACCEPTED:
            what = "waits for a confirmation" if code else "subscribed"
        counted[f"{'opt-in' if kind == 'subscribe' else 'opt-out'}: {what}"] += number
    return dict(sorted(counted.items()))


def as_json(world: World, waiting: Waiting) -> dict[str, Any]:
    by_channel: dict[str, dict[str, dict[str, int]]] = {}
    for channel, state, code, number in sends():
        by_channel.setdefault(channel, {}).setdefault(state, {})[code or "unnamed"] = number
    subscribed = Delivery.objects.filter(kind="subscribe")
    waited = waiting.afterwards()
    return {
        "sends": by_channel,
        "mails": len(world.mails),
        "subscribed": subscribed.filter(state=State.ACCEPTED, reason_code="").count(),
        "pending": subscribed.filter(state=State.ACCEPTED, reason_code="pending_opt_in").count(),
        "confirmed": subscribed.filter(state=State.CONFIRMED).count(),
        "cancelled_by_webhook": cancelled_by_webhook(world),
        "waited": {
            "held": sum(counted.total() for state, _, counted in waited if state == State.HELD),
            "postponed": sum(counted.total() for state, _, counted in waited if state == State.QUEUED),
            "went_later": sum(counted[state] for _, _, counted in waited for state in SENT),
        },
        "held_at_the_end": Send.objects.filter(delivery__state=State.HELD).count(),
        "postponed_at_the_end": Send.objects.filter(delivery__state=State.QUEUED).count(),
        "reminders_by_the_program": reminders_by_the_program(),
        "erased": len(world.erased),
        "bad_answers": bad_answers(),
    }


def cancelled_by_webhook(world: World) -> int:
    """Sends that were taken back because an account told us of the person's no."""
    rows = Delivery.objects.filter(send__isnull=False, state=State.CANCELLED, reason_code__in=WITHDRAWN)
    told = rows.values_list("connection__account_id", "subject")
    return sum(world.register.has_withdrawn(account, mailbox(email)) for account, email in told)


def reminders_by_the_program() -> int:
    return Reminder.objects.filter(invite__advocate__program__most_reminders__gt=0).count()


def bad_answers() -> dict[str, int]:
    """Klaviyo's answers that were no good, by their status."""
    rows = Attempt.objects.filter(status__in=TROUBLE).order_by("status").values_list("status").annotate(Count("pk"))
    return {str(status): number for status, number in rows}
