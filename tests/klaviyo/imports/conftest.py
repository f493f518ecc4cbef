"""What tests of walks share: four people are a chunk, and ten were there before."""

import pytest

from klaviyo.imports import backfill_chunks
from referrals.models import Advocate, Program


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_chunks, "CHUNK", 4)


@pytest.fixture
def people(spring: Program) -> list[Advocate]:
    """Ten who were there before the store was joined to the account."""
    rows = [Advocate(program=spring, email=f"person{n}@example.com") for n in range(10)]
    return Advocate.objects.bulk_create(rows)
