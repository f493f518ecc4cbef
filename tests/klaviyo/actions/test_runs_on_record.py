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
from integrations.models import Connection, Delivery, KeptAnswer
from integrations.outbox import retention
from klaviyo import actions, tasks
from klaviyo.actions import catalogue, checking, guard, queue, record, retries
from klaviyo.actions.run import perform
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.models import ActionPerson, ActionRun, Erasure, Notice
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle, person_key
from tests.conftest import Drain
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
    assert (json.loads(row.given)["profiles"][7], row.people.count()) == (None, 1_099)
    assert "p7@many.test" not in row.given


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


PHONE = "+358401234567"
BY: dict[str, dict[str, str]] = {
    "klaviyo_id": {"klaviyo_id": "ID"},
    "phone_number": {"phone_number": PHONE},
    "external_id": {"external_id": "b-1"},
}


def put_ben(sandbox: Sandbox) -> str:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=PHONE, external_id="b-1")])
    return id


@pytest.mark.parametrize("state", [STATES.UNDER_WAY, STATES.QUEUED, STATES.DONE])
@pytest.mark.parametrize("by", BY)
def test_whom_klaviyo_alone_can_name_is_forgotten_with_their_deletion_there(
    sandbox: Sandbox, connection: Connection, drain: Drain, by: str, state: str
) -> None:
    id = put_ben(sandbox)
    who = {name: id if value == "ID" else value for name, value in BY[by].items()}
    begin(connection, "create_event", event_name="Seen", profile={**who, "first_name": "Benjamin"})
    begin(connection, "create_event", event_name="Seen", profile={"external_id": "c-1", "first_name": "Cid"})
    ActionRun.objects.update(state=state)
    erase.erase(BEN, None)
    drain()
    assert sandbox.profile(TEA, BEN) is None
    assert "Benjamin" not in stored()
    assert "Cid" in stored()


@pytest.mark.parametrize("by", BY)
def test_a_run_that_has_learnt_whom_it_is_about_forgets_them_when_it_ends(
    sandbox: Sandbox, connection: Connection, by: str
) -> None:
    id = put_ben(sandbox)
    who = {name: id if value == "ID" else value for name, value in BY[by].items()}
    lifecycle.erase(BEN)
    told = actions.run("create_event", connection, event_name="Seen", profile={**who, "first_name": "Benjamin"})
    assert told.code == "erased"
    assert (ActionRun.objects.get().given, ActionPerson.objects.count()) == ("", 0)


def test_an_erasure_finds_a_run_under_way_by_what_it_has_just_learnt(
    sandbox: Sandbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = put_ben(sandbox)
    lifecycle.erase(CID)  # so that people are looked up
    seen: list[str] = []

    def pause(*_: Any) -> None:
        lifecycle.erase(BEN)
        seen.append(ActionRun.objects.get().given)

    monkeypatch.setattr(retries, "sleep", pause)
    sandbox.fault("create_event", "429", count=1, retry_after="1")
    who = {"klaviyo_id": id, "first_name": "Benjamin"}
    assert actions.run("create_event", connection, event_name="Seen", profile=who).code == "erased"
    assert seen == [""]
    assert "Benjamin" not in stored()


def queued(connection: Connection, name: str, **given: Any) -> ActionRun:
    action = catalogue.find(name)
    row, _ = record.begin(action, connection, checking.checked(action, given), by=record.By(), is_queued=True)
    return row


DORA = "dora@friends.test"


def test_a_run_that_waits_goes_on_without_who_was_erased(sandbox: Sandbox, connection: Connection) -> None:
    people = [{"email": email} for email in (BEN, CID, BEN.upper(), DORA)]
    row = queued(connection, "bulk_import_profiles", profiles=people)
    lifecycle.erase(BEN)
    row.refresh_from_db()
    assert BEN not in stored().lower()
    assert set(row.people.values_list("person", flat=True)) == {person_key.of(CID), person_key.of(DORA)}
    lifecycle.erase(CID)
    queue.go_on(row.pk)
    row.refresh_from_db()
    told = record.outcome_of(row)
    assert told is not None
    assert [(one.code, one.pointer) for one in told.warnings] == [("erased", f"/profiles/{at}") for at in (0, 1, 2)]
    assert (told.outcome, sandbox.profile(TEA, BEN), sandbox.profile(TEA, CID)) == ("success", None, None)
    assert sandbox.profile(TEA, DORA) is not None
    lifecycle.erase(DORA)
    row.refresh_from_db()
    assert row.given == ""


def test_where_people_stood_is_known_however_many_have_gone(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    row = queued(
        connection,
        "subscribe_profiles",
        opt_in="x",
        list_id="L1",
        profiles=[{"email": email, "channels": ["email"]} for email in (BEN, "eve@friends.test", CID, DORA)],
    )
    lifecycle.erase(BEN)
    queue_given = json.loads(ActionRun.objects.get().given)
    assert queue_given["profiles"][0] is None
    lifecycle.erase(CID)
    sandbox.put_profiles(TEA, [SeedProfile(email=DORA, consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])])
    queue.go_on(row.pk)
    told = record.outcome_of(ActionRun.objects.get())
    assert told is not None
    assert ("has_said_no", "/profiles/3") in [(one.code, one.pointer) for one in told.warnings]


def test_a_run_that_is_handed_over_goes_on_without_who_was_erased(connection: Connection) -> None:
    given: dict[str, Any] = {"profiles": [{"email": BEN}, {"email": CID}]}
    row = begin(connection, "bulk_import_profiles", **given)
    lifecycle.erase(BEN)
    queue.put(row, checking.checked(catalogue.find("bulk_import_profiles"), given))
    row.refresh_from_db()
    assert json.loads(row.given)["profiles"] == [None, {"email": CID}]
    assert BEN not in stored()


def test_a_run_that_waits_for_one_person_is_not_begun(sent: Sent, connection: Connection) -> None:
    row = queued(connection, "create_profile", email=BEN)
    lifecycle.erase(BEN)
    queue.go_on(row.pk)
    row.refresh_from_db()
    assert (row.given, row.codes, sent()) == ("", ["forgotten"], [])


@pytest.mark.parametrize("is_done", [True, False])
def test_who_is_erased_while_a_request_is_on_its_way_is_deleted_once_more(
    sandbox: Sandbox, connection: Connection, drain: Drain, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    looks = guard.Guard.look

    def look(self: guard.Guard, *about: Any) -> None:
        looks(self, *about)
        if about[0].id == "create_event":
            erase.erase(BEN, None)
            if is_done:
                drain()
                Erasure.objects.update(repeated_at=timezone.now())
                tasks.repeat_erasures()
                assert not Erasure.objects.get().is_address_kept

    monkeypatch.setattr(guard.Guard, "look", look)
    who = {"email": BEN, "first_name": "Benjamin"}
    assert actions.run("create_event", connection, event_name="Seen", profile=who).outcome == "success"
    assert sandbox.profile(TEA, BEN) is not None
    assert "Benjamin" not in stored()
    owed = Delivery.objects.get(kind="erase")
    assert owed.state == "queued"
    assert owed.next_try_at > timezone.now() + guard.ON_THE_WIRE / 2
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    drain()
    assert sandbox.profile(TEA, BEN) is None
    tasks.repeat_erasures()
    assert Erasure.objects.get().is_address_kept != is_done


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
