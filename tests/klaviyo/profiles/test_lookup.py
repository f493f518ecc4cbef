"""Who is at Klaviyo, and what they agreed to: no odd answer makes anybody unknown, and no odd person stops the rest."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations import outbox
from integrations.models import Attempt, Connection, Delivery
from integrations.workers import one_by_one
from klaviyo.api import profile_search
from klaviyo.api.client import Client
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, CID, TEA, State, known, make_due, metrics, outcome, states

LONGEST_ADDRESS_OF_A_REQUEST = 8_000  # bytes; many a proxy refuses more
PHONE = "+358401234567"

Document = dict[str, Any]


def refusal(pointer: str) -> tuple[int, bytes]:
    error = {"id": "1", "status": 400, "code": "invalid", "title": "Invalid input.", "source": {"pointer": pointer}}
    return 400, json.dumps({"errors": [error]}).encode()


def with_attributes(document: Document, **attributes: Any) -> Document:
    return {"data": [{**item, "attributes": {**item["attributes"], **attributes}} for item in document["data"]]}


@pytest.mark.parametrize(
    "change",
    [
        lambda document: {"data": None},
        lambda document: {"data": {}},
        lambda document: {"data": "nobody"},
        lambda document: {"data": [None for _ in document["data"]]},
        lambda document: {"data": ["Ben" for _ in document["data"]]},
        lambda document: {"data": [{**item, "id": None} for item in document["data"]]},
        lambda document: {"data": [{**item, "attributes": None} for item in document["data"]]},
        lambda document: {"data": [], "links": {"next": "https://a.klaviyo.com/api/profiles?page[cursor]=x"}},
        lambda document: with_attributes(document, email=None),
    ],
    ids=["null", "object", "text", "nulls", "texts", "no id", "no attributes", "more pages", "no e-mail"],
)
def test_nobody_is_taken_for_unknown_because_of_an_odd_answer(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil, change: Callable[[Document], Document]
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    spoil("get_profiles", change)
    drain()
    assert metrics(sandbox, BEN) == []
    spoil("get_profiles", lambda document: document)
    make_due()
    drain()
    assert metrics(sandbox, BEN) == []
    assert outcome("invite_received") == (State.SKIPPED, "unsubscribed")


def test_what_another_address_has_said_is_no_word_about_this_one(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    spoil("get_profiles", lambda document: with_attributes(document, email="somebody@else.test"))
    drain()
    assert metrics(sandbox, BEN) == []
    assert outcome("invite_received") == (State.SKIPPED, "consent_unknown")


def test_two_profiles_of_one_address_are_no_answer_about_that_person(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    spoil("get_profiles", lambda document: {"data": [*document["data"], *document["data"]]})
    drain()
    assert outcome("invite_received") == (State.QUEUED, "unreadable_answer")
    assert metrics(sandbox, BEN) == []
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]


def test_a_profile_kept_under_the_written_form_of_a_domain_is_that_persons(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="jo@xn--bcher-kva.example", consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, "jo@bücher.example")
    spoil("get_profiles", lambda document: json.dumps(document).replace("xn--bcher-kva", "bücher").encode())
    drain()
    assert outcome("invite_received") == (State.SKIPPED, "unsubscribed")


def test_an_address_that_klaviyo_refuses_to_look_for_waits_alone(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    for email in ("o'dd@friends.test", BEN, CID):
        lifecycle.invite(ann, email)
    spoil("get_profiles", lambda document: refusal("filter") if "dd%40" in sent()[-1].query else document)
    drain()
    assert outcome("invite_received", subject="o'dd@friends.test") == (State.QUEUED, "invalid")
    assert metrics(sandbox, BEN) == metrics(sandbox, CID) == ["Sorae Invite Received"]
    assert states(kind="profile") == {State.ACCEPTED}


def test_a_phone_that_klaviyo_refuses_to_look_for_costs_the_phone_only(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    lifecycle.update(ann, phone=PHONE)
    spoil("get_profiles", lambda document: refusal("filter") if "phone_number" in sent()[-1].query else document)
    drain()
    assert states() == {State.ACCEPTED}
    assert known(sandbox, ann.email).phone_number is None
    assert "phone number was left out" in str(Delivery.objects.get(kind="profile").warnings)


def test_a_person_in_two_programs_does_not_lose_the_phone_to_themselves(
    sandbox: Sandbox, tea_house: Store, ann: Advocate, drain: Drain
) -> None:
    lifecycle.update(ann, phone=PHONE)
    autumn = Program.objects.create(store=tea_house, slug="autumn", name="Autumn", offer="Tea")
    lifecycle.join(autumn, ann.email, phone=PHONE)
    drain()
    assert known(sandbox, ann.email).phone_number == PHONE
    assert not any(Delivery.objects.values_list("warnings", flat=True))


def test_a_look_up_that_is_refused_whoever_is_asked_for_comes_to_an_end(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    for number in range(40):
        lifecycle.invite(ann, f"friend-{number}@friends.test")
    spoil("get_profiles", lambda _: refusal("filter"))
    drain()
    assert Attempt.objects.filter(operation="get_profiles").count() == profile_search.MOST_CALLS
    assert states() == {State.QUEUED}
    assert sandbox.events(TEA) == []


def test_long_addresses_never_make_a_request_that_is_too_long(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    long = [f"{'a+b' * 14}{number:03}@{'x' * 45}.test" for number in range(60)]
    for email in long:
        lifecycle.invite(ann, email)
    drain()
    assert states() == {State.ACCEPTED}
    asked = [exchange for exchange in sent() if exchange.path == "/api/profiles"]
    assert len(asked) > 1
    assert max(len(exchange.path) + len(exchange.query) for exchange in asked) < LONGEST_ADDRESS_OF_A_REQUEST


def test_a_slow_look_up_does_not_use_up_the_time_of_its_batch(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_by_one, "LONGEST_SECONDS", 0.2)
    sandbox.fault("get_profiles", "slow", count=1_000, delay=0.3)
    drain()
    assert states() == {State.ACCEPTED}


def test_a_person_is_asked_about_anew_at_each_try(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, BEN)
    sandbox.fault("create_event", "500", count=1)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    make_due()
    drain()
    assert outcome("invite_received") == (State.SKIPPED, "unsubscribed")
    evidence = Delivery.objects.get(options__metric="invite_received").evidence
    assert evidence is not None
    assert evidence["allowed"] is False


def test_an_operator_cannot_retry_an_invite_past_the_persons_no(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    drain()
    outbox.retry(Delivery.objects.all())
    drain()
    assert outcome("invite_received") == (State.SKIPPED, "unsubscribed")
    assert metrics(sandbox, BEN) == []


def people(number: int) -> list[str]:
    return [f"p{n}@x.test" for n in range(number)]


@pytest.mark.usefixtures("without_limits")
@pytest.mark.parametrize(
    ("number", "there", "asked"),
    [(100, 50, 2), (100, 100, 1), (100, 0, 1), (400, 200, 6), (400, 400, 4), (400, 0, 4)],
    ids=["half", "all", "none", "half of many", "all of many", "none of many"],
)
def test_whoever_is_not_found_beside_others_costs_half_a_question_more(
    sandbox: Sandbox, connection: Connection, number: int, there: int, asked: int
) -> None:
    everybody = people(number)
    known_ones = set(everybody[:: number // there]) if there else set()
    sandbox.put_profiles(TEA, [SeedProfile(email) for email in sorted(known_ones)])
    found = profile_search.find(Client(connection), everybody)
    assert (set(found.profiles), found.unclear) == (known_ones, {})
    assert len(sandbox.requests("get_profiles")) == asked


@pytest.mark.usefixtures("without_limits")
def test_further_addresses_are_found_beside_those_of_other_questions(sandbox: Sandbox, connection: Connection) -> None:
    everybody = people(300)
    shared = dict(zip(everybody[:5], everybody[-5:], strict=True))
    hidden = dict(zip(everybody[100:105], everybody[200:205], strict=True))  # neither of them is the first
    seeds = [SeedProfile(first, others={other: "UNSUBSCRIBED"}) for first, other in shared.items()]
    seeds += [SeedProfile(f"first-{one}", others={one: "SUBSCRIBED", two: "SUBSCRIBED"}) for one, two in hidden.items()]
    seeds += [SeedProfile(email) for email in everybody[20:60]]
    sandbox.put_profiles(TEA, seeds)
    found = profile_search.find(Client(connection), everybody)
    assert found.unclear == {}
    named = {email for email, profile in found.profiles.items() if profile.is_named_otherwise}
    assert named == {*shared.values(), *hidden, *hidden.values()}
    assert found.profiles.keys() == {*everybody[:5], *everybody[20:60], *named}


@pytest.mark.parametrize("error", ["429", "503"])
def test_whoever_was_to_be_asked_for_once_more_is_unclear_where_that_fails(
    sandbox: Sandbox, connection: Connection, error: str
) -> None:
    everybody = people(300)
    sandbox.put_profiles(TEA, [SeedProfile(email) for email in everybody[::2]])
    sandbox.fault("get_profiles", error, skip=2, count=100)
    found = profile_search.find(Client(connection), everybody)
    assert 0 < len(found.profiles) < 150
    assert found.profiles.keys() <= set(everybody[::2])
    assert found.unclear.keys() == set(everybody) - found.profiles.keys()
