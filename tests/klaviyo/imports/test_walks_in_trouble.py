"""Nobody is passed over by a walk, whatever a look-up, an import or its end comes to."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from integrations.models import Connection, Job
from integrations.signals import account_replaced
from klaviyo.api import profiles
from klaviyo.api.answers import Unreadable
from klaviyo.api.profiles import Profile
from klaviyo.imports import backfill as walking
from klaviyo.models import Backfill, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.imports.walks import backfill, emails, end_imports
from tests.klaviyo.story import codes, joins_autumn, make_due

IMPORT, LOOK, ERRORS = (
    "bulk_import_profiles",
    "get_bulk_import_profiles_job",
    "get_errors_for_bulk_import_profiles_job",
)


def test_who_could_not_be_looked_up_goes_alone(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    Advocate.objects.update(first_name="Ours")
    ask, answered = profiles.having, list[str]()

    def odd(client: Any, field: str, values: list[str], deliveries: Any) -> list[Profile]:
        if people[1].email in values and not answered:
            answered.extend(values if len(values) == 1 else [])
            raise Unreadable("people")
        return ask(client, field, values, deliveries)

    monkeypatch.setattr(profiles, "having", odd)
    backfill()
    drain()
    assert emails(sandbox) == {person.email for person in people}


def test_all_are_told_again_where_fewer_are_named_than_were_refused(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain, spoil: Spoil
) -> None:
    def nameless(document: dict[str, Any]) -> dict[str, Any]:
        for error in document["data"]:
            error["attributes"]["original_payload"] = {}
        return document

    spoil(ERRORS, nameless)
    sandbox.fault(IMPORT, "import_errors", items=2)
    backfill()
    end_imports()
    drain()
    assert emails(sandbox) == {person.email for person in people}
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.DONE}


def test_who_is_refused_is_found_by_an_international_address(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    Advocate.objects.filter(pk=people[0].pk).update(email="Otto@bücher.example")
    sandbox.fault(IMPORT, "import_errors", items=4)
    backfill()
    end_imports()
    drain()
    assert len(emails(sandbox)) == len(people)


@pytest.mark.parametrize("chunks_told", [1, 3])
def test_another_account_is_told_of_everybody(
    sandbox: Sandbox,
    people: list[Advocate],
    setting: StoreSetting,
    drain: Drain,
    second_connection: Connection,
    chunks_told: int,
) -> None:
    walk = walking.begin(setting)
    for _ in range(chunks_told):
        assert walking.step(walk.pk)
    account_replaced.send(sender=Connection, old=setting.connection, new=second_connection)
    while walking.step(walk.pk):
        pass
    assert emails(sandbox, second_connection.account_id) == {person.email for person in people}
    assert Backfill.objects.get().told == len(people)


def test_a_chunk_on_its_way_to_the_old_account_does_not_count_at_the_new_one(
    sandbox: Sandbox,
    people: list[Advocate],
    setting: StoreSetting,
    second_connection: Connection,
    spoil: Spoil,
) -> None:
    def replaced(document: dict[str, Any]) -> dict[str, Any]:
        account_replaced.send(sender=Connection, old=setting.connection, new=second_connection)
        return document

    spoil(IMPORT, replaced, times=1)
    walk = walking.begin(setting)
    while walking.step(walk.pk):
        pass
    assert emails(sandbox, second_connection.account_id) == {person.email for person in people}
    assert Backfill.objects.get().told == len(people)


def test_an_import_at_which_nobody_may_look_is_given_up_in_time(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    backfill()
    sandbox.fault(LOOK, "missing_scope", count=1000)
    Job.objects.update(gives_up_at=F("began_at") - timedelta(days=1))
    for _ in range(3):  # one is enough to know that the account is in trouble
        budgets.forget()
        end_imports()
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.LOST}
    make_due()
    drain()
    assert emails(sandbox) == {person.email for person in people}


def test_who_joins_a_second_program_meanwhile_is_told_of_in_both(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, spring: Program, drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    backfill()
    newer = joins_autumn(spring, people[3], drain)
    sandbox.settings(import_seconds=0)
    end_imports()
    drain()
    assert codes(sandbox, newer.email) == {
        "sorae_referral_code": people[3].referral_code,
        "sorae_autumn_referral_code": newer.referral_code,
    }
