"""The database's mark: a database that was restored, or has moved, is noticed before a message leaves."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.models import DatabaseMark, MessageHold
from integrations.outcomes import CalledOff
from integrations.pauses import database_mark, message_hold
from integrations.workers import worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """No test reads what another has noted."""
    settings.VAR_DIR = tmp_path
    database_mark._refused.clear()
    yield
    database_mark._refused.clear()


def restore(number: int) -> None:
    """As if a copy of before had been put in the database's place."""
    DatabaseMark.objects.update(number=number)


def why() -> str:
    hold = message_hold.current()
    return hold.because if hold else ""


def refuse(sentence: str) -> bool:
    try:
        message_hold.last_look()
    except CalledOff as reason:
        return reason.outcome == message_hold.WAITS and sentence in why()
    return False


def test_as_long_as_nothing_happens_messages_leave() -> None:
    for _ in range(3):
        worker.sweep()
        message_hold.last_look()
    assert not MessageHold.objects.exists()
    assert DatabaseMark.objects.get().number == 6


def test_a_database_that_lacks_the_last_message_has_gone_back() -> None:
    message_hold.last_look()
    before = timezone.now()
    message_hold.last_look()
    restore(1)
    assert refuse(database_mark.WENT_BACK)
    hold = MessageHold.objects.get()
    assert hold.lost_until
    assert abs((hold.lost_until - before).total_seconds()) < 600


def test_it_is_noticed_once_and_not_again_when_the_messages_were_let_go(settings: Settings) -> None:
    settings.ADMINS = [("", "admin@sorae.test")]
    for _ in range(3):
        message_hold.last_look()
    restore(1)
    assert refuse(database_mark.WENT_BACK)
    assert refuse(database_mark.WENT_BACK)
    assert len(mail.outbox) == 1
    assert message_hold.end(MessageHold.objects.get(), None)
    message_hold.last_look()
    assert MessageHold.objects.count() == 1


def test_a_second_restore_is_noticed_as_well() -> None:
    for _ in range(3):
        message_hold.last_look()
    for _ in range(2):
        restore(1)
        MessageHold.objects.all().delete()
        assert refuse(database_mark.WENT_BACK)


def test_another_installation_on_the_same_folder_is_none_of_ours() -> None:
    for _ in range(3):
        message_hold.last_look()
    DatabaseMark.objects.all().delete()
    message_hold.last_look()
    assert not MessageHold.objects.exists()


def test_what_another_installation_has_noted_hides_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = "redis://is-used-as-a-cache"
    for _ in range(3):
        message_hold.last_look()
    (tmp_path / database_mark.NAME).write_text(f"{uuid.uuid4()} 1000000 1.0")
    restore(1)
    assert refuse(database_mark.WENT_BACK)


@pytest.mark.parametrize("words", ["", "x", "a b c", "a 9 nan", "\x00"])
def test_what_is_noted_and_cannot_be_read_says_nothing(words: str, tmp_path: Path) -> None:
    (tmp_path / database_mark.NAME).write_text(words)
    message_hold.last_look()
    assert not MessageHold.objects.exists()


def test_it_is_noted_in_redis_for_other_machines(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = "redis://is-used-as-a-cache"
    for _ in range(3):
        message_hold.last_look()
    (tmp_path / database_mark.NAME).unlink()
    restore(1)
    assert refuse(database_mark.WENT_BACK)


def test_without_a_place_to_note_it_messages_leave(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "is not there"
    message_hold.last_look()
    message_hold.last_look()
    assert not MessageHold.objects.exists()


def test_what_the_server_says_of_itself_is_compared_from_the_first_look_on() -> None:
    message_hold.last_look()
    known = DatabaseMark.objects.get().identity
    expected = {"cluster", "timeline", "database", "table"} if database.vendor == "postgresql" else {"file"}
    assert known.keys() == expected
    for part in expected:
        MessageHold.objects.all().delete()
        DatabaseMark.objects.update(identity=known | {part: "of before"})
        assert refuse(database_mark.PARTS[part][1])
        assert DatabaseMark.objects.get().identity == known


def test_what_could_not_be_asked_before_says_nothing() -> None:
    message_hold.last_look()
    DatabaseMark.objects.update(identity={})
    message_hold.last_look()
    assert not MessageHold.objects.exists()
    assert DatabaseMark.objects.get().identity


def test_a_part_that_the_role_may_not_ask_for_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    if database.vendor != "postgresql":
        monkeypatch.setattr(database_mark, "_identity", database_mark._of_server)
        for part in ("cluster", "timeline", "database", "table"):
            monkeypatch.setitem(database_mark.PARTS, part, ("SELECT '1'", "It is another."))
    monkeypatch.setitem(database_mark.PARTS, "cluster", ("SELECT nobody_has_such_a_function()", "It is another."))
    refusals = () if database.vendor == "postgresql" else (Exception,)
    monkeypatch.setattr(database_mark, "MAY_NOT_ASK", (*database_mark.MAY_NOT_ASK, *refusals))
    with transaction.atomic():
        message_hold.notice()
    message_hold.last_look()
    assert DatabaseMark.objects.get().identity.keys() == {"timeline", "database", "table"}
    assert not MessageHold.objects.exists()


def test_the_environment_may_force_it_and_it_stays_until_somebody_says_so(settings: Settings) -> None:
    settings.HOLD_MESSAGES = True
    assert refuse(message_hold.FORCED)
    settings.HOLD_MESSAGES = False
    assert refuse(message_hold.FORCED)


def test_a_hold_by_hand_and_one_by_itself_are_one() -> None:
    for _ in range(3):
        message_hold.last_look()
    restore(1)
    message_hold.begin("We restore.")
    message_hold.begin("We restore.")
    assert refuse(database_mark.WENT_BACK)
    assert why() == f"We restore. {database_mark.WENT_BACK}"
    cache.clear()
