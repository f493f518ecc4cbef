"""Prepared statements: they say what Django's own would, and new rows stand all or not at all."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.db import connection as database
from django.db.models import UUIDField
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import prepared
from integrations.models import ApiToken, Attempt, Connection, KeptAnswer
from integrations.prepared import Changing, Given, Reading
from tests.integrations import operators

pytestmark = pytest.mark.django_db(transaction=True)
BY_ACCOUNT: Reading[Connection] = Reading(
    lambda: Connection.objects.filter(account_id=Given("account")).annotate(there=Now())
)
TOKENS: Reading[ApiToken] = Reading(
    lambda: ApiToken.objects.select_related("created_by").filter(name__in=[Given("one"), Given("another")])
)
ENDED = Changing(lambda: Attempt.objects.filter(pk=Given("pk")).exclude(code="over"), ("status", "code", "finished_at"))


def connect(account_id: str = "tea") -> Connection:
    row = Connection.objects.create(provider="teapot", account_id=account_id)
    row.access_token = "secret"
    row.save()
    return row


def attempt(connection: Connection, **more: Any) -> Attempt:
    return Attempt(connection=connection, operation="pour", started_at=timezone.now(), **more)


def told(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_is_as_django_reads_it_each_time_with_another_value() -> None:
    rows = [connect("tea"), connect("milk")]
    for row in rows:
        [found] = BY_ACCOUNT.all(account=row.account_id)
        assert told(found) == told(Connection.objects.get(pk=row.pk))
        assert found.access_token == "secret"
        assert abs(vars(found)["there"] - timezone.now()) < timedelta(hours=1)
        found.account_name = "Changed"
        found.save()
    assert BY_ACCOUNT.first(account="nobody") is None


def test_a_related_row_comes_with_it_or_is_none() -> None:
    maker = operators.somebody("maker")
    for name, by in (("hers", maker), ("nobody's", None)):
        ApiToken.objects.create(name=name, prefix=name, digest=name, created_by=by, abilities=["read"])
    with CaptureQueriesContext(database) as asked:
        found = {token.name: token for token in TOKENS.all(one="hers", another="nobody's")}
        assert found["hers"].created_by == maker
        assert found["nobody's"].created_by is None
        assert found["hers"].abilities == ["read"]
    assert len(asked) == 1


def test_what_is_changed_is_what_a_row_has_and_no_other_row() -> None:
    one, other, over = attempt(connect(), code="over"), attempt(connect("b")), attempt(connect("c"))
    for row in (one, other, over):
        prepared.insert(row)
    for row in (one, over):
        row.status, row.finished_at = 200, timezone.now()
    assert ENDED.save(over) == 1
    assert ENDED.save(one) == 0, "it is none of the query's"
    assert Attempt.objects.get(pk=over.pk).finished_at == over.finished_at
    assert Attempt.objects.filter(status=200).count() == 1


def test_new_rows_have_what_the_database_gives_and_stand_all_or_not_at_all() -> None:
    row = attempt(connect(), run=uuid4())
    prepared.insert(row)
    assert told(Attempt.objects.get(pk=row.pk)) == told(row)
    token = ApiToken.objects.create(name="t", prefix="t", digest="t")
    now = timezone.now()
    same = [KeptAnswer(token=token, key="same", digest="", began_at=now, expires_at=now) for _ in range(2)]
    with pytest.raises(IntegrityError):
        prepared.insert(attempt(connect("b")), *same)
    assert (Attempt.objects.count(), KeptAnswer.objects.count()) == (1, 0)
    prepared.insert(attempt(connect("c")), same[0])
    assert (Attempt.objects.count(), KeptAnswer.objects.count()) == (2, 1)


@pytest.mark.parametrize("is_over", [False, True])
def test_rows_are_written_with_a_change_or_without_it_neither(is_over: bool) -> None:
    row, by_id = (
        attempt(connect(), code="over" if is_over else ""),
        Reading(lambda: KeptAnswer.objects.filter(pk=Given("pk", UUIDField()))),
    )
    prepared.insert(row)
    token = ApiToken.objects.create(name="t", prefix="t", digest="t")
    now = timezone.now()
    others = [KeptAnswer(token=token, key=key, digest="", began_at=now, expires_at=now) for key in "ab"]
    row.status, row.finished_at, row.code = 204, now, "" if not is_over else "over"
    assert ENDED.save_with(row, others) is not is_over
    assert KeptAnswer.objects.count() == (0 if is_over else 2)
    assert (by_id.first(pk=others[0].pk) is None) is is_over
    assert Attempt.objects.filter(status=204).exists() is not is_over
