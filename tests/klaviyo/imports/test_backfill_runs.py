"""Runs of a backfill: one at a time, in turns, counted once, and how long they take is told from stored limits."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.db import transaction
from django.utils import timezone

from integrations import pacing
from integrations.models import Connection, Delivery
from integrations.pauses import by_hand
from klaviyo.api import profiles
from klaviyo.imports import backfill as walking
from klaviyo.imports import backfill_chunks, backfill_estimate, backfill_facts, backfill_problems
from klaviyo.models import Backfill, BackfillProblem, StoreSetting, backfills
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.conftest import Drain
from tests.klaviyo.imports.walks import backfill, emails, end_imports
from tests.klaviyo.story import TEA


def test_a_chunk_that_two_have_told_of_is_counted_once(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, decided = walking.begin(setting), backfill_chunks.decided
    others = [True]

    def slowly(chunk: backfill_chunks.Read) -> backfill_chunks.Chunk:
        if others.pop() if others else False:
            Backfill.objects.update(lease_until=None)  # as if its time were up
            assert walking.step(run.pk)
        return decided(chunk)

    monkeypatch.setattr(backfill_chunks, "decided", slowly)
    assert walking.step(run.pk)
    run.refresh_from_db()
    assert (run.told, run.reached) == (4, people[3].pk)


def test_two_runs_have_turns(sandbox: Sandbox, people: list[Advocate], setting: StoreSetting) -> None:
    coffee = Store.objects.create(slug="coffee", name="Coffee", url="https://coffee.example/", currency="EUR")
    program = Program.objects.create(store=coffee, slug="autumn", name="Autumn", offer="5 EUR")
    Advocate.objects.bulk_create([Advocate(program=program, email=f"other{n}@example.com") for n in range(10)])
    create = StoreSetting.Behaviour.CREATE
    other = StoreSetting.objects.create(store=coffee, connection=setting.connection, behaviour=create)
    for one in (setting, other):
        walking.begin(one)
    for _ in range(2):
        steps = iter([False, True, True])
        walking.go_on(lambda steps=steps: next(steps))  # type: ignore[misc]
    assert sorted(Backfill.objects.values_list("told", flat=True)) == [4, 4]


def test_a_run_that_was_paused_goes_on_by_the_command_only_when_told(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    run = walking.begin(setting)
    walking.pause(run.pk)
    with pytest.raises(CommandError, match="is paused"):
        backfill()
    assert emails(sandbox) == set()
    assert "10 of 10" in backfill("tea-house", "--resume")


def test_a_dry_run_of_the_command_sends_nothing(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    said = backfill("tea-house", "--dry-run", "--facts-since", "2020-01-01")
    assert "10 people, 10 facts, less than a minute" in said
    assert f'"email": "{people[4].email}"' in said
    assert people[5].email not in said
    assert '"backfill": true' in said
    assert (emails(sandbox), Backfill.objects.count(), Delivery.objects.count()) == (set(), 0, 0)


def test_a_backfill_of_facts_stands_back_while_many_events_wait(
    sandbox: Sandbox,
    people: list[Advocate],
    setting: StoreSetting,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backfill_facts, "MOST_WAITING", 3)
    monkeypatch.setattr(backfill_facts, "AT_ONCE", 4)
    past = backfill_facts.Span(timezone.now() - timedelta(days=1), timezone.now())
    run = walking.begin(setting, span=past)
    for _ in range(2):
        while walking.step(run.pk):
            pass
        end_imports()
    run.refresh_from_db()
    assert (run.state, run.facts_seen, run.problem) == (Backfill.State.RUNNING, 4, backfill_facts.OTHERS_WAIT)
    for _ in range(3):
        drain()
        while walking.step(run.pk):
            pass
    run.refresh_from_db()
    assert (run.state, run.events) == (Backfill.State.DONE, 10)
    assert {event.backfill for event in sandbox.events(TEA)} == {True}


def test_nothing_of_the_past_goes_to_who_was_erased(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    past = backfill_facts.Span(timezone.now() - timedelta(days=1), timezone.now())
    lifecycle.erase(people[0].email)
    run = walking.begin(setting, span=past)
    for _ in range(2):
        while walking.step(run.pk):
            pass
        end_imports()
    drain()
    assert {event.email for event in sandbox.events(TEA)} == {person.email for person in people[1:]}
    assert Backfill.objects.get().events == 9


def test_problems_are_forgotten_in_time(people: list[Advocate], setting: StoreSetting) -> None:
    run = walking.begin(setting)
    for person, days in ((people[0], 100), (people[1], 1)):
        at = timezone.now() - timedelta(days=days)
        BackfillProblem.objects.create(backfill=run, advocate=person, code="invalid", detail="No.", at=at)
    assert backfill_problems.forget() == 1
    assert BackfillProblem.objects.get().advocate == people[1]


def test_what_klaviyo_says_is_kept_without_addresses(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    run = walking.begin(setting)
    with transaction.atomic():
        backfill_problems.note(run, {people[0].pk: ("invalid", f"{people[0].email} has +4791234567 already.")})
    assert BackfillProblem.objects.get().detail == "… has … already."


def test_the_estimate_goes_by_the_limits_that_the_account_has(
    people: list[Advocate], setting: StoreSetting, sandbox: Sandbox
) -> None:
    Advocate.objects.update(first_name="Pia")
    [look_ups, imports] = backfill_estimate.of(setting).requests
    assert (look_ups.number, imports.number) == (1, 3)
    own = profiles.GET_PROFILES.windows
    pacing.heed(f"{setting.connection_id}:get_profiles", own, {"RateLimit-Limit": "75, 75;w=1, 375;w=60"})
    assert backfill_estimate.of(setting).requests[0].a_minute == pytest.approx(look_ups.a_minute / 2, abs=2)


@pytest.mark.parametrize(
    ("number", "words"),
    [(10, "less than a minute"), (1_000, "about 7 minutes"), (50_000, "about 7 hours"), (500_000, "about 3 days")],
)
def test_an_estimate_is_no_more_exact_than_it_can_be(number: int, words: str) -> None:
    one = backfill_estimate.Requests("Imports", number, a_minute=127, each=0.1)
    assert backfill_estimate.Estimate(0, 0, [one]).words == words


def test_a_new_account_hears_of_everything_anew(
    people: list[Advocate], setting: StoreSetting, second_connection: Connection
) -> None:
    run = walking.begin(setting)
    Backfill.objects.update(told=4, reached=people[3].pk, left_out_for={"erased": 1}, facts_reached={"joined": 4})
    BackfillProblem.objects.create(backfill=run, advocate=people[0], code="invalid")
    walking.pause(run.pk)
    backfills.begin_anew([setting.pk])
    run.refresh_from_db()
    assert (run.told, run.reached, run.left_out_for, run.facts_reached) == (0, 0, {}, {})
    assert not BackfillProblem.objects.exists()


@pytest.mark.parametrize("how", ["paused", "switched off"])
def test_what_an_operator_stops_while_a_chunk_is_read_does_not_leave(
    how: str,
    people: list[Advocate],
    setting: StoreSetting,
    sandbox: Sandbox,
    operator: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, decided = walking.begin(setting), backfill_chunks.decided

    def late(chunk: backfill_chunks.Read) -> backfill_chunks.Chunk:
        if how == "paused":
            by_hand.begin(setting.connection, operator)
        else:
            StoreSetting.objects.update(is_enabled=False)
        return decided(chunk)

    monkeypatch.setattr(backfill_chunks, "decided", late)
    while walking.step(run.pk):
        pass
    run.refresh_from_db()
    assert (sandbox.requests("bulk_import_profiles"), run.reached) == ([], 0)
    assert "goes on when" in run.problem
    monkeypatch.setattr(backfill_chunks, "decided", decided)
    by_hand.end(setting.connection)
    StoreSetting.objects.update(is_enabled=True)
    while walking.step(run.pk):
        pass
    assert len(emails(sandbox)) == len(people)
