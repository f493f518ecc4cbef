"""Runs of actions on record: found by whom they are about, erased with them, forgotten in time, never begun twice."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from integrations.api.answers import Answer
from integrations.api.idempotency import Kept, once
from integrations.api.outcome import Outcome, Problem
from integrations.models import Connection, KeptAnswer
from integrations.outbox import retention
from klaviyo import actions, tasks
from klaviyo.actions import catalogue, checking, queue, record
from klaviyo.actions.run import perform
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.models import ActionPerson, ActionRun, Erasure, Notice
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle, person_key
from tests.klaviyo.story import BEN, CID, TEA

ANOTHER = "other:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="
STATES = ActionRun.State

Sent = Callable[[], list[Exchange]]


def begin(connection: Connection, name: str = "create_profile", key: str = "", **given: Any) -> ActionRun:
    """A run that is under way in some program."""
    action = catalogue.find(name)
    row, _ = record.begin(action, connection, checking.checked(action, given), by=record.By(), key=key)
    return row


def age(days: float = 0, **more: float) -> None:
    ActionRun.objects.update(began_at=timezone.now() - timedelta(days=days, **more))


def stored() -> str:
    """All that the table of runs says in plain words, and all that it has sealed, opened."""
    rows = ActionRun.objects.all()
    words = [f"{row.reason} {row.codes} {row.given} {row.answered} {row.exchanged}" for row in rows]
    with database.cursor() as cursor:
        cursor.execute("SELECT reason, codes, asked, request_ids FROM klaviyo_actionrun")
        return "\n".join([*words, *map(str, cursor.fetchall())])


def test_a_run_is_found_by_everybody_who_is_named_in_it(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=f"p{number}@many.test") for number in range(30)])
    actions.run("list_profiles", connection, limit=30)
    assert ActionPerson.objects.count() == 60  # each by their address and by their id
    assert ActionPerson.objects.filter(person=person_key.of("p7@many.test")).exists()
    many = [{"email": f"q{number}@many.test"} for number in range(1_200)]
    actions.run("bulk_import_profiles", connection, profiles=many)
    run = ActionRun.objects.get(action="bulk_import_profiles")
    assert run.people.count() == 1_200
    lifecycle.erase("q1199@many.test")
    run.refresh_from_db()
    assert (run.given, run.outcome) == ("", "success")


def test_an_erasure_takes_the_person_out_of_every_run(sandbox: Sandbox, connection: Connection) -> None:
    assert actions.run("create_profile", connection, email=BEN).outcome == "success"
    assert actions.run("create_profile", connection, email=BEN).code == "duplicate_profile"
    actions.run("get_profiles", connection, email=BEN.upper())
    actions.run("get_profiles", connection, email=CID)
    ActionRun.objects.update(reason=f"About {BEN}.")
    erase.erase(BEN, None)
    mine = ActionRun.objects.filter(given="")
    assert mine.count() == 3
    assert [(row.outcome, row.reason, row.answered, row.exchanged) for row in mine.order_by("began_at")] == [
        (outcome, reason, "", "")
        for outcome, reason in (("success", "About …"), ("failure", retention.REFUSED), ("success", "About …"))
    ]
    assert set(ActionPerson.objects.values_list("person", flat=True)) == {person_key.of(CID)}
    ActionRun.objects.exclude(given="").update(reason="")
    assert BEN not in stored().lower()


@pytest.mark.parametrize("version", person_key.READINGS)
def test_a_person_is_found_by_a_key_of_any_version(connection: Connection, version: int) -> None:
    row = begin(connection, email=BEN)
    ActionPerson.objects.update(person=person_key.digest(version, BEN), key_version=version)
    lifecycle.erase(BEN)
    row.refresh_from_db()
    assert row.given == ""


def test_a_run_that_ends_after_the_erasure_keeps_nothing_of_the_person(connection: Connection) -> None:
    row = begin(connection, "get_profiles", email=BEN)
    action = catalogue.find("get_profiles")
    given = checking.checked(action, {"email": BEN})
    lifecycle.erase(BEN)
    assert perform(row, action, given).code == "not_found"
    row = ActionRun.objects.get()
    assert (row.state, row.outcome, row.given, row.answered) == (STATES.DONE, "failure", "", "")
    assert not ActionPerson.objects.exists()


def test_a_run_about_somebody_who_was_erased_before_keeps_nothing_of_them(connection: Connection) -> None:
    lifecycle.erase(BEN)
    actions.run("create_profile", connection, actions.How(key="k"), email=BEN)
    assert BEN not in stored()
    assert not ActionPerson.objects.exists()
    again = actions.run("create_profile", connection, actions.How(key="k"), email=BEN)
    assert (again.outcome, again.code) == ("failure", "erased")
    assert ActionRun.objects.count() == 1


def test_what_was_being_written_during_the_erasure_goes_when_it_is_repeated(connection: Connection) -> None:
    receipt = erase.erase(BEN, None)
    row = begin(connection, email=BEN)  # by somebody who had not seen it
    ActionRun.objects.update(state=STATES.ABANDONED)
    Erasure.objects.update(requested_at=receipt.requested_at - repeat.AFTER * 2)
    ActionRun.objects.update(began_at=receipt.requested_at - repeat.AFTER * 2)
    tasks.repeat_erasures()
    row.refresh_from_db()
    assert row.given == ""
    assert not ActionPerson.objects.exists()


def test_a_large_run_that_is_handed_over_is_found_by_its_people(connection: Connection) -> None:
    people = [{"email": f"p{number}@many.test", "title": "x" * 500} for number in range(1_100)]
    row = begin(connection, "bulk_import_profiles", profiles=people)
    assert (json.loads(row.given), row.people.count()) == (record.TOO_LARGE, 1_100)
    action = catalogue.find("bulk_import_profiles")
    queue.put(row, checking.checked(action, {"profiles": people}))
    assert row.people.count() == 1_100
    lifecycle.erase("p7@many.test")
    row.refresh_from_db()
    assert row.given == ""


def test_old_runs_stay_without_what_they_said(connection: Connection, settings: Settings) -> None:
    actions.run("create_profile", connection, email=BEN)
    actions.run("create_profile", connection, email=BEN)
    ActionRun.objects.filter(outcome="failure").update(reason=f"{BEN} is taken.")
    age(days=settings.RETAIN_BODIES_DAYS - 0.1)
    tasks.end_runs()
    assert ActionRun.objects.filter(given="").count() == 0
    age(days=settings.RETAIN_BODIES_DAYS + 0.1)
    tasks.end_runs()
    rows = ActionRun.objects.order_by("outcome")
    assert [(row.outcome, row.given, row.answered, row.exchanged) for row in rows] == [
        ("failure", "", "", ""),
        ("success", "", "", ""),
    ]
    assert rows[0].codes == ["duplicate_profile"]
    assert BEN not in stored()
    assert not ActionPerson.objects.exists()


def test_a_run_whose_program_has_died_is_closed_and_its_key_answers_with_that(
    sent: Sent, connection: Connection
) -> None:
    row = begin(connection, key="k", email=BEN, timeout_seconds=10)
    assert (
        actions.run("create_profile", connection, actions.How(key="k"), email=BEN, timeout_seconds=10).code
        == "under_way"
    )
    age(seconds=100)
    tasks.end_runs()
    assert ActionRun.objects.get().state == STATES.UNDER_WAY
    age(seconds=131)
    tasks.end_runs()
    row.refresh_from_db()
    assert (row.state, row.outcome, row.is_known) == (STATES.ABANDONED, "error", False)
    told = actions.run("create_profile", connection, actions.How(key="k"), email=BEN, timeout_seconds=10)
    assert (told.outcome, told.code, told.is_known) == ("error", "abandoned", False)
    assert sent() == []


def test_a_long_run_has_its_whole_time(connection: Connection) -> None:
    begin(connection, email=BEN, timeout_seconds=3_600)
    begin(connection, email=CID)
    age(seconds=600)
    tasks.end_runs()
    assert sorted(ActionRun.objects.values_list("state", flat=True)) == [STATES.ABANDONED, STATES.UNDER_WAY]


def test_without_the_key_a_run_has_its_codes_alone_and_is_closed_late(
    connection: Connection, settings: Settings
) -> None:
    actions.run("create_profile", connection, actions.How(key="k"), email=BEN)
    actions.run("create_profile", connection, actions.How(key="l"), email=BEN)
    row = begin(connection, email=CID)
    settings.ENCRYPTION_KEYS = ANOTHER
    again = actions.run("create_profile", connection, actions.How(key="l"), email=BEN)
    assert (again.outcome, again.code, again.data) == ("failure", "duplicate_profile", None)
    age(seconds=1_000)
    tasks.end_runs()
    row.refresh_from_db()
    assert row.state == STATES.UNDER_WAY
    age(seconds=4_000)
    tasks.end_runs()
    row.refresh_from_db()
    assert row.state == STATES.ABANDONED


def test_keys_are_rotated_in_all_three_columns(connection: Connection, settings: Settings) -> None:
    actions.run("create_profile", connection, email=BEN)
    settings.ENCRYPTION_KEYS = f"{ANOTHER},{settings.ENCRYPTION_KEYS}"
    call_command("rotate_encryption_keys")
    settings.ENCRYPTION_KEYS = ANOTHER
    row = ActionRun.objects.get()
    assert json.loads(row.given)["email"] == BEN
    assert json.loads(row.answered)["outcome"] == "success"
    assert json.loads(row.exchanged)[0]["operation"] == "create_profile"
    assert isinstance(row.pk, UUID)


def test_no_word_of_a_person_stands_in_plain_beside_what_is_sealed(connection: Connection) -> None:
    actions.run("create_profile", connection, email=BEN, first_name="Benedikt")
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM klaviyo_actionrun")
        raw = str(cursor.fetchall())
    assert BEN not in raw
    assert "Benedikt" not in raw


ODD = "o'hara@friends.test"


@pytest.mark.parametrize(
    "text",
    [
        f"email={BEN}&x=1",
        f"email={BEN.replace('@', '%40')}",
        f'{{"email": "{BEN}"}}'.replace("@", "\\u0040"),
        base64.b64encode(f'{{"email": "{BEN}"}}'.encode()).decode(),
        f"mailto:{BEN}",
        f"\u2039{BEN}\u203a",
        f"'{BEN}'",
    ],
)
def test_a_person_is_found_however_their_address_is_written(connection: Connection, text: str) -> None:
    begin(connection, "raw_request", method="POST", url="/api/other", data={"note": text})
    lifecycle.erase(BEN)
    assert ActionRun.objects.get().given == ""


def test_an_address_with_an_apostrophe_is_found(connection: Connection) -> None:
    begin(connection, "create_event", event_name="Seen", profile={"email": ODD})
    lifecycle.erase(ODD)
    assert ActionRun.objects.get().given == ""


def test_a_run_by_an_id_or_a_number_goes_with_the_person_whose_it_is(sandbox: Sandbox, connection: Connection) -> None:
    phone = "+358401234567"
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=phone)])
    begin(connection, "create_event", event_name="Seen", profile={"klaviyo_id": id, "first_name": "Benjamin"})
    Notice.objects.create(connection=connection, external_id="1", topic="event:other", profile_id=id, email=BEN)
    actions.run("get_profiles", connection, email=BEN)
    begin(connection, "create_event", event_name="Seen", profile={"phone_number": phone, "first_name": "Benjamin"})
    begin(connection, "create_event", event_name="Seen", profile={"phone_number": "+358401234568", "first_name": "Cid"})
    erase.erase(BEN, None)
    assert "Benjamin" not in stored()
    assert "Cid" in stored()


def test_a_large_binary_answer_is_found_by_its_people(sandbox: Sandbox, connection: Connection) -> None:
    others = [SeedProfile(email=f"p{n}@many.test", properties={"note": "x" * 3_000}) for n in range(50)]
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, first_name="Benjamin"), *others])
    query = {"page[size]": "100"}
    told = actions.run(
        "raw_request", connection, operation="get_profiles", response_type="binary", query_parameters=query
    )
    assert len(base64.b64decode(told.data["body"])) > 100_000
    lifecycle.erase(BEN)
    assert ActionRun.objects.get().answered == ""


def test_what_was_too_large_is_not_written_again_once_its_person_is_erased(connection: Connection) -> None:
    given: dict[str, Any] = {"email": BEN, "properties": {f"p{number}": "x" * 3_000 for number in range(300)}}
    row = begin(connection, "upsert_profile", **given)
    assert json.loads(row.given) == record.TOO_LARGE
    lifecycle.erase(BEN)
    queue.put(row, checking.checked(catalogue.find("upsert_profile"), given))
    assert BEN not in stored()


def test_klaviyos_own_words_are_forgotten_with_the_person(connection: Connection) -> None:
    row = begin(connection, email=BEN)
    record.end(row, Outcome("failure", "Benjamin is no name.", None, (Problem("invalid", "x"),)), [])
    lifecycle.erase(BEN)
    assert "Benjamin" not in stored()


def test_a_kept_answer_is_forgotten_with_the_run(connection: Connection) -> None:
    row = begin(connection, "get_profiles", email=BEN)
    user = User.objects.create_user("asker")

    def work(kept: Kept | None) -> Answer:
        assert kept
        kept.is_run(row.pk)
        return Answer(Outcome("success", "", {"items": [{"first_name": "Benjamin"}]}))

    once(user, "k1", "digest", work)
    assert "Benjamin" not in KeptAnswer.objects.get().answer
    old = KeptAnswer.objects.get()
    old.answer = json.dumps({"body": "Benjamin", "headers": {}})
    old.save()
    lifecycle.erase(BEN)
    assert "Benjamin" not in KeptAnswer.objects.get().answer


def test_a_queued_run_whose_key_is_lost_ends(connection: Connection, settings: Settings) -> None:
    row = begin(connection, email=BEN)
    ActionRun.objects.update(state=STATES.QUEUED)
    settings.ENCRYPTION_KEYS = ANOTHER
    queue.go_on(row.pk)
    told = ActionRun.objects.defer("given", "answered", "exchanged").get()
    assert (told.state, told.outcome, told.codes) == (STATES.DONE, "error", ["cannot_be_read"])
