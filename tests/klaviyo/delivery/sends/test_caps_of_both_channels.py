"""Caps: of all messages a person gets so many in a week; of our own an advocate causes so many in a day."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from integrations.errors import TemporaryError
from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from integrations.wire import http
from klaviyo.api import transport
from klaviyo.api.events import CREATE_EVENT
from klaviyo.api.operation import Operation
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, person_key
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.test_mail_caps import all_at_once
from tests.klaviyo.sending_cast import OTHER, RECEIVED, come_back, flows, got, join_to, let_invite, send_outcomes
from tests.klaviyo.story import BEN, TEA, State, make_due

SPELLINGS = [BEN, BEN.upper(), BEN.title()]


def invited(program: Program, number: int, email: str = BEN) -> None:
    """So many advocates invite the same friend."""
    for n in range(number):
        lifecycle.invite(lifecycle.join(program, f"a{Advocate.objects.count()}{n}@example.com"), email)


def test_flows_of_klaviyo_are_capped_by_mailbox(
    sandbox: Sandbox, settings: Settings, spring: Program, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 2
    for spelling in SPELLINGS:
        invited(spring, 2, spelling)
    drain()
    assert len(sandbox.events(TEA, RECEIVED)) == 2
    assert sorted(send_outcomes()) == [(State.ACCEPTED, "")] * 2 + [(State.SKIPPED, "too_many")] * 4
    Send.objects.filter(mailed_at__isnull=False).update(mailed_at=F("mailed_at") - timedelta(days=7))
    invited(spring, 1)
    drain()
    assert send_outcomes()[-1] == (State.ACCEPTED, "")


@pytest.mark.parametrize(("version", "state"), [(1, State.SKIPPED), (2, State.ACCEPTED)])
def test_what_an_older_key_counts_is_counted_for_its_person_alone(
    sandbox: Sandbox, settings: Settings, spring: Program, ann: Advocate, drain: Drain, version: int, state: State
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 1
    anna = "anna@stra\u00dfe.test"
    invited(spring, 1, anna)
    drain()
    of_another = person_key.digest(1, anna)  # who is anna@strasse.test by the reading of now
    Send.objects.update(mailbox_hash=of_another, key_version=version)
    invited(spring, 1, anna)
    drain()
    assert [state for state, _ in send_outcomes()] == [State.ACCEPTED, state]


def test_flows_and_mail_count_together_also_when_retention_has_forgotten_whose_they_were(
    sandbox: Sandbox, settings: Settings, spring: Program, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 3
    invited(spring, 2)
    drain()
    let_invite(ann)
    spring.refresh_from_db()
    Delivery.objects.filter(send__isnull=False).update(subject="")
    invited(spring, 2)
    drain()
    assert got(sandbox, BEN) == 3
    assert send_outcomes()[-1] == (State.SKIPPED, "too_many")


def test_an_invite_told_to_two_accounts_is_two_messages(
    sandbox: Sandbox, settings: Settings, ann: Advocate, spring: Program, second_connection: Connection, drain: Drain
) -> None:
    join_to(ann, second_connection)
    lifecycle.invite(ann, BEN)
    drain()
    assert (flows(sandbox, BEN), flows(sandbox, BEN, OTHER)) == ([RECEIVED], [RECEIVED])
    invited(spring, 1)
    drain()
    assert len(flows(sandbox, BEN) + flows(sandbox, BEN, OTHER)) == settings.MAIL_PER_PERSON_AND_WEEK == 3


def test_an_advocate_causes_so_many_in_a_day(sandbox: Sandbox, settings: Settings, ann: Advocate, drain: Drain) -> None:
    settings.MAIL_PER_ADVOCATE_AND_DAY = 2
    for number in range(3, 6):
        lifecycle.invite(ann, f"friend{number}@friends.test")
    drain()
    assert send_outcomes() == [(State.ACCEPTED, "")] * 3  # by Klaviyo, which sees to that itself
    Send.objects.all().delete()
    let_invite(ann)
    for number in range(3):
        lifecycle.invite(ann, f"friend{number}@friends.test")
    drain()
    assert send_outcomes()[:2] == [(State.ACCEPTED, "")] * 2
    assert send_outcomes()[2] == (State.QUEUED, "advocate_cap")
    Send.objects.filter(mailed_at__isnull=False).update(mailed_at=F("mailed_at") - timedelta(days=1))
    make_due()
    drain()
    assert send_outcomes() == [(State.ACCEPTED, "")] * 3


@pytest.mark.parametrize("left", [True, False])
def test_what_never_left_takes_no_place_and_what_may_have_keeps_it(
    sandbox: Sandbox, ann: Advocate, drain: Drain, left: bool
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    send = transport.send

    def trouble(operation: Operation, *about: Any, **request: Any) -> Any:
        if operation is not CREATE_EVENT:
            return send(operation, *about, **request)
        raise TemporaryError(http.NO_ANSWER if left else http.UNREACHABLE)

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(transport, "send", trouble)
        drain()
    assert Send.objects.filter(mailed_at__isnull=False).count() == left
    come_back(drain)
    assert flows(sandbox, BEN) == [RECEIVED]


@pytest.mark.parametrize("inviter", Program.Inviter)
def test_while_all_settings_are_off_invites_are_on_record_and_can_be_retried(
    sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: str
) -> None:
    let_invite(ann, inviter)
    drain()
    StoreSetting.objects.update(is_enabled=False)
    lifecycle.invite(ann, BEN)
    drain()
    assert send_outcomes() == [(State.SKIPPED, "sync_off")]
    StoreSetting.objects.update(is_enabled=True)
    retrying.again(Delivery.objects.filter(send__isnull=False))
    drain()
    assert send_outcomes() == [(State.ACCEPTED, "")]
    assert got(sandbox, BEN) == 1


def test_many_workers_send_no_more_than_one(
    sandbox: Sandbox, settings: Settings, spring: Program, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 2
    invited(spring, 6)
    all_at_once(connection, drain, kind="event")
    assert len(sandbox.events(TEA, RECEIVED)) == 2
    assert sorted(send_outcomes()) == [(State.ACCEPTED, "")] * 2 + [(State.SKIPPED, "too_many")] * 4
