"""In a database whose language is Turkish the small letter of I is another than i: people are found all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, connections
from django.db import connection as database
from django.test import Client
from pytest_django import DjangoDbBlocker

from integrations.models import Connection, Delivery
from klaviyo.consent import opt_outs, topics
from klaviyo.delivery.erasure import erase
from klaviyo.mapping import property_names
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Program, Reward, Submission
from sorae import databases
from tests import servers
from tests.conftest import Drain
from tests.klaviyo.sending_cast import EITHER_WAY, let_invite, mailed, send_outcomes
from tests.klaviyo.story import TEA, State
from tests.upgrades import past

SMALL, CAPITALS = "irmak@friends.test", "IRMAK@friends.test"
BOTH = pytest.mark.parametrize(("one", "other"), [(SMALL, CAPITALS), (CAPITALS, SMALL)])
TURKISH = ("--template=template0", "--locale-provider=icu", "--icu-locale=tr-TR", "--encoding=UTF8")
BEFORE = {"referrals": "0005_tallies", "klaviyo": "0009_caps_by_mailbox"}


@contextmanager
def turned_to(url: str) -> Iterator[None]:
    """All goes to that database, instead of to the tests' own."""
    own, own_settings = connections["default"], connections.settings["default"]
    known = databases.read(url) or {}
    connections.settings["default"] = connections.configure_settings({"default": known | {"CONN_MAX_AGE": 0}})[
        "default"
    ]
    connections["default"] = connections.create_connection("default")
    ContentType.objects.clear_cache()
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"], connections.settings["default"] = own, own_settings
        ContentType.objects.clear_cache()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with servers.postgres() as url:
            yield url
    except servers.NotHere as missing:
        pytest.skip(f"A database in Turkish. {missing}")


@pytest.fixture(scope="module")
def migrated(server: str, django_db_blocker: DjangoDbBlocker) -> str:
    """A database in Turkish with all tables, to be copied."""
    url = servers.new_database(server, *TURKISH)
    with django_db_blocker.unblock(), turned_to(url):
        past.upgrade()
    return url


@pytest.fixture
def turkish(transactional_db: None, server: str, migrated: str) -> Iterator[None]:
    with turned_to(servers.new_database(server, f"--template={Path(urlsplit(migrated).path).name}")):
        yield


@pytest.fixture(scope="module")
def migrated_before(server: str, django_db_blocker: DjangoDbBlocker) -> str:
    """As the version before has left it, to be copied."""
    url = servers.new_database(server, *TURKISH)
    with django_db_blocker.unblock(), turned_to(url):
        past.migrate(BEFORE)
    return url


@pytest.fixture
def turkish_before(transactional_db: None, server: str, migrated_before: str) -> Iterator[None]:
    with turned_to(servers.new_database(server, f"--template={Path(urlsplit(migrated_before).path).name}")):
        yield


def everywhere(email: str, friend: str, program: Program) -> None:
    """Somebody of whom something stands in every place, some of it as the host itself has stored it."""
    person = lifecycle.join(program, email, first_name="Irmak")
    ann = Advocate.objects.get(email="ann@example.com")
    invite = lifecycle.invite(ann, friend)
    order = lifecycle.convert(ann, order_id="1", friend_email=email, total="5", currency="EUR")
    lifecycle.reward(ann, kind="gift", amount="1", currency="EUR", recipient="friend", conversion=order)
    lifecycle.opt_in(program.store, friend, wording="Yes.", place="The page")
    lifecycle.opt_out(program.store, email, scope="newsletter", place="The page")
    Submission.objects.create(store=program.store, email=email, place="The page")
    assert person.pk
    assert invite.pk


def people_then() -> tuple[Any, Any]:
    """The advocates of before, and a program for them."""
    models = past.models_at(BEFORE)
    store = models.get_model("referrals.Store").objects.create(slug="tea", name="Tea", url="https://tea.example/")
    program = models.get_model("referrals.Program").objects.create(store=store, slug="spring", name="Spring")
    return models.get_model("referrals.Advocate").objects, program


def left() -> list[str]:
    """Every address of the person that is still somewhere."""
    places: list[tuple[Any, str]] = [(Advocate, "email"), (Invite, "recipient_email"), (Conversion, "friend_email")]
    places += [(Reward, "recipient_email"), (OptIn, "email"), (OptOut, "email"), (Submission, "email")]
    places += [(Delivery, "subject")]
    found = [email for model, field in places for email in model.objects.values_list(field, flat=True)]
    return [email for email in found if "irmak" in email.lower()]


@pytest.mark.usefixtures("turkish")
def test_the_database_is_a_turkish_one() -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT lower('I'), upper('i')")
        assert cursor.fetchone() == ("\u0131", "\u0130")


@pytest.mark.usefixtures("turkish")
@BOTH
def test_nothing_stays_of_who_is_erased(sandbox: Sandbox, ann: Advocate, drain: Drain, one: str, other: str) -> None:
    everywhere(one, other, ann.program)
    drain()
    assert len(left()) > 8
    erase.erase(other, None)
    assert left() == []
    drain()
    assert [profile.email for profile in sandbox.profiles(TEA)] == ["ann@example.com"]


