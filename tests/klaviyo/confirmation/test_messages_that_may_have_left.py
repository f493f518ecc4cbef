"""A message whose sender died in the middle counts as not sent, as far as is known, until it is found at Klaviyo."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db.models import F

from integrations import outbox
from integrations.models import Attempt, Delivery
from klaviyo.api import transport
from klaviyo.api.events import CREATE_EVENT
from klaviyo.api.operation import Operation
from klaviyo.confirmation.in_doubt import AS_FAR_AS_KNOWN
from klaviyo.consent import gate
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.profiles.batch import Batch
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import read_back, time_passes
from tests.klaviyo.sending_cast import (
    RECEIVED,
    REMINDER,
    SENT,
    Killed,
    come_back,
    flows,
    invited_days_ago,
    killed_before,
    let_invite,
    mailed,
    send_outcomes,
)
from tests.klaviyo.story import BEN, TEA, State, metrics

ACCEPTED, CONFIRMED = (State.ACCEPTED, ""), (State.CONFIRMED, "")

Happens = Callable[[Advocate, Sandbox], Any]
WHAT_HAPPENS: dict[str, Happens] = {
    "says no by the link": lambda ann, _: lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="Message"),
    "unsubscribes at Klaviyo": lambda _, sandbox: sandbox.flip(TEA, BEN, "unsubscribed"),
    "is suppressed at Klaviyo": lambda _, sandbox: sandbox.flip(TEA, BEN, "suppressed"),
}


def killed_telling(drain: Drain, *, is_answered: bool, metric: str = RECEIVED) -> None:
    """The worker dies when it tells of this, before the request leaves or after Klaviyo has taken it."""
    send = transport.send

    def dying(operation: Operation, access: Any, **request: Any) -> requests.Response:
        is_it = operation == CREATE_EVENT and metric in str(request["body"])
        if is_it and not is_answered:
            raise Killed
        response = send(operation, access, **request)
        if is_it:
            raise Killed
        return response

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(transport, "send", dying)
        with pytest.raises(Killed):
            drain()


def minutes_pass(number: float) -> None:
    Attempt.objects.update(started_at=F("started_at") - timedelta(minutes=number))


def says_no_at_the_last_moment(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is a yes; right before the message would be sent, the friend says no."""
    look, saying_no = gate.last_look, [ann.program.store]

    def look_again(batch: Batch, delivery: Delivery) -> None:
        if delivery.subject == BEN and saying_no:
            lifecycle.opt_out(saying_no.pop(), BEN, scope="invites", place="Message")
        look(batch, delivery)

    monkeypatch.setattr(gate, "last_look", look_again)


def is_in_doubt() -> bool:
    """Whether the latest message counts as not sent, and says that this is as far as is known."""
    told = Delivery.objects.filter(send__isnull=False).latest("pk")
    assert told.state == State.SKIPPED, told.state
    return told.reason.endswith(AS_FAR_AS_KNOWN)


@pytest.mark.parametrize("happens", WHAT_HAPPENS.values(), ids=list(WHAT_HAPPENS))
def test_an_invite_that_klaviyo_has_taken_went_out_whatever_the_friend_says_now(
    sandbox: Sandbox, ann: Advocate, drain: Drain, happens: Happens
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=True)
    happens(ann, sandbox)
    come_back(drain)
    assert is_in_doubt()
    read_back()
    drain()
    assert send_outcomes() == [CONFIRMED]
    assert flows(sandbox, BEN) == [RECEIVED]
    assert [event.received for event in sandbox.events(TEA) if event.metric == RECEIVED] == [1]
    assert Invite.objects.get().went_out_at is not None
    assert metrics(sandbox, ann.email).count(SENT) == 1


