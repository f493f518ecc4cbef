"""Whenever a person says no, nothing is sent afterwards: withdrawals at random moments, here and at Klaviyo."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations import connections, outbox
from integrations.models import Attempt, Delivery
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.consent import check, gate
from klaviyo.mapping import events, orders
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.profiles import lookup
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.story import TEA, make_due, metrics

RUNS = int(os.environ.get("WITHDRAWALS", "40"))  # each run is one
FRIENDS_A_RUN = 2
RECIPIENTS = 500

#: Each moment of a send, as the function that comes next.
MOMENTS: dict[str, tuple[Any, str]] = {
    "it is claimed": (outbox, "claim"),
    "it is handed to a worker": (worker, "deliver"),
    "people are looked up": (lookup.Lookup, "ask"),
    "it is decided": (check, "decide"),
    "the token is read": (connections, "access"),
    "the last look": (gate, "last_look"),
    "any request leaves": (transport, "send"),
}


@contextmanager
def just_before(moment: str, act: Callable[[], None], skip: int) -> Iterator[None]:
    """Let something happen once, right before a function is called for the (skip + 1)-th time."""
    owner, name = MOMENTS[moment]
    function, left = getattr(owner, name), [skip]

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            act()
        return function(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        yield


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_sent_after_a_person_has_said_no(sandbox: Sandbox, ann: Advocate, drain: Drain, seed: int) -> None:
    drain()
    dice = random.Random(seed)
    for run in range(RUNS // 10):
        friends = [f"friend{run}.{number}@friends.test" for number in range(FRIENDS_A_RUN)]
        leaving = dice.sample(friends, dice.randint(1, FRIENDS_A_RUN))
        invite(sandbox, ann, friends, dice)
        says_no = dice.choice([at_sorae, at_klaviyo])
        said_at: dict[str, datetime] = {}
        withdraw = partial(say_no, said_at, leaving, partial(says_no, sandbox, ann))
        with just_before(dice.choice(list(MOMENTS)), withdraw, dice.randrange(6)):
            drain()
        make_due()
        drain()
        for friend, moment in said_at.items():
            assert sent_against(friend, moment, says_no) == [], f"seed {seed}, run {run}, {says_no.__name__}"
        staying = [friend for friend in friends if friend not in leaving]
        assert all("Sorae Invite Received" in metrics(sandbox, friend) for friend in staying)


def invite(sandbox: Sandbox, ann: Advocate, friends: list[str], dice: random.Random) -> None:
    """All are invited, some are reminded; most are subscribers."""
    if dice.random() < 0.7:
        sandbox.put_profiles(TEA, [SeedProfile(email=friend, consent="SUBSCRIBED") for friend in friends])
    for friend in friends:
        invited = lifecycle.invite(ann, friend)
        if dice.random() < 0.3:
            lifecycle.remind(invited, 1)


def say_no(said_at: dict[str, datetime], people: list[str], says_no: Callable[[str], datetime]) -> None:
    said_at.update({person: says_no(person) for person in people})


def at_sorae(_sandbox: Sandbox, ann: Advocate, email: str) -> datetime:
    """The moment at which the no is committed."""
    lifecycle.opt_out(ann.program.store, email, scope="invites", place="unsubscribe link")
    return timezone.now()


def at_klaviyo(sandbox: Sandbox, _ann: Advocate, email: str) -> datetime:
    if sandbox.profile(TEA, email) is None:
        sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="NEVER_SUBSCRIBED")])
    sandbox.flip(TEA, email, "unsubscribed")
    return timezone.now()


def sent_against(email: str, said_at: datetime, says_no: Callable[..., datetime]) -> list[str]:
    """What was sent although the person's no was committed here, or was there to be seen when Klaviyo was asked."""
    sends = Send.objects.filter(invite__recipient_email=email)
    against = []
    for send in sends:
        request = Attempt.objects.filter(deliveries=send.delivery_id, operation="create_event").first()
        if request is None:
            continue
        decision = ConsentDecision.objects.filter(send=send, is_allowed=True).first()
        assert decision is not None, "nothing goes without a decision"
        assert decision.asked_at is not None
        learnt_at = request.started_at if says_no is at_sorae else decision.asked_at
        if learnt_at > said_at:
            against.append(f"{send} at {learnt_at}, after the no of {said_at}")
        assert request.started_at - decision.asked_at <= check.GOOD_FOR
    return against


def test_five_hundred_recipients_are_decided_with_six_questions(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    ann.program.store.klaviyo_settings.update(invite_policy="subscribed_only")
    before = len(sandbox.requests("get_profiles"))
    invite_all(ann, RECIPIENTS)
    drain()
    assert Delivery.objects.filter(kind="event", state="skipped", reason_code="no_profile").count() == RECIPIENTS
    assert ConsentDecision.objects.filter(code="no_profile").count() == RECIPIENTS
    assert len(sandbox.requests("get_profiles")) - before <= RECIPIENTS / 100 + 1


def test_an_answer_that_has_become_old_is_asked_for_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="ben@friends.test", consent="SUBSCRIBED")])
    lifecycle.invite(ann, "ben@friends.test")
    ask = lookup.Lookup.ask
    asked: list[Any] = []

    def long_ago(self: lookup.Lookup, emails: Any, deliveries: Any = (), **more: Any) -> None:
        ask(self, emails, deliveries, **more)
        if not asked:
            for email in list(self._asked_at):
                self._asked_at[email] -= 1.1 * check.GOOD_FOR
            sandbox.flip(TEA, "ben@friends.test", "unsubscribed")
        asked.append(emails)

    monkeypatch.setattr(lookup.Lookup, "ask", long_ago)
    drain()
    assert metrics(sandbox, "ben@friends.test") == []
    assert len(asked) > 1


def invite_all(ann: Advocate, number: int) -> None:
    """As many invites of Ann's, written as `lifecycle.invite` and its receiver would write them one by one."""
    [setting] = StoreSetting.objects.all()
    invites = Invite.objects.bulk_create(
        [Invite(advocate=ann, recipient_email=f"friend{n}@friends.test") for n in range(number)]
    )
    told = [event for invite in invites for event in events.invite_sent(invite)]
    with transaction.atomic():
        outbox.add(setting.connection_id, [orders.of_event(event, "DE", setting) for event in told])
    deliveries = list(Delivery.objects.order_by("-pk")[:number])[::-1]
    Send.objects.bulk_create(
        [
            Send(
                kind="invite",
                channel="klaviyo",
                store=ann.program.store,
                program=ann.program,
                setting=setting,
                invite=invite,
                delivery=delivery,
            )
            for invite, delivery in zip(invites, deliveries, strict=True)
        ],
        batch_size=1000,
    )