@pytest.mark.usefixtures("turkish")
@BOTH
def test_everybody_is_there_once(ann: Advocate, one: str, other: str) -> None:
    assert lifecycle.join(ann.program, one) == lifecycle.join(ann.program, other)
    assert lifecycle.invite(ann, one) == lifecycle.invite(ann, other)
    with pytest.raises(IntegrityError):
        Advocate.objects.create(program=ann.program, email=other)


@pytest.mark.usefixtures("turkish")
@EITHER_WAY
@BOTH
def test_a_no_takes_back_what_waits(ann: Advocate, drain: Drain, one: str, other: str, inviter: str) -> None:
    let_invite(ann, inviter)
    lifecycle.invite(ann, one)
    lifecycle.opt_out(ann.program.store, other, scope="everything", place="The page")
    assert Invite.objects.get().closed_by == Invite.Closing.OPTED_OUT
    drain()
    assert (mailed(), send_outcomes()) == ([], [(State.CANCELLED, "opted_out")])


@pytest.mark.usefixtures("turkish")
@EITHER_WAY
@BOTH
def test_a_no_at_klaviyo_takes_back_what_waits(
    ann: Advocate, connection: Connection, one: str, other: str, inviter: str
) -> None:
    let_invite(ann, inviter)
    lifecycle.invite(ann, one)
    assert opt_outs.expected(connection, [SMALL]) == {SMALL}
    assert opt_outs.cancel(connection, other, topics.OPTED_OUT) == 1
    assert Invite.objects.get().closed_by == Invite.Closing.OPTED_OUT


@pytest.mark.usefixtures("turkish")
@BOTH
def test_a_yes_that_is_confirmed_is_found(
    ann: Advocate, setting: StoreSetting, connection: Connection, one: str, other: str
) -> None:
    StoreSetting.objects.update(newsletter_list_id="NwsLtr")
    lifecycle.opt_in(ann.program.store, one, wording="Yes.", place="The page")
    pending = Delivery.objects.filter(kind="subscribe")
    assert pending.update(state=State.ACCEPTED, reason_code=opt_outs.PENDING.code) == 1
    assert opt_outs.confirm(connection, other) == 1


@pytest.mark.usefixtures("turkish")
@BOTH
def test_whoever_buys_is_not_reminded(ann: Advocate, one: str, other: str) -> None:
    lifecycle.invite(ann, one)
    lifecycle.convert(ann, order_id="1", friend_email=other, total="5", currency="EUR")
    assert Invite.objects.get().closed_by == Invite.Closing.CONVERTED


@pytest.mark.usefixtures("turkish")
@BOTH
@pytest.mark.parametrize("model", ["advocate", "invite"])
def test_a_search_finds_them(browser_of_the_operator: Client, ann: Advocate, one: str, other: str, model: str) -> None:
    lifecycle.join(ann.program, one)
    lifecycle.invite(ann, one)
    page = browser_of_the_operator.get(f"/admin/referrals/{model}/", {"q": other}).content.decode()
    assert one in page


@pytest.mark.usefixtures("turkish")
def test_a_person_of_two_programs_is_one(ann: Advocate, spring: Program) -> None:
    autumn = Program.objects.create(store=spring.store, slug="autumn", name="Autumn", offer="Tea")
    joined = [lifecycle.join(spring, SMALL), lifecycle.join(autumn, CAPITALS)]
    prefixes = property_names.of(Connection.objects.get(), joined)
    assert [prefixes[advocate.pk] for advocate in joined] == ["sorae_", "sorae_autumn_"]


@pytest.mark.usefixtures("turkish_before")
def test_an_upgrade_finds_who_was_there() -> None:
    rows, program = people_then()
    rows.create(program=program, email=CAPITALS)
    past.upgrade()
    assert lifecycle.join(Program.objects.get(), SMALL).email == CAPITALS


@pytest.mark.usefixtures("turkish_before")
def test_an_upgrade_says_who_is_there_twice() -> None:
    rows, program = people_then()
    one, other = (rows.create(program=program, email=email, referral_code=email[:5]) for email in (SMALL, CAPITALS))
    with pytest.raises(IntegrityError, match=rf"rows are one, by their ids: {one.pk}, {other.pk}\.") as refusal:
        past.upgrade()
    assert "irmak" not in str(refusal.value).lower()
    rows.filter(pk=other.pk).update(email="other@friends.test")
    past.upgrade()


@pytest.mark.usefixtures("turkish")
def test_the_check_takes_the_database_as_it_is_and_refuses_columns_that_compare_by_its_language() -> None:
    call_command("check", databases=["default"])
    with database.cursor() as cursor:
        cursor.execute('ALTER TABLE referrals_invite ALTER recipient_email TYPE varchar(100) COLLATE "default"')
    with pytest.raises(SystemCheckError, match=r"referrals_invite\.recipient_email"):
        call_command("check", databases=["default"], stderr=StringIO())