@pytest.mark.parametrize("happens", WHAT_HAPPENS.values(), ids=list(WHAT_HAPPENS))
def test_of_an_invite_that_never_left_that_is_certain_after_some_minutes(
    sandbox: Sandbox, ann: Advocate, drain: Drain, happens: Happens
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    killed_telling(drain, is_answered=False)
    happens(ann, sandbox)
    come_back(drain)
    read_back()
    assert is_in_doubt()
    minutes_pass(4)
    read_back()
    assert not is_in_doubt()
    looks = len(sandbox.requests("get_events"))
    read_back()
    assert len(sandbox.requests("get_events")) == looks, "what is known is not asked for again"
    assert flows(sandbox, BEN) == []
    assert Invite.objects.get().went_out_at is None
    assert Send.objects.get().decisions.latest("pk").is_allowed is False


@pytest.mark.parametrize("happens", WHAT_HAPPENS.values(), ids=list(WHAT_HAPPENS))
def test_of_an_e_mail_that_broke_off_nobody_says_that_it_was_not_sent(
    sandbox: Sandbox, ann: Advocate, drain: Drain, happens: Happens
) -> None:
    """The mail server may have it, and cannot be asked; a person is told, and whoever retries it asks for consent."""
    let_invite(ann)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    lifecycle.invite(ann, BEN)
    with killed_before(lifecycle, "went_out"):
        drain()
    Attempt.objects.filter(operation="send_email").update(status=None, finished_at=None)
    happens(ann, sandbox)
    come_back(drain)
    assert send_outcomes() == [(State.FAILED, "outcome_unknown")]
    outbox.retry(Delivery.objects.filter(kind="email"))
    come_back(drain)
    assert {state for state, _ in send_outcomes()} == {State.SKIPPED}
    assert mailed() == [BEN]


@pytest.mark.parametrize("closing", [Invite.Closing.VISITED, Invite.Closing.CONVERTED])
def test_a_reminder_that_klaviyo_has_taken_was_sent_though_the_friend_has_come_meanwhile(
    sandbox: Sandbox, ann: Advocate, drain: Drain, closing: Invite.Closing
) -> None:
    invite = invited_days_ago(ann, drain)
    lifecycle.remind(invite, 1)
    killed_telling(drain, is_answered=True, metric=REMINDER)
    lifecycle.close(invite, closing)
    come_back(drain)
    assert is_in_doubt()
    read_back()
    assert send_outcomes() == [CONFIRMED, CONFIRMED]
    assert flows(sandbox, BEN) == [RECEIVED, REMINDER]


def test_a_reminder_that_never_left_is_of_no_use_any_more(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    invite = invited_days_ago(ann, drain)
    lifecycle.remind(invite, 1)
    killed_telling(drain, is_answered=False, metric=REMINDER)
    lifecycle.close(invite, Invite.Closing.VISITED)
    minutes_pass(4)
    come_back(drain)
    assert send_outcomes() == [ACCEPTED, (State.SKIPPED, "visited")]
    assert flows(sandbox, BEN) == [RECEIVED]


def test_of_a_friend_who_may_not_be_created_any_more_no_more_is_said_than_is_known(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=False)
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    come_back(drain)
    assert send_outcomes() == [(State.SKIPPED, "unknown_person")]
    assert is_in_doubt()


@pytest.mark.parametrize("had_left", [True, False])
def test_a_no_at_the_last_moment_is_no_reason_to_forget_what_had_left(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, had_left: bool
) -> None:
    """The decision was a yes; right before it would be sent again, the friend says no."""
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=had_left)
    minutes_pass(4)
    says_no_at_the_last_moment(ann, monkeypatch)
    come_back(drain)
    assert is_in_doubt()
    read_back()
    assert send_outcomes() == [CONFIRMED if had_left else (State.SKIPPED, "opted_out")]
    assert [event.received for event in sandbox.events(TEA) if event.metric == RECEIVED] == [1] * had_left


def test_a_no_at_the_last_moment_casts_no_doubt_on_what_klaviyo_had_refused(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request that is being made when the look finds the no has not left, and is no reason for a doubt either."""
    drain()
    sandbox.fault("create_event", "missing_scope")
    lifecycle.invite(ann, BEN)
    drain()
    outbox.retry(Delivery.objects.filter(state=State.HELD))
    says_no_at_the_last_moment(ann, monkeypatch)
    come_back(drain)
    assert send_outcomes() == [(State.SKIPPED, "opted_out")]
    assert not is_in_doubt()


def test_what_klaviyo_does_not_show_yet_is_waited_for(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    sandbox.settings(event_delay=60)
    killed_telling(drain, is_answered=True)
    sandbox.flip(TEA, BEN, "unsubscribed")
    come_back(drain)
    read_back()
    assert is_in_doubt()
    with sandbox._world.database.transaction() as sql:  # a minute goes by
        sql.execute("UPDATE events SET readable_at = 0")
    read_back()
    assert send_outcomes() == [CONFIRMED]


def test_what_would_still_be_sent_is_sent_again_under_the_same_id(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=True)
    come_back(drain)
    assert send_outcomes() == [ACCEPTED]
    assert [event.received for event in sandbox.events(TEA) if event.metric == RECEIVED] == [2]
    assert sandbox.requests("get_events") == []


@pytest.mark.parametrize("trouble", ["500", "429", "not_json", "truncated"])
def test_while_klaviyo_cannot_say_whether_it_has_it_the_doubt_stays(
    sandbox: Sandbox, ann: Advocate, drain: Drain, trouble: str
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=True)
    sandbox.flip(TEA, BEN, "unsubscribed")
    minutes_pass(4)
    come_back(drain)
    sandbox.fault("get_events", trouble, count=100)
    read_back(2)
    assert is_in_doubt()
    sandbox.clear_faults()
    budgets.forget()
    read_back()
    assert send_outcomes() == [CONFIRMED]
    assert flows(sandbox, BEN) == [RECEIVED]


def test_a_klaviyo_that_never_says_so_is_asked_for_a_day_and_the_doubt_stays_on_record(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=True)
    sandbox.flip(TEA, BEN, "suppressed")
    come_back(drain)
    sandbox.fault("get_events", "500", count=100)
    read_back()
    assert sandbox.requests("get_events")
    time_passes(timedelta(days=1))
    sandbox.clear_faults()
    read_back()
    assert is_in_doubt()
    assert send_outcomes() == [(State.SKIPPED, "suppressed")]


def test_what_was_refused_without_ever_having_been_tried_asks_nobody(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="Message")
    lifecycle.invite(ann, BEN)
    come_back(drain)
    assert Delivery.objects.filter(send__isnull=False, state=State.SKIPPED).count() == 1
    assert ConsentDecision.objects.count() == 1
    assert sandbox.requests("get_events") == []


def test_of_the_erased_nothing_is_looked_for_and_nothing_is_claimed(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    killed_telling(drain, is_answered=True)
    erase.erase(BEN, None)
    minutes_pass(4)
    before = list(Attempt.objects.filter(operation=CREATE_EVENT.id).order_by("pk").values_list("code", "finished_at"))
    read_back(2)
    after = Attempt.objects.filter(operation=CREATE_EVENT.id).order_by("pk").values_list("code", "finished_at")
    assert list(after) == before
    assert Delivery.objects.get(send__isnull=False).state == State.CANCELLED
