"""The laws that the demo is judged by: nothing lost, nothing twice, no one contacted who said no.

Our facts on one side; what Klaviyo holds, and the messages that were written, on the other. Our own record of
deliveries is believed in one thing only: when it says why something was not sent, and then it must be true.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from integrations.models import Delivery
from klaviyo.mapping import catalogue
from referrals.models import Invite
from sorae.demo import consent_law, expected, newsletter_check, profile_check, reason_check
from sorae.demo.expected import Expected
from sorae.demo.world import World, fact_id, told

METRICS = {metric.name: metric for metric in catalogue.CATALOGUE}


@dataclass(frozen=True)
class Broken:
    """Every breach, in a sentence each; no breach, no sentence."""

    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    against_consent: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.twice or self.against_consent)


def judge(world: World) -> Broken:
    """Hold what was found against our facts."""
    wanted = expected.of_all_facts(world.went_out)
    return Broken(
        missing=[
            *_missing(wanted, world),
            *_unnoticed(world),
            *_unreminded(),
            *profile_check.differences(world),
            *newsletter_check.lost(world),
        ],
        twice=[*_twice(world), *_mailed_twice(world), *_uncalled_for(wanted, world)],
        against_consent=list(consent_law.breaches(wanted, world)),
    )


def _missing(wanted: list[Expected], world: World) -> Iterable[str]:
    records = {(row.connection_id, row.key): row for row in Delivery.objects.filter(kind__in=("event", "email"))}
    for one in wanted:
        record = records.get((one.setting.connection_id, one.key))
        if record is None:
            yield f"{one.name} has no delivery."
        elif not world.has(one) and (problem := reason_check.objection(one, record, world)):
            yield f"{one.name} was not sent: {problem}"


def _unnoticed(world: World) -> Iterable[str]:
    """Our books know which invites have left; what they know beyond that shows as an event uncalled for."""
    for invite in Invite.objects.filter(went_out_at=None):
        if str(invite.uid) in world.went_out:
            yield f"Invite {invite.uid} went out, and our books do not know."


def _unreminded() -> Iterable[str]:
    """Whoever neither came nor bought is reminded after as many days as the program says."""
    for invite in Invite.objects.filter(closed_at=None).select_related("advocate__program"):
        program, now = invite.advocate.program, timezone.now()
        is_over = invite.expires_at is not None and invite.expires_at <= now
        is_due = invite.contacted_at and invite.contacted_at <= now - timedelta(days=program.remind_after_days)
        has_left = invite.went_out_at is not None
        if has_left and is_due and not is_over and invite.reminders.count() < program.most_reminders:
            yield f"Invite {invite.uid} is due a reminder, and has none."


def _twice(world: World) -> Iterable[str]:
    """By Klaviyo's own key, and by ours: the same fact under another key would start a flow again."""
    by_id = Counter((event.account, event.profile_id, event.metric, event.unique_id) for event in world.events)
    ours = {
        (one.account, one.metric, fact_id(one), one.profile_id, one.unique_id)
        for one in world.events
        if one.metric in METRICS
    }
    by_fact = Counter(key[:3] for key in ours)
    for (account, _profile, metric, unique_id), number in by_id.items():
        if number > 1:
            yield f"{metric} {unique_id} stands {number} times at {account}."
    for (account, metric, fact), number in by_fact.items():
        if number > 1:
            yield f"{metric} of {fact} stands {number} times at {account}."


def _mailed_twice(world: World) -> Iterable[str]:
    for fact, number in Counter(mail.fact_id for mail in world.mails).items():
        if number > 1:
            yield f"The e-mail of {fact} was written {number} times."


def _uncalled_for(wanted: list[Expected], world: World) -> Iterable[str]:
    """What no fact calls for: once is once too often."""
    due = {one.told for one in wanted if not one.by_mail}
    forgotten = expected.forgotten()
    for event in world.events:
        if event.metric in METRICS and told(event) not in due and fact_id(event) not in forgotten:
            yield f"{event.metric} of {fact_id(event) or 'no fact'} stands at {event.account} uncalled for."
    mails_due = {(one.fact_id, one.email) for one in wanted if one.by_mail}
    for mail in world.mails:
        if (mail.fact_id, mail.to) not in mails_due and mail.fact_id not in forgotten:
            yield f"The e-mail of {mail.fact_id or 'no fact'} was written uncalled for."
