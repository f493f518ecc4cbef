"""A database that is restored from a copy which lacks the last seconds: nothing goes twice, and people hear nothing.

The copy is a real one: pg_dump and psql, or the file of SQLite. It is made when three friends are invited and nothing
has gone out; then all goes out, a fourth is invited, and one says no.
"""

import shutil
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest

from tests import servers
from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import House

FRIENDS = [f"friend-{number}@example.com" for number in range(3)]
HELD = "queued messages_held"


@dataclass
class Copy:
    """A copy of the house's database, and how it is put in its place."""

    house: House
    at: Path

    @property
    def url(self) -> str:
        return self.house.env.get("DATABASE_URL", "")

    @property
    def file(self) -> Path:
        return self.house.var / "sorae.sqlite3"

    def make(self) -> None:
        if self.url:
            servers.dump(self.url, self.at)
        else:
            shutil.copy(self.file, self.at)

    def restore(self) -> None:
        if self.url:
            servers.restore(self.url, self.at)
        else:
            shutil.copy(self.at, self.file)


def drain(house: House) -> None:
    worker = house.start_drain()
    house.wait_until(lambda: worker.poll() is not None)
    assert worker.returncode == 0, house.said(worker)


def mailed(house: House) -> Counter[str]:
    """To whom Sorae has written, how often."""
    folder = house.var / "mail"
    letters = [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []
    messages = [message_from_bytes(part) for letter in letters for part in letter.split(b"-" * 79 + b"\n") if part]
    return Counter(message["To"] for message in messages if message["To"])


def events(house: House) -> Counter[str]:
    return Counter(f"{event.metric} {event.email}" for event in house.klaviyo.events(TEA_HOUSE_LTD))


@pytest.fixture
def copy(house: House, tmp_path: Path) -> Copy:
    """Three friends are to be invited by Sorae's own e-mail when it is made; what happens then, it lacks."""
    house.env |= {"EMAIL_URL": "files", "MAIL_FROM": "invites@sorae.example"}
    copy = Copy(house, tmp_path / "copy")
    house.play("write-ourselves")
    house.play("join", 2)
    drain(house)
    house.play("invite", 0, 3)
    copy.make()
    drain(house)
    house.play("invite", 3, 1)
    house.play("opt-out", 1)
    drain(house)
    assert mailed(house) == dict.fromkeys([*FRIENDS, "friend-3@example.com"], 1)
    assert house.play("holds") == []
    return copy


def forget_marks(house: House) -> None:
    """The worker's folder and Redis are new, too."""
    (house.var / "database-mark").unlink()
    house.lose_messages()


def test_after_a_restore_no_event_goes_twice_and_no_e_mail_at_all(house: House, copy: Copy) -> None:
    before = events(house)
    copy.restore()
    drain(house)
    assert events(house) == before
    assert mailed(house).total() == 4
    assert house.play("settled", "email") == dict.fromkeys(FRIENDS, HELD)
    [why] = house.play("holds")
    assert "gone back in time" in why or "made anew" in why


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_noes_go_on_and_what_is_let_go_goes_with_the_noes_respected(house: House, copy: Copy) -> None:
    copy.restore()
    assert house.run("hold_messages", "--because", "We restored the copy of noon.")[0] == 0
    drain(house)
    house.play("opt-out", 1)  # as its link is used again
    drain(house)
    assert house.play("settled", "unsubscribe").keys() == {"friend-1@example.com"}
    assert HELD not in house.play("settled", "unsubscribe").values()
    status, said = house.run("release_messages")
    assert (status, "Released: 2;" in said) == (0, True), said
    drain(house)
    assert mailed(house)["friend-1@example.com"] == 1
    assert mailed(house)["friend-0@example.com"] == 2  # an operator has taken it upon them
    assert "We restored the copy of noon." in house.play("holds")[0]


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_what_may_have_gone_can_be_cancelled_and_the_rest_goes(house: House, copy: Copy) -> None:
    copy.restore()
    drain(house)
    house.play("invite", 7, 1)
    status, said = house.run("release_messages", "--cancel-early", "email")
    assert (status, said) == (0, "Released: 1; cancelled: 3.")
    drain(house)
    assert mailed(house) == dict.fromkeys([*FRIENDS, "friend-3@example.com", "friend-7@example.com"], 1)


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_a_copy_on_machines_that_have_noted_nothing_is_noticed_by_what_postgresql_says(
    house: House, copy: Copy
) -> None:
    forget_marks(house)
    copy.restore()
    drain(house)
    assert mailed(house).total() == 4
    assert "made anew" in house.play("holds")[0]


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_a_standby_that_takes_over_is_noticed(house: House, copy: Copy) -> None:
    """Its timeline is another; every role may ask for it, not only a superuser."""
    forget_marks(house)
    with servers.promoted_standby(house.env["DATABASE_URL"]) as url:
        house.env["DATABASE_URL"] = servers.for_a_plain_role(url)
        worker = house.start_drain()
        house.wait_until(lambda: worker.poll() is not None)
        assert worker.returncode == 0, house.said(worker)
        status, said = house.run("release_messages")
        assert (status, said) == (0, "Released: 0; cancelled: 0.")


@pytest.mark.parametrize("house", ["the embedded parts"], indirect=True)
def test_the_environment_holds_whatever_the_database_says(house: House, copy: Copy) -> None:
    house.play("invite", 7, 1)
    house.env["HOLD_MESSAGES"] = "1"
    drain(house)
    assert mailed(house).total() == 4
    assert house.run("release_messages")[0] == 1
