"""Who is erased while a walk is on its way is not made again by it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from integrations.errors import Throttled
from integrations.models import Attempt, Delivery, Job
from klaviyo.delivery.erasure import erase
from klaviyo.imports import backfill as walking
from klaviyo.imports import backfill_chunks
from klaviyo.models import Backfill, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.imports.walks import backfill, emails, end_imports
from tests.klaviyo.story import TEA, State, choose_list, make_due

IMPORT, DELETION = "bulk_import_profiles", "request_profile_deletion"


@pytest.fixture
def after_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Something happens once, between the reading of a chunk and its import."""
    read = backfill_chunks.decided

    def after_reading(happens: Callable[[], object]) -> None:
        to_happen = [happens]

        def slowly(*chunk: Any) -> Any:
            found = read(*chunk)
            if to_happen:
                to_happen.pop()()
            return found

        monkeypatch.setattr(backfill_chunks, "decided", slowly)

    return after_reading


def test_who_is_erased_between_reading_and_import_is_not_made_again(
    sandbox: Sandbox,
    people: list[Advocate],
    setting: StoreSetting,
    drain: Drain,
    after_reading: Callable[[Callable[[], object]], None],
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=people[0].email)])

    def erased() -> None:
        erase.erase(people[0].email, None)
        drain()

    after_reading(erased)
    backfill()
    end_imports()
    assert Delivery.objects.get(kind="erase").state == State.ACCEPTED
    assert emails(sandbox) == {person.email for person in people[1:]}
    assert (Backfill.objects.get().told, Backfill.objects.get().left_out) == (9, 1)


def test_who_moves_between_reading_and_import_is_known_by_the_new_address(
    sandbox: Sandbox,
    people: list[Advocate],
    setting: StoreSetting,
    after_reading: Callable[[Callable[[], object]], None],
) -> None:
    after_reading(lambda: Advocate.objects.filter(pk=people[0].pk).update(email="moved@example.com"))
    backfill()
    assert emails(sandbox) == {"moved@example.com", *(person.email for person in people[1:])}
    assert len(sandbox.requests(IMPORT)) == 3


def test_a_deletion_waits_for_an_import_whose_chunk_broke_off(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain, spoil: Spoil
) -> None:
    def and_then_no_more(document: dict[str, Any]) -> dict[str, Any]:
        sandbox.fault(IMPORT, "429", retry_after="30")
        return document

    choose_list(sandbox)
    sandbox.settings(import_seconds=60)
    sandbox.put_profiles(TEA, [SeedProfile(email=people[0].email)])
    spoil(IMPORT, and_then_no_more, times=1)
    walk = walking.begin(setting)
    with pytest.raises(Throttled):
        walking.step(walk.pk)
    assert Job.objects.get().note["store"] == setting.store_id
    erase.erase(people[0].email, None)
    make_due()
    drain()
    assert not sandbox.requests(DELETION)


def test_a_lost_import_tells_of_nobody_who_was_erased(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    sandbox.fault(IMPORT, "import_cancelled", count=10)
    backfill()
    erase.erase(people[0].email, None)
    long_ago = timedelta(minutes=20)
    Job.objects.update(began_at=F("began_at") - long_ago)
    Attempt.objects.update(started_at=F("started_at") - long_ago)
    end_imports()
    make_due()
    drain()
    assert emails(sandbox) == {person.email for person in people[1:]}
