"""What tests of syncs share: a file of customers, and a sync of it to Tea House Ltd."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from integrations.models import Connection
from klaviyo.models import Sync, SyncSource
from klaviyo.syncs.destinations import profiles
from klaviyo.syncs.run import engine

MAPPING: dict[str, Any] = {
    "identity": {"kind": "email", "column": "Email"},
    "fields": [
        {"field": "first_name", "column": "Name"},
        {"field": "properties.tier", "column": "Tier", "type": "text"},
    ],
}
HEADER = ("id", "Email", "Name", "Tier")

Rows = Sequence[Sequence[str]]


class Write(Protocol):
    """Write the file anew, with these rows."""

    def __call__(self, rows: Rows, header: Sequence[str] = HEADER) -> None: ...


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


@pytest.fixture
def write(table: Path) -> Write:
    def write(rows: Rows, header: Sequence[str] = HEADER) -> None:
        table.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))

    return write


@pytest.fixture
def source(table: Path, transactional_db: None) -> SyncSource:
    reading = {"encoding": "utf-8", "delimiter": ",", "header_line": 1}
    return SyncSource.objects.create(
        name="Customers", kind="file", path=str(table), key_columns=["id"], columns=[], reading=reading
    )


@pytest.fixture
def customers(source: SyncSource, connection: Connection) -> Sync:
    """Profiles of everybody in the file; a few rejected rows hold nothing."""
    return Sync.objects.create(
        slug="customers",
        name="Customers",
        source=source,
        connection=connection,
        destination="profiles",
        mode="upsert",
        mapping=deepcopy(MAPPING),
        rejected_share=100,
        is_on=True,
    )


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MOST", 4)


@pytest.fixture(autouse=True)
def nobody_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test leaves in the queue is no reason to wait, however slow the machine is."""
    monkeypatch.setattr(engine, "BEHIND", timedelta(hours=1))
