"""Many waiting people of whom Klaviyo answers oddly about some: the others go at once, and the odd ones alone."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Delivery, Pause
from klaviyo.api import profile_search, profiles
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Program
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import IMPORT, UPSERT, joined, look, only_profiles
from tests.klaviyo.story import TEA, State, known, make_due, states

LOOK_UP = "get_profiles"
MANY, FEW = 60, 3
PHONES = [f"+3584012345{n:02}" for n in range(MANY)]

Sent = Callable[[], list[Exchange]]


def asked_for(exchange: Exchange, people: list[str]) -> bool:
    return any(email.partition("@")[0] + "%40" in exchange.query for email in people)


def patiently(drain: Drain) -> None:
    """Also past the moments in which the account has no room for a question, however quick the machine is."""
    drain()
    while pause := Pause.objects.filter(code="throttled", until__gt=timezone.now()).first():
        time.sleep(max((pause.until - timezone.now()).total_seconds(), 0))
        drain()


@pytest.fixture
def people(setting: StoreSetting, spring: Program) -> list[str]:
    """So many have joined with a name, by which Klaviyo is asked for them, and only their profiles wait."""
    found = [person.email for person in joined(spring, MANY, first_name="Ann")]
    only_profiles()
    return found


@pytest.mark.parametrize("others", ["known", "new"])
def test_whoever_has_another_address_first_keeps_nobody_waiting(
    sandbox: Sandbox, people: list[str], drain: Drain, others: str
) -> None:
    odd = people[::20]
    first = {email: f"first-{number}@work.test" for number, email in enumerate(odd)}
    sandbox.put_profiles(TEA, [SeedProfile(first[email], others={email: "SUBSCRIBED"}) for email in odd])
    if others == "known":
        sandbox.put_profiles(TEA, [SeedProfile(email) for email in people if email not in first])
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert len(sandbox.requests(IMPORT)) == 1
    assert len(sandbox.requests(UPSERT)) == FEW
    assert len(sandbox.requests(LOOK_UP)) < profile_search.MOST_CALLS
    assert len(sandbox.profiles(TEA)) == MANY
    assert {known(sandbox, email).email for email in odd} == set(first.values())
    assert all("sorae_referral_code" in known(sandbox, email).properties for email in people)


@pytest.mark.parametrize("answer", ["refused", "turned away", "unreadable"])
def test_whom_klaviyo_will_not_look_for_waits_alone_and_not_for_ever(
    sent: Sent, sandbox: Sandbox, people: list[str], drain: Drain, spoil: Spoil, answer: str
) -> None:
    odd = people[::20]
    said: dict[str, Any] = {
        "refused": (400, b'{"errors": [{"id": "1", "code": "invalid", "title": "Invalid filter."}]}'),
        "turned away": (403, b"<html>Forbidden</html>"),
        "unreadable": {"data": [None]},
    }
    spoil(LOOK_UP, lambda document: said[answer] if asked_for(sent()[-1], odd) else document)
    drain()
    if answer == "turned away":  # which may be a bad moment
        make_due()
        drain()
    look()
    taken = Delivery.objects.filter(state=State.ACCEPTED)
    assert set(taken.values_list("subject", flat=True)) == set(people) - set(odd)
    before = len(sandbox.requests(LOOK_UP))
    waiting = Delivery.objects.exclude(state=State.ACCEPTED)
    assert {row.attempts_made for row in waiting} <= {2, 3, 4}
    for _ in range(9):
        make_due()
        drain()
    assert set(waiting.values_list("state", flat=True)) == {State.FAILED}
    assert len(sandbox.requests(LOOK_UP)) - before <= 9 * (1 + 2 * FEW)


def test_one_question_that_fails_fails_no_other(
    sandbox: Sandbox, people: list[str], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "LOOKED_UP_AT_ONCE", 20)
    sandbox.fault(LOOK_UP, "503", count=1)
    drain()
    assert len(sandbox.profiles(TEA)) >= 40
    make_due()
    drain()
    look()
    assert states() == {State.ACCEPTED}


def test_an_answer_that_nobody_can_read_counts_as_a_try(
    sandbox: Sandbox, people: list[str], drain: Drain, spoil: Spoil
) -> None:
    spoil(LOOK_UP, lambda _: {"data": None})
    patiently(drain)
    assert states() == {State.QUEUED}
    assert {row.attempts_made for row in Delivery.objects.all()} == {2}
    assert len(sandbox.requests(LOOK_UP)) <= 4 * profile_search.MOST_CALLS


def test_many_whom_klaviyo_refuses_keep_the_others_for_three_tries_at_most(
    sent: Sent, sandbox: Sandbox, people: list[str], drain: Drain, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_search, "LONGEST_SECONDS", 1_000)  # however slow the machine is
    odd = people[::2]
    spoil(
        LOOK_UP,
        lambda document: (400, b'{"errors": [{"code": "invalid"}]}') if asked_for(sent()[-1], odd) else document,
    )
    others = set(people) - set(odd)
    for _ in range(6):
        patiently(drain)
        look()
        taken = Delivery.objects.filter(state=State.ACCEPTED)
        if set(taken.values_list("subject", flat=True)) == others:
            break
        make_due()
    assert set(taken.values_list("subject", flat=True)) == others
    assert max(taken.values_list("attempts_made", flat=True)) <= 4


def test_a_number_that_klaviyo_refuses_to_look_for_costs_no_other(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain, spoil: Spoil
) -> None:
    for number, phone in enumerate(PHONES[:20]):
        lifecycle.join(spring, f"person-{number}@friends.test", phone=phone)
    only_profiles()
    odd = PHONES[7].removeprefix("+")
    spoil(
        LOOK_UP,
        lambda document: (400, b'{"errors": [{"code": "invalid"}]}') if odd in sent()[-1].query else document,
    )
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert [one.email for one in sandbox.profiles(TEA) if not one.phone_number] == ["person-7@friends.test"]
