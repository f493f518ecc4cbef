"""Look-up parameters of the admin's lists: whatever is asked for, the answer is the list, and never a fault of ours."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Field, Model
from django.test import Client
from django.urls import reverse

from referrals import lifecycle
from referrals.models import Advocate, Program
from sorae import lookups

pytestmark = pytest.mark.django_db(transaction=True)
VALUES = ("99999", "99999999999999999999", "(", "a\0b", "0001-01-01")


@pytest.fixture(autouse=True)
def _refusals_are_not_logged() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def operator(ann: Advocate) -> Client:
    lifecycle.invite(ann, "ben@example.com")
    lifecycle.convert(ann, order_id="1001", friend_email="ben@example.com", total="24.9", currency="EUR")
    browser = Client()
    browser.force_login(User.objects.create_superuser("operator"))
    return browser


def the_list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def kinds_of_lookup() -> list[tuple[type[Model], str]]:
    """For each kind of column and each look-up of it one list and one parameter."""
    found: dict[tuple[type[Field[Any, Any]], str], tuple[type[Model], str]] = {}
    for model in admin.site._registry:
        for column in model._meta.concrete_fields:
            kind: Any = getattr(column, "target_field", column)
            path = f"{column.name}__pk" if column.is_relation else column.name
            for name, lookup in kind.get_lookups().items():
                found.setdefault((type(kind), name), (model, f"{path}__{name}"))
                if getattr(lookup, "lookup_name", "") in ("year", "month", "date", "time", "week_day", "iso_year"):
                    for then in ("gt", "in", "range"):
                        found.setdefault((type(kind), f"{name}__{then}"), (model, f"{path}__{name}__{then}"))
    return list(found.values())


def ask(browser: Client, address: str, query: str) -> Any:
    """The list, or (told to whoever asked) everything instead."""
    answer = browser.get(f"{address}?{query}")
    if answer.status_code == 302:
        assert answer["Location"] == f"{address}?e=1", query
    else:
        assert answer.status_code in {200, 400}, query  # 400: of what no list may be asked
        assert b"Traceback" not in answer.content
    return answer


def test_no_parameter_breaks_a_list(operator: Client) -> None:
    wrong = []
    for model, parameter in kinds_of_lookup():
        for value in VALUES:
            try:
                ask(operator, the_list_of(model), urlencode({parameter: value}))
            except Exception as error:
                wrong.append((model.__name__, parameter, value, type(error).__name__))
    assert wrong == []


def test_what_cannot_be_looked_for_is_said(operator: Client) -> None:
    invites = reverse("admin:referrals_invite_changelist")
    for query in (
        "occurred_at__year=99999",
        "recipient_email__iregex=(a%2B)%2B$",
        "q=" + "+".join(map(str, range(1000))),
    ):
        answer = operator.get(f"{invites}?{query}", follow=True)
        assert answer.redirect_chain == [(f"{invites}?e=1", 302)]
        assert lookups.NOT_UNDERSTOOD.encode() in answer.content
        assert b"ben@example.com" in answer.content


@pytest.mark.parametrize("row", ["a\0b", "x", "-1", "9" * 5_000, "\u0663"])
def test_rows_that_no_list_has_are_not_ticked(operator: Client, row: str) -> None:
    users = reverse("admin:auth_user_changelist")
    answer = operator.post(users, {"action": "delete_selected", "_selected_action": row})
    assert (answer.status_code, answer["Location"]) == (302, f"{users}?e=1")


def test_a_search_of_many_words_is_one_of_too_many(operator: Client) -> None:
    people = reverse("admin:referrals_advocate_changelist")
    few, many = (" ".join(["ann"] * number) for number in (lookups.MOST_WORDS, lookups.MOST_WORDS + 1))
    assert operator.get(people, {"q": few}).status_code == 200
    assert operator.get(people, {"q": many}).status_code == 302
    assert operator.get(people, {"q": "x" * (lookups.LONGEST_SEARCH + 1)}).status_code == 302
    about_users = reverse("admin:auth_user_changelist")
    assert operator.get(about_users, {"q": many}).status_code == 302
    assert operator.post(f"{people}?occurred_at__year=99999").status_code == 302


@pytest.mark.parametrize("term", ["a\0b", "x " * 1000, "x" * 3000, "(", "\ud800".encode("utf-8", "surrogatepass")])
def test_suggestions_are_none_or_a_refusal(operator: Client, term: Any) -> None:
    where = {"app_label": "referrals", "model_name": "program", "field_name": "store", "term": term}
    assert operator.get(reverse("admin:autocomplete"), where).status_code in {200, 400, 403}


def test_a_right_question_is_answered_and_a_fault_of_ours_is_none_of_theirs(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = reverse("admin:referrals_advocate_changelist")
    assert b"ann@example.com" in operator.get(people, {"occurred_at__year": "2026", "q": "ann"}).content
    assert operator.get(people, {"e": "1"}).status_code == 200
    monkeypatch.setattr("referrals.admin.facts.AdvocateAdmin.get_queryset", lambda *_: 1 / 0)
    for query in ({}, {"e": "1"}):
        with pytest.raises(ZeroDivisionError):
            operator.get(people, query)


def test_a_stranger_learns_nothing(operator: Client) -> None:
    answer = Client().get(reverse("admin:referrals_invite_changelist"), {"occurred_at__year": "99999"})
    assert answer["Location"].startswith("/admin/login/")


def test_a_program_with_people_has_no_button_to_delete_it(operator: Client, ann: Advocate, program: Program) -> None:
    """Django's own page would collect all who are in it first, to say no afterwards."""
    empty = Program.objects.create(store=program.store, slug="empty", name="Empty")
    pages = {
        row: reverse(f"admin:referrals_{row._meta.model_name}_change", args=[row.pk])
        for row in (program, program.store)
    }
    deleting = {row: address.replace("/change/", "/delete/") for row, address in pages.items()}
    for row, address in pages.items():
        page = operator.get(address).content.decode()
        assert not re.search(r"/delete/|-DELETE|delete-related", page)
        for ask in (operator.get, operator.post):
            assert ask(deleting[row], {"post": "yes"}).status_code == 403
    for lists in ("program", "store"):
        assert b"delete_selected" not in operator.get(reverse(f"admin:referrals_{lists}_changelist")).content

    of_the_empty_one = reverse("admin:referrals_program_delete", args=[empty.pk])
    assert of_the_empty_one in operator.get(reverse("admin:referrals_program_change", args=[empty.pk])).content.decode()
    operator.post(of_the_empty_one, {"post": "yes"})
    assert list(Program.objects.all()) == [program]
