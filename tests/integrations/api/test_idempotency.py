"""Idempotency keys: one key, one effect; at the same time, after a crash, for another body and a day later."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from pytest_django import Settings

from integrations import encryption
from integrations.api import idempotency
from integrations.api.answers import Answer
from integrations.api.idempotency import Kept
from integrations.api.outcome import SUCCESS, Outcome
from integrations.api.refusals import Refused
from integrations.models import ApiToken, KeptAnswer
from integrations.outbox import retention
from tests.integrations.api.conftest import Ask
from tests.integrations.api.kitchen import Kitchen
from tests.integrations.api.test_endpoint import ORDER, code, outcome

DONE = Answer(Outcome(SUCCESS, "Done."))


def age(by: timedelta) -> None:
    for row in KeptAnswer.objects.all():
        KeptAnswer.objects.filter(pk=row.pk).update(began_at=row.began_at - by, expires_at=row.expires_at - by)


def test_the_same_call_gets_the_same_answer_and_is_done_once(ask: Ask, open_kitchen: Kitchen) -> None:
    first, again = (ask(body=ORDER, idempotency_key="order-1", prefer="respond-async") for _ in range(2))
    assert outcome(again, 202) == outcome(first, 202)
    assert again["Location"] == first["Location"]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert len(open_kitchen.brewed) == 1


def test_without_a_key_each_call_is_done(ask: Ask, open_kitchen: Kitchen) -> None:
    ask(body=ORDER)
    ask(body=ORDER)
    assert len(open_kitchen.brewed) == 2
    assert not KeptAnswer.objects.exists()


def test_another_body_is_refused(ask: Ask, open_kitchen: Kitchen) -> None:
    ask(body=ORDER, idempotency_key="order-1")
    assert code(ask(body={**ORDER, "cups": 3}, idempotency_key="order-1"), 409) == "key_used"
    outcome(ask(body={**ORDER, "cups": 3}, idempotency_key="order-2"), 200)
    assert len(open_kitchen.brewed) == 2


def test_keys_are_of_one_token(made: tuple[ApiToken, str], staff: User) -> None:
    done: list[str] = []

    def work(name: str) -> Callable[[Kept | None], Answer]:
        return lambda _: done.append(name) or DONE  # type: ignore[func-returns-value]

    for asker in (made[0], staff, made[0], staff):
        idempotency.once(asker, "k", "d", work(str(asker)))
    assert done == [str(made[0]), str(staff)]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256, "a\tb", "\x7f"])
def test_a_key_is_visible_ascii(ask: Ask, open_kitchen: Kitchen, key: str) -> None:
    assert code(ask(body=ORDER, idempotency_key=key), 400) == "invalid_idempotency_key"
    assert open_kitchen.brewed == []


def test_a_call_that_was_refused_leaves_its_key_free(ask: Ask, open_kitchen: Kitchen) -> None:
    assert code(ask(body={**ORDER, "cups": 99}, idempotency_key="k"), 422) == "invalid"
    open_kitchen.raises = Refused(409, Outcome("failure"))
    ask(body=ORDER, idempotency_key="k")
    open_kitchen.raises = None
    outcome(ask(body=ORDER, idempotency_key="k"), 200)


def test_a_call_that_failed_here_is_not_done_again(ask: Ask, open_kitchen: Kitchen) -> None:
    open_kitchen.raises = RuntimeError()
    assert code(ask(body=ORDER, idempotency_key="k"), 500) == "internal_error"
    open_kitchen.raises = None
    answer = ask(body=ORDER, idempotency_key="k")
    assert code(answer, 409) == "unknown_outcome"
    assert answer.json()["is_known"] is False
    assert len(open_kitchen.brewed) == 1


class Died(BaseException):
    """A process that ends in the middle."""


def test_after_a_crash_nothing_is_done_again(made: tuple[ApiToken, str]) -> None:
    def dies(kept: Kept | None) -> Answer:
        assert kept
        kept.is_run(17)
        raise Died

    with pytest.raises(Died):
        idempotency.once(made[0], "k", "d", dies)
    for aged, expected in ((timedelta(), "under_way"), (timedelta(minutes=3), "under_way")):
        age(aged)
        with pytest.raises(Refused) as refusal:
            idempotency.once(made[0], "k", "d", lambda _: pytest.fail("twice"))
        assert (refusal.value.status, refusal.value.outcome.code) == (409, expected)
        assert refusal.value.outcome.data == {"run": "17"}
    KeptAnswer.objects.update(run="")
    with pytest.raises(Refused) as refusal:
        idempotency.once(made[0], "k", "d", lambda _: pytest.fail("twice"))
    assert refusal.value.outcome.code == "unknown_outcome"
    assert not refusal.value.outcome.is_known
    assert "Retry-After" not in refusal.value.headers


def test_a_run_on_record_answers_for_itself(made: tuple[ApiToken, str]) -> None:
    def begins(kept: Kept | None) -> Answer:
        assert kept
        kept.is_run(17)
        return Answer(Outcome(SUCCESS), 202)

    ended: dict[str, Answer] = {}

    def ask() -> Answer:
        return idempotency.once(made[0], "k", "d", begins, of_run=ended.get)

    assert [ask().status, ask().status] == [202, 202]
    ended["17"] = DONE
    assert ask().outcome == DONE.outcome


def test_a_day_later_a_key_is_new(ask: Ask, open_kitchen: Kitchen) -> None:
    ask(body=ORDER, idempotency_key="k")
    age(timedelta(hours=23, minutes=59))
    ask(body=ORDER, idempotency_key="k")
    assert len(open_kitchen.brewed) == 1
    age(timedelta(minutes=2))
    ask(body=ORDER, idempotency_key="k")
    assert len(open_kitchen.brewed) == 2


def test_retention_deletes_what_has_expired(ask: Ask) -> None:
    ask(body=ORDER, idempotency_key="old")
    age(timedelta(hours=25))
    ask(body=ORDER, idempotency_key="new")
    retention.forget()
    assert [row.key for row in KeptAnswer.objects.all()] == ["new"]


def test_answers_are_encrypted_and_one_without_its_key_is_not_made_up(ask: Ask, settings: Settings) -> None:
    ask(body=ORDER, idempotency_key="k")
    with database.cursor() as cursor:
        cursor.execute("SELECT answer FROM integrations_keptanswer")
        (stored,) = cursor.fetchone()
    assert stored.startswith("v1.")
    assert "cups" not in stored
    settings.ENCRYPTION_KEYS = encryption.new_key("other")
    assert code(ask(body=ORDER, idempotency_key="k"), 409) == "unknown_outcome"


def test_the_record_is_there_before_the_work_begins(made: tuple[ApiToken, str]) -> None:
    def work(kept: Kept | None) -> Answer:
        assert not database.in_atomic_block
        assert KeptAnswer.objects.get().state == KeptAnswer.State.UNDER_WAY
        return DONE

    idempotency.once(made[0], "k", "d", work)
    assert KeptAnswer.objects.get().state == KeptAnswer.State.DONE


def test_of_many_at_once_one_is_done(
    made: tuple[ApiToken, str], at_once: Callable[[int, Callable[[], Any]], list[Any]]
) -> None:
    done: list[int] = []
    others = threading.Semaphore(0)
    is_alone = "memory" in str(database.settings_dict["NAME"])

    def work(_: Kept | None) -> Answer:
        done.append(1)
        for _other in range(0 if is_alone else 7):
            assert others.acquire(timeout=300)
        return DONE

    def ask() -> str:
        try:
            idempotency.once(made[0], "k", "d", work)
        except Refused as refusal:
            others.release()
            return refusal.outcome.code
        return "done"

    answers = at_once(8, ask)
    assert done == [1]
    assert sorted(answers) == (["done"] * 8 if is_alone else ["done"] + ["under_way"] * 7)
