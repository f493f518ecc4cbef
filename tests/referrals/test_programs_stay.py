"""A program with people in it stays in its store, whose noes are theirs."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from referrals import lifecycle
from referrals.models import Advocate, Program, Store


@pytest.fixture
def harbor(db: None) -> Store:
    return Store.objects.create(slug="harbor", name="Harbor", url="https://h.example/", country="DE", currency="EUR")


def move(program: Program, harbor: Store, **how: Any) -> None:
    program = Program.objects.get(pk=program.pk)
    program.store = harbor
    program.save(**how)


@pytest.mark.parametrize("how", [{}, {"update_fields": ["store"]}, {"update_fields": ["store_id", "name"]}])
def test_a_plain_save_does_not_move_it(ann: Advocate, program: Program, harbor: Store, how: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="There are people in this program"):
        move(program, harbor, **how)
    assert Program.objects.get().store == program.store


def test_an_empty_one_may_move_and_a_full_one_may_change(program: Program, harbor: Store) -> None:
    move(program, harbor)
    program = Program.objects.get()
    assert program.store == harbor
    lifecycle.join(program, "ann@example.com")
    program.name = "Winter"
    program.full_clean()
    program.save()
    program.offer = "Tea"
    program.save(update_fields=["offer"])
    assert (Program.objects.get().name, Program.objects.get().offer) == ("Winter", "Tea")


def test_the_admin_says_why(ann: Advocate, program: Program, harbor: Store) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("operator"))
    page = reverse("admin:referrals_program_change", args=[program.pk])
    form = browser.get(page).context["adminform"].form
    told = {name: "" if value is None else value for name, value in form.initial.items()} | {"store": harbor.pk}
    told = {name: value for name, value in told.items() if value is not False}
    answer = browser.post(page, told)
    assert answer.status_code == 200
    assert "There are people in this program" in answer.content.decode()
    assert Program.objects.get().store == program.store
