"""A no goes to where it was said, once: to the list, or to everything; never further, never too early."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Delivery, Lease
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.newsletter_cast import UNSUBSCRIBE, choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, TEA, State, known, let_pass, make_due

pytestmark = pytest.mark.usefixtures("setting")

FROM_LIST, FROM_ALL, NOTHING = "from the list", "from all", "nothing"


@pytest.fixture
def list_id(sandbox: Sandbox, setting: StoreSetting) -> str:
    return choose_newsletter(sandbox)


def put_ben(sandbox: Sandbox, *lists: str, consent: str = "SUBSCRIBED") -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent=consent, lists=lists)])


def ended(sandbox: Sandbox) -> str:
    ben = known(sandbox, BEN)
    if ben.consent == "UNSUBSCRIBED":
        return FROM_ALL
    return FROM_LIST if ben.list_suppressions else NOTHING


@pytest.mark.parametrize(
    ("scope", "is_chosen", "is_member", "end", "code"),
    [
        ("newsletter", True, True, FROM_LIST, ""),
        ("newsletter", True, False, NOTHING, "not_on_list"),
        ("newsletter", False, False, NOTHING, "no_newsletter_list"),
        ("everything", True, True, FROM_ALL, ""),
        ("everything", True, False, FROM_ALL, ""),
        ("everything", False, False, FROM_ALL, ""),
        ("invites", True, True, FROM_LIST, ""),
        ("invites", True, False, NOTHING, "noted"),
        ("invites", False, False, NOTHING, "noted"),
    ],
)
def test_it_ends_what_the_person_ended_and_no_more(
    sandbox: Sandbox, drain: Drain, scope: str, is_chosen: bool, is_member: bool, end: str, code: str
) -> None:
    list_id = choose_newsletter(sandbox)
    if not is_chosen:
        StoreSetting.objects.update(newsletter_list_id="")
    [others] = sandbox.put_lists(TEA, [SeedList("Others")])
    put_ben(sandbox, others, *([list_id] if is_member else []))
    no = say_no(BEN.title(), scope)
    drain()
    assert fate(no) == (State.ACCEPTED if code in ("", "noted") else State.SKIPPED, code)
    assert known(sandbox, BEN).properties.get("sorae_no_invites", False) is (code == "noted")
    assert ended(sandbox) == end
    assert others in known(sandbox, BEN).lists
    assert len(sandbox.requests(UNSUBSCRIBE)) == (end != NOTHING)


@pytest.mark.parametrize("scope", ["newsletter", "everything", "invites"])
def test_whom_klaviyo_does_not_know_is_not_made_known_to_it(
    sandbox: Sandbox, list_id: str, drain: Drain, scope: str
) -> None:
    no = say_no(scope=scope)
    drain()
    assert fate(no) == (State.SKIPPED, "not_at_klaviyo")
    assert sandbox.profile(TEA, BEN) is None
    assert sandbox.requests(UNSUBSCRIBE) == []


@pytest.mark.parametrize("scope", ["newsletter", "everything"])
def test_who_is_unsubscribed_already_is_left_as_they_are(
    sandbox: Sandbox, list_id: str, drain: Drain, scope: str
) -> None:
    put_ben(sandbox, list_id, consent="UNSUBSCRIBED")
    no = say_no(scope=scope)
    drain()
    assert fate(no) == (State.SKIPPED, "unsubscribed_before")
    assert sandbox.requests(UNSUBSCRIBE) == []


def test_the_same_no_is_forwarded_once(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    put_ben(sandbox, list_id)
    no = say_no()
    drain()
    assert say_no() == no
    drain()
    assert len(sandbox.requests(UNSUBSCRIBE)) == 1


@pytest.mark.parametrize(("channels", "end"), [(["email"], NOTHING), (["sms"], FROM_LIST)], ids=str)
def test_a_no_that_waits_is_dropped_when_the_person_asked_for_e_mail_since(
    sandbox: Sandbox, list_id: str, drain: Drain, channels: list[str], end: str
) -> None:
    put_ben(sandbox, list_id)
    no = say_no(ago=timedelta(hours=1))
    say_yes(channels=channels, phone="+358401234567", ago=timedelta(minutes=1))
    drain()
    assert fate(no) == ((State.ACCEPTED, "") if end == FROM_LIST else (State.SKIPPED, "opted_in_since"))
    assert ended(sandbox) == end


def test_a_yes_that_comes_while_the_no_is_being_forwarded_stops_it(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain
) -> None:
    put_ben(sandbox, list_id)

    def said_yes(document: Any) -> Any:
        say_yes()
        return document

    spoil("get_profiles_for_list", said_yes, times=1)
    no = say_no()
    drain()
    assert fate(no) == (State.SKIPPED, "opted_in_since")
    assert ended(sandbox) == NOTHING
    assert jobs(sandbox) == 1


def test_a_no_right_after_a_forwarded_yes_ends_it(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    say_yes()
    drain()
    no = say_no()
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert ended(sandbox) == FROM_LIST


@pytest.mark.parametrize("scope", ["newsletter", "everything"])
def test_a_no_waits_until_klaviyo_shows_the_yes_before_it(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain, scope: str
) -> None:
    """Klaviyo takes a job at once and does it later: a no that overtook it would be undone."""
    say_yes()
    drain()

    def not_yet(document: Any) -> Any:
        for item in document["data"]:
            item["attributes"]["subscriptions"]["email"]["marketing"]["consent"] = "NEVER_SUBSCRIBED"
        return document

    spoil("get_profiles", not_yet, times=1)
    no = say_no(scope=scope)
    drain()
    assert fate(no) == (State.QUEUED, "one_at_a_time")
    let_pass(timedelta(minutes=2))
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert ended(sandbox) == (FROM_LIST if scope == "newsletter" else FROM_ALL)


def test_a_yes_that_was_never_confirmed_keeps_no_no_waiting(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox, "double_opt_in")
    say_yes()
    drain()
    no = say_no()
    drain()
    assert fate(no) == (State.SKIPPED, "not_on_list")


def test_a_no_waits_for_a_yes_that_a_worker_is_forwarding(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    put_ben(sandbox, list_id)
    yes = say_yes(ago=timedelta(minutes=1))
    lease = Lease.objects.create(
        connection=Connection.objects.get(), deliveries=[], until=timezone.now() + timedelta(minutes=1)
    )
    Delivery.objects.update(state=State.SENDING, lease=lease.pk)
    no = say_no()
    drain()
    assert (fate(yes)[0], fate(no)) == (State.SENDING, (State.QUEUED, "one_at_a_time"))
    assert sandbox.requests(UNSUBSCRIBE) == []


@pytest.mark.parametrize("fault", ["500", "accept_then_drop", "truncated", "reset"])
@pytest.mark.parametrize("scope", ["newsletter", "everything"])
def test_a_no_whose_answer_stays_away_is_seen_through(
    sandbox: Sandbox, list_id: str, drain: Drain, fault: str, scope: str
) -> None:
    put_ben(sandbox, list_id)
    sandbox.fault(UNSUBSCRIBE, fault)
    no = say_no(scope=scope)
    drain()
    make_due()
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert ended(sandbox) == (FROM_LIST if scope == "newsletter" else FROM_ALL)


@pytest.mark.parametrize("operation", ["get_profiles_for_list", UNSUBSCRIBE])
def test_a_list_that_is_gone_holds_it(sandbox: Sandbox, list_id: str, drain: Drain, operation: str) -> None:
    put_ben(sandbox, list_id)
    sandbox.fault(operation, "list_vanished")
    no = say_no()
    drain()
    assert fate(no) == (State.HELD, "list_gone")
    retrying.again(Delivery.objects.filter(source=str(no.uid)))
    worker.drain(Connection.objects.get().pk)
    assert ended(sandbox) == FROM_LIST


def test_without_the_scope_it_is_held(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    put_ben(sandbox, list_id)
    sandbox.fault(UNSUBSCRIBE, "missing_scope")
    no = say_no()
    drain()
    assert fate(no) == (State.HELD, "permission_denied")
