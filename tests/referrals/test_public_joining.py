"""The join form takes in whoever asks, a moment later, and tells nobody who is in already."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from referrals import lifecycle, tasks
from referrals.models import Advocate, OptIn, Program, Store, Submission, Suppression
from tests.referrals.shown import hidden

OURS = "E-mail me news and offers from Tea House. I can stop at any time."
ADDRESS = "/join/tea-house/friends"


@pytest.fixture
def visitor(program: Program) -> Client:
    return Client(enforce_csrf_checks=True)


def join(visitor: Client, **form: str) -> Any:
    """The answer, once what was asked for is carried out."""
    answer = visitor.post(ADDRESS, hidden(visitor.get(ADDRESS).content) | form, follow=True)
    tasks.carry_out()
    return answer


def test_the_form_shows_the_offer_and_ticks_nothing(visitor: Client) -> None:
    shown = visitor.get(ADDRESS).content.decode()
    assert "5 EUR off the first tea" in shown
    assert OURS in shown
    assert " checked" not in shown
    assert 'autocomplete="email"' in shown
    assert 'autocomplete="given-name"' in shown


def test_whoever_joins_is_in_the_program_and_in_nothing_else(visitor: Client, program: Program) -> None:
    answer = join(visitor, email="cid@example.com", first_name=" Cid ")
    assert "Your own link comes by e-mail from <bdi>Tea House</bdi>." in answer.content.decode()
    cid = Advocate.objects.get()
    assert (cid.program, cid.email, cid.first_name) == (program, "cid@example.com", "Cid")
    assert not OptIn.objects.exists()


def test_a_ticked_box_is_an_opt_in_besides(visitor: Client) -> None:
    join(visitor, email="cid@example.com", first_name="Cid", wants_email="on")
    (wish,) = OptIn.objects.all()
    assert (wish.email, wish.first_name, wish.channels) == ("cid@example.com", "Cid", ["email"])
    assert (wish.wording.text, wish.place) == (OURS, "join form")


def test_members_and_strangers_hear_the_same(visitor: Client, ann: Advocate) -> None:
    stranger = join(visitor, email="cid@example.com", first_name="Cid")
    member = join(visitor, email="ANN@example.com", first_name="Mallory")
    assert (member.redirect_chain, member.content) == (stranger.redirect_chain, stranger.content)
    ann.refresh_from_db()
    assert ann.first_name == "Ann"
    assert Advocate.objects.count() == 2


def test_a_machine_is_thanked_and_nothing_is_stored(visitor: Client) -> None:
    machine = join(visitor, email="bot@example.com", wants_email="on", subject="x")
    assert not Advocate.objects.exists()
    assert not OptIn.objects.exists()
    assert machine.content == join(visitor, email="cid@example.com").content


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"email": ""}, "Write your e-mail address"),
        ({"email": "cid"}, "Write your e-mail address"),
        ({"email": "cid@example.com", "first_name": "x" * 151}, "Write your first name"),
        ({"email": "cid@example.com", "first_name": "C\0d"}, "Write your first name"),
        ({"email": "cid@example.com", "wants_sms": "on"}, "Write your phone number"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(visitor: Client, form: dict[str, str], error: str) -> None:
    Store.objects.update(sms_opt_in_text="Text me.")
    shown = join(visitor, **form).content.decode()
    assert error in shown
    assert 'aria-invalid="true"' in shown
    assert not Advocate.objects.exists()


def work_for(visitor: Client, **form: str) -> list[tuple[str, ...]]:
    """The statements of the request alone, each with the table that it is about."""
    before = hidden(visitor.get(ADDRESS).content)
    with CaptureQueriesContext(connection) as work:
        visitor.post(ADDRESS, before | form)
    return [tuple(word for word in query["sql"].split() if word.isupper() or "referrals_" in word) for query in work]


@pytest.mark.parametrize("ticked", [{}, {"wants_email": "on"}])
def test_whoever_asks_costs_the_same_work(visitor: Client, ann: Advocate, ticked: dict[str, str]) -> None:
    lifecycle.suppress("eve@example.com", Suppression.Reason.COMPLAINED)
    lifecycle.opt_in(ann.program.store, "fay@example.com", wording=OURS, place="shop")
    lifecycle.erase("gus@example.com")
    people = ("ann", "cid", "eve", "fay", "gus")
    first, *others = [work_for(visitor, email=f"{name}@example.com", first_name="X", **ticked) for name in people]
    assert others == [first] * 4
    assert [statement[0] for statement in first].count("INSERT") >= 1
    assert not any("referrals_advocate" in " ".join(statement) for statement in first)
    assert Submission.objects.count() == 5


def test_nothing_is_done_before_the_answer(visitor: Client) -> None:
    visitor.post(ADDRESS, hidden(visitor.get(ADDRESS).content) | {"email": "cid@example.com", "wants_email": "on"})
    assert not Advocate.objects.exists()
    assert not OptIn.objects.exists()
    assert Submission.objects.count() == 1


def test_whoever_ticked_other_words_is_asked_again_before_anything_is_stored(visitor: Client) -> None:
    before = hidden(visitor.get(ADDRESS).content)
    Store.objects.update(name="Coffee House")
    again = visitor.post(ADDRESS, before | {"email": "cid@example.com", "wants_email": "on"})
    assert b"These words have changed." in again.content
    assert not Advocate.objects.exists()
    visitor.post(ADDRESS, before | {"email": "cid@example.com"})
    tasks.carry_out()
    assert Advocate.objects.exists()
    assert not OptIn.objects.exists()


@pytest.mark.parametrize("address", ["/join/tea-house/winter", "/join/coffee/friends"])
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_an_unknown_program_is_not_found(visitor: Client, address: str, method: str) -> None:
    assert getattr(visitor, method)(address).status_code == 404


def test_the_page_leaves_no_trace(visitor: Client) -> None:
    for answer in (visitor.get(ADDRESS), join(visitor, email="cid@example.com")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert not answer.cookies


@pytest.mark.parametrize("stuck", [".", ")", ",", "%0A", "/", "…", "です"])
def test_what_sticks_to_the_forms_link_does_not_matter(visitor: Client, program: Program, stuck: str) -> None:
    shown = visitor.get(ADDRESS + stuck)
    answer = visitor.post(ADDRESS + stuck, hidden(shown.content) | {"email": "cid@example.com"})
    assert (answer.status_code, answer["Location"]) == (302, f"{ADDRESS}?thanks")
