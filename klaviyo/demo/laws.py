"""The laws: nothing lost, nothing twice, no one contacted who said no.

Our facts on one side, what Klaviyo holds on the other. Our own record of deliveries is believed in one thing
only: when it says why something was not sent, and then the reason must be true of the person.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from integrations.models import Delivery
from klaviyo import events
from klaviyo.consent import Policy
from klaviyo.demo import expected, standings
from klaviyo.demo.expected import Expected
from klaviyo.demo.kept import KeptEvent, KeptProfile, mailbox

State = Delivery.State

ENDED = {State.SKIPPED, State.FAILED, State.CANCELLED}
UNTELLABLE = {"malformed_email", "time_out_of_range"}  # nobody could tell Klaviyo such a fact
TOO_LATE = {"expired"}
ABOUT_CONSENT = {
    "suppressed", "unsubscribed", "list_suppressed", "never_subscribed", "no_profile", "consent_unknown",
}  # fmt: skip
METRICS = {metric.name: metric for metric in events.CATALOGUE}

Person = dict[str, Any]  # as people.jsonl has them
People = dict[tuple[str, str], Person]  # by account and mailbox


@dataclass(frozen=True)
class Broken:
    """Every breach, in a sentence each; no breach, no sentence."""

    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    against_consent: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.twice or self.against_consent)


def judge(kept: list[KeptEvent], profiles: list[KeptProfile], before: list[Person]) -> Broken:
    """Hold what Klaviyo has against our facts; `before` is whom Klaviyo knew, and how, before the first fact."""
    people = {(person["account"], mailbox(person["email"])): person for person in before}
    wanted = expected.events_of_all_facts()
    return Broken(
        missing=[*_missing_events(wanted, kept, people), *standings.differences(profiles, people)],
        twice=[*_twice(kept), *_uncalled_for(wanted, kept)],
        against_consent=[*_told_against_their_will(wanted, kept, people), *_changed_consents(profiles, people)],
    )


def _missing_events(wanted: list[Expected], kept: list[KeptEvent], people: People) -> Iterable[str]:
    at_klaviyo = {(event.account, event.metric, event.fact_id, event.email) for event in kept}
    records = {(row.connection_id, row.key): row for row in Delivery.objects.filter(kind="event")}
    for one in wanted:
        record = records.get((one.sync.connection_id, f"{one.metric.key}:{one.fact_id}"))
        if record is None:
            yield f"{one.metric.name} of {one.fact_id} has no delivery."
            continue
        is_there = (one.account, one.metric.name, one.fact_id, one.email) in at_klaviyo
        if not is_there and (problem := _not_accounted_for(one, record, people)):
            yield f"{one.metric.name} of {one.fact_id} is not at Klaviyo: {problem}"


def _not_accounted_for(one: Expected, record: Delivery, people: People) -> str:
    """Why our record is no good reason for an event that is not at Klaviyo; empty when it is one."""
    if record.state not in ENDED:
        return f"our record says {record.state}."
    if record.reason_code not in ABOUT_CONSENT | UNTELLABLE | TOO_LATE | {"unknown_person"}:
        return f"our record says {record.state}, {record.reason_code or 'and not why'}; that is no good reason."
    person = people.get((one.account, one.email))
    if record.reason_code == "unknown_person" and (person or one.sync.creates_profiles):
        return "our record says that Klaviyo does not know the person, but it does, or need not."
    if record.reason_code in ABOUT_CONSENT and may_be_told(one, person):
        return f"our record says {record.reason_code}, but the person had nothing against it."
    return ""


def _twice(kept: list[KeptEvent]) -> Iterable[str]:
    """By Klaviyo's own key, and by ours: the same fact under another key would start a flow again."""
    by_id = Counter((event.account, event.profile_id, event.metric, event.unique_id) for event in kept)
    ours = {
        (one.account, one.metric, one.fact_id, one.profile_id, one.unique_id) for one in kept if one.metric in METRICS
    }
    by_fact = Counter(key[:3] for key in ours)
    for (account, _profile, metric, unique_id), number in by_id.items():
        if number > 1:
            yield f"{metric} {unique_id} stands {number} times at {account}."
    for (account, metric, fact_id), number in by_fact.items():
        if number > 1:
            yield f"{metric} of {fact_id} stands {number} times at {account}."


def _uncalled_for(wanted: list[Expected], kept: list[KeptEvent]) -> Iterable[str]:
    """Events of ours that no fact calls for there: once is once too often."""
    due = {(one.account, one.metric.name, one.fact_id, one.email) for one in wanted}
    for event in kept:
        here = (event.account, event.metric, event.fact_id, event.email)
        if event.metric in METRICS and here not in due:
            yield f"{event.metric} of {event.fact_id or 'no fact'} stands at {event.account} uncalled for."


def _told_against_their_will(wanted: list[Expected], kept: list[KeptEvent], people: People) -> Iterable[str]:
    """Klaviyo's flows write to whoever gets one of these events."""
    ours = {(one.account, one.metric.name, one.fact_id): one for one in wanted}
    for event in kept:
        metric = METRICS.get(event.metric)
        one = ours.get((event.account, event.metric, event.fact_id))
        if metric and metric.consent and one and not may_be_told(one, people.get((event.account, event.email))):
            yield f"{event.metric} of {event.fact_id} went to a person who may not be told."


def may_be_told(one: Expected, person: Person | None) -> bool:
    """Whether the person's consent and the store's policy allow an invite or a reminder.

    Written once more here, as simply as it can be said: the law must not borrow the code that it judges.
    """
    if one.metric.consent is None:
        return True
    policy = one.sync.invite_policy if one.metric.consent == "invite" else one.sync.reminder_policy
    said_nothing = policy == Policy.NOT_OPTED_OUT
    if person is None:
        return said_nothing
    if person.get("suppressions"):
        return False
    return {"SUBSCRIBED": True, "NEVER_SUBSCRIBED": said_nothing}.get(person["consent"], False)


def _changed_consents(profiles: list[KeptProfile], people: People) -> Iterable[str]:
    """We never subscribe and never unsubscribe: everybody stands as before, and newcomers have said nothing."""
    for profile in profiles:
        before = people.get((profile.account, profile.email), {"consent": "NEVER_SUBSCRIBED"})
        was = (before["consent"], frozenset(before.get("suppressions", ())))
        if (profile.consent, profile.suppressions) != was:
            yield f"The consent of profile {profile.id} at {profile.account} was changed."
