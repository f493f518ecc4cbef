"""Definitions of syncs in a file: out and in again to the byte, a plan first, held to what the editor asks for."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.models import Connection
from klaviyo.models import Sync, SyncRow, SyncRun, SyncSource
from klaviyo.pages.syncs import definitions

QUERY = "select id, mail\nfrom people\n-- \u00e4 quoted 'no'"


def said(*words: str) -> str:
    out = StringIO()
    call_command("syncs", *words, stdout=out)
    return out.getvalue()


def code_of(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("syncs", *words, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncs.yaml"


@pytest.fixture
def exported(customers: Sync, file: Path) -> Path:
    """A sync that is on, one of a query that is a draft, in a file."""
    SyncSource.objects.filter(pk=customers.source_id).update(columns=["id", "Email", "Name", "Tier"])
    Sync.objects.filter(pk=customers.pk).update(cron="0 6 * * *", zone="Europe/Berlin", is_on=True)
    query = SyncSource.objects.create(name="People: yes", kind="sql", database="shop", query=QUERY, key_columns=["id"])
    Sync.objects.create(
        slug="no",
        name="on",
        source=query,
        connection=customers.connection,
        destination="list",
        mode="mirror",
        options={"list_name": "Wei\u00df", "make_list": True, "list_id": "XyZ123", "making_since": "2026-11-30"},
    )
    said("export", str(file))
    return file


def test_what_went_out_comes_in_elsewhere_and_goes_out_the_same(exported: Path, tmp_path: Path) -> None:
    before = exported.read_bytes()
    Sync.objects.all().delete()
    SyncSource.objects.all().delete()
    told = said("import", str(exported), "--yes")
    assert [line for line in told.splitlines() if line.startswith("new")] == [
        "new: source Customers",
        "new: source People: yes",
        "new: sync customers",
        "new: sync no",
    ]
    again = tmp_path / "again.yaml"
    said("export", str(again))
    assert again.read_bytes() == before
    due = Sync.objects.get(slug="customers")
    assert due.is_on
    assert due.next_run_at is not None
    assert SyncSource.objects.get(kind="sql").query == QUERY


def test_no_id_of_this_machine_is_in_it(exported: Path, connection: Connection) -> None:
    text = exported.read_text()
    assert "XyZ123" not in text
    assert "making_since" not in text
    assert connection.account_id not in text
    assert str(Sync.objects.get(slug="customers").uid) not in text


def test_taken_in_where_it_is_nothing_differs(exported: Path) -> None:
    assert code_of("diff", str(exported)) == (0, "Nothing differs.\n")
    assert said("import", str(exported)) == "Nothing differs.\n"
    assert Sync.objects.get(slug="no").options["list_id"] == "XyZ123"


def test_a_change_says_how_many_rows_would_go_again(exported: Path, customers: Sync) -> None:
    SyncRow.objects.create(sync=customers, key="1", digest=b"told", state="accepted")
    exported.write_text(exported.read_text().replace("properties.tier", "properties.level"))
    status, told = code_of("diff", str(exported))
    assert (status, told) == (1, "changed: sync customers (mapping); up to 1 rows would be sent again\n")
    assert code_of("import", str(exported))[0] == 2  # as nobody is there to be asked
    assert "tier" in str(Sync.objects.get(pk=customers.pk).mapping)
    said("import", str(exported), "--yes")
    changed = Sync.objects.get(pk=customers.pk)
    assert "level" in str(changed.mapping)
    assert changed.version == customers.version + 1


def test_what_the_file_does_not_name_is_switched_off_and_stays(exported: Path, file: Path) -> None:
    file.write_text("version: 1\nsources: {}\nsyncs: {}\n")
    assert code_of("diff", str(file)) == (1, "switched off: sync customers (it is not in the file)\n")
    said("import", str(file), "--yes")
    row = Sync.objects.get(slug="customers")
    assert (row.is_on, row.next_run_at) == (False, None)
    assert Sync.objects.count() == 2


def _without_account(text: str) -> str:
    return text.replace("account: Tea House Ltd", "account: Coffee House")


WRONG: list[tuple[Callable[[str], str], str]] = [
    (lambda _: "a: [", "Line 1, column 5:"),
    (lambda _: "", "The file has no syncs"),
    (lambda _: "- 1", "The file has no syncs"),
    (lambda _: "version: 2", "version is 2; this product reads version 1."),
    (lambda _: "version: 1\nsync: {}", "sync is not known here"),
    (lambda _: "version: 1\nsyncs: [1]", "syncs holds, below each name, what it says"),
    (lambda _: "version: 1\nsyncs: {no: {}}", "the name False is no text"),
    (lambda _: "version: 1\nsources: &a {}\nsyncs: *a", "aliases (*name) are not read here"),
    (lambda text: text.replace("sources:", "version: 1\nsources:", 1), "version stands here twice"),
    (lambda text: text.replace("name: Customers", "nmae: Customers"), "syncs, customers: nmae is not known here."),
    (_without_account, "no account named 'Coffee House' is connected. Connect it first."),
    (lambda text: text.replace("source: Customers", "source: Nobody"), "there is no source 'Nobody'"),
    (lambda text: text.replace("destination: profiles", "destination: planets"), "destination"),
    (lambda text: text.replace("switched_on: true", "switched_on: 'true'"), "switched_on is 'true', and should be"),
    (lambda text: text.replace("cron: 0 6 * * *", "cron: 0 6 31 2 *"), "It is no schedule"),
    (
        lambda text: text.replace("zone: Europe/Berlin", "zone: Europe/Atlantis"),
        "there is no time zone Europe/Atlantis",
    ),
    (lambda text: text.replace("rejected_share: 100", "rejected_share: 101"), "rejected_share"),
    (lambda text: text.replace("column: Email", "column: Mail"), "Mail"),
    (
        lambda text: text.replace("make_list: true", "make_list: false").replace("Wei\u00df", "Grau"),
        "no list named Grau",
    ),
    (lambda text: text.replace("options:", "options:\n      list_id: A"), "options has list_id, which is not known"),
    (
        lambda text: text.replace("mode: upsert", "mode: mirror").replace("switched_on: true", "switched_on: false"),
        "mode is mirror, and profiles has upsert, update.",
    ),
    (lambda text: text.replace("options:", "options:\n      at_once: abc"), "options, at_once is 'abc', and should be"),
    (lambda text: text.replace("options:", "options:\n      at_once: -1"), "a number from 1 to"),
    (lambda text: text.replace("options:", "options:\n      backfill: 'no'"), "should be true or false"),
    (lambda text: text.replace("options:", "options:\n      asked_days: .nan"), "asked_days: nan cannot be kept"),
    (lambda text: text.replace("column: Email", "column: 2026-01-01"), "Put a text in quotation marks"),
    (lambda text: text.replace("name: Customers", 'name: "Cust\\0mers"'), "cannot be kept"),
    (lambda text: text.replace("key:\n    - id", "key:\n    - 5"), "key has what is no text"),
]


@pytest.mark.parametrize(("spoil", "sentence"), WRONG)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    exported: Path, spoil: Callable[[str], str], sentence: str
) -> None:
    exported.write_text(spoil(exported.read_text()))
    before = definitions.text()
    status, told = code_of("import", str(exported), "--yes")
    assert status == 2, told
    assert sentence in told
    assert definitions.text() == before


def test_a_run_under_way_keeps_what_it_runs_by(exported: Path, customers: Sync) -> None:
    SyncRun.objects.create(sync=customers, state="sending")
    exported.write_text(exported.read_text().replace("properties.tier", "properties.level"))
    status, told = code_of("import", str(exported), "--yes")
    assert status == 2
    assert "is under way" in told


@pytest.mark.parametrize("path", ["/nowhere/at/all.yaml", "/"])
def test_a_file_that_is_not_there_is_said_so(path: str, db: Any) -> None:
    status, told = code_of("import", path)
    assert (status, "cannot be read" in told) == (2, True)
