"""Whom an import did not take: read page by page, sent alone, and told in Klaviyo's words."""

from typing import Any

import pytest

from integrations.models import Delivery, Job
from integrations.workers import tempo
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import ERRORS, IMPORT, INVALID, PEOPLE, UPSERT, joined, look
from tests.klaviyo.story import State, states


def test_whom_it_refuses_goes_alone_and_the_others_are_done(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    sandbox.fault(IMPORT, "import_errors", items=3, seed=7)
    sandbox.fault(UPSERT, "500", skip=3)
    drain()
    look()
    assert Job.objects.get().failed == 3
    assert Delivery.objects.filter(state=State.ACCEPTED).count() == PEOPLE - 3
    assert set(Delivery.objects.filter(state=State.QUEUED).values_list("reason_code", flat=True)) == {"goes_alone"}
    drain()
    assert len(sandbox.requests(UPSERT)) == 3
    assert states() == {State.ACCEPTED}


def test_the_same_refusal_is_final_and_is_told_in_klaviyos_words(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, spoil: Spoil
) -> None:
    sandbox.fault(IMPORT, "import_errors", items=1)
    spoil(UPSERT, lambda _: (400, INVALID))
    drain()
    look()
    drain()
    failed = Delivery.objects.get(state=State.FAILED)
    assert failed.subject == people[0].email
    assert "Invalid email address" in failed.reason


def test_refusals_are_read_page_by_page(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(spring, 3)
    Delivery.objects.filter(kind="event").delete()
    one = Delivery.objects.filter(kind="profile").latest("pk")
    sandbox.fault(IMPORT, "import_errors", items=1_150)
    copies = []
    for number in range(1_200):
        email = f"more-{number}@friends.test"
        advocate = Advocate(program=spring, email=email, referral_code=f"CODE{number:06d}")
        copies.append(advocate)
    Advocate.objects.bulk_create(copies)
    rows = Advocate.objects.filter(email__startswith="more-")
    Delivery.objects.bulk_create(
        Delivery(
            connection=one.connection,
            kind="profile",
            key=f"copy:{advocate.pk}",
            lane=f"copy:{advocate.pk}",
            subject=advocate.email,
            options=one.options | {"advocate": advocate.pk},
            occurred_at=one.occurred_at,
            shared_tries=3,
        )
        for advocate in rows
    )
    monkeypatch.setattr(tempo, "START", 10_000)
    drain()
    look()
    assert len(sandbox.requests(ERRORS)) == 12
    assert Job.objects.get().failed == 1_150
    assert Delivery.objects.filter(state=State.QUEUED, reason_code="goes_alone").count() == 1_150


def test_where_not_all_refusals_are_named_all_go_alone(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, spoil: Spoil
) -> None:
    sandbox.fault(IMPORT, "import_errors", items=2)

    def nameless(document: Any) -> Any:
        document["data"] = [{"type": "import-error", "id": "1", "attributes": {"code": "invalid", "detail": "No."}}]
        return document

    spoil(ERRORS, nameless)
    drain()
    look()
    assert states() == {State.QUEUED}
    drain()
    assert len(sandbox.requests(UPSERT)) == PEOPLE
    assert states() == {State.ACCEPTED}


def test_errors_that_cannot_be_read_are_read_later(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.fault(IMPORT, "import_errors", items=2)
    sandbox.fault(ERRORS, "503")
    drain()
    look()
    assert states() == {State.SENDING}
    look()
    assert Delivery.objects.filter(state=State.ACCEPTED).count() == PEOPLE - 2
