"""Pages of syncs: drafts step by step, sentences beside what is wrong, rights, and few queries."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection
from klaviyo.models import AccountLists, Sync, SyncRow, SyncRun, SyncSource, SyncUpload
from klaviyo.pages.syncs import drafts
from klaviyo.syncs import schedule
from klaviyo.syncs.run import runs
from tests.klaviyo.syncs import made_syncs, syncing

AT = "/admin/klaviyo/syncs/"
MOST = 15
CUSTOMERS = b"id;Email;Born\n1;ann@example.com;03/04/1990\n2;ben@example.com;05/06/1991\n2;cid@example.com;07/08/1992\n"


@pytest.fixture
def browser(browser_of_the_operator: Client) -> Client:
    return browser_of_the_operator


@pytest.fixture
def draft(browser: Client, connection: Connection) -> Sync:
    """Customers, whose ids are not all their own."""
    answer = upload(browser, connection, CUSTOMERS)
    assert answer.status_code == 302, answer.content.decode()
    draft = Sync.objects.get()
    assert draft.source.key_columns == ["Email"]  # the one that nobody shares
    browser.post(f"{AT}{draft.pk}/source", {"key": "id", "encoding": "utf-8", "delimiter": ";", "header_line": "1"})
    return Sync.objects.get()


def upload(browser: Client, connection: Connection, content: bytes, name: str = "customers.csv") -> Any:
    file = SimpleUploadedFile(name, content, "text/csv")
    return browser.post(f"{AT}new", {"connection": connection.pk, "kind": "file", "file": file})


def staff(*names: str) -> Client:
    """Somebody who has just these permissions on what klaviyo holds."""
    somebody = User.objects.create_user("-".join(names), is_staff=True)
    somebody.user_permissions.set(Permission.objects.filter(content_type__app_label="klaviyo", codename__in=names))
    found = Client()
    found.force_login(somebody)
    return found


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_file_is_kept_with_how_it_is_read_and_its_keys_are_counted(browser: Client, draft: Sync) -> None:
    source = draft.source
    assert (draft.name, draft.is_on, source.key_columns) == ("customers", False, ["id"])
    assert source.reading == {"encoding": "utf-8", "delimiter": ";", "header_line": 1}
    assert source.columns == ["id", "Email", "Born"]
    page = text(browser.get(f"{AT}{draft.pk}/source"))
    assert "1 row repeats the key of another." in page
    assert "Lines 3 and 4" in page
    browser.post(f"{AT}{draft.pk}/source", {"key": "Email", "encoding": "utf-8", "delimiter": ";", "header_line": "1"})
    assert "Each of 3 rows has a key of its own." in text(browser.get(f"{AT}{draft.pk}/source"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "The submitted file is empty|The file is empty"), (b"PK\x03\x04" + b"x" * 50, "Excel workbook")],
)
def test_what_is_no_table_is_refused_in_words_and_nothing_is_kept(
    browser: Client, connection: Connection, content: bytes, sentence: str
) -> None:
    answer = upload(browser, connection, content)
    assert answer.status_code == 400
    assert any(one in text(answer) for one in sentence.split("|"))
    assert not Sync.objects.exists()
    assert not SyncSource.objects.exists()
    assert not SyncUpload.objects.exists()


def test_dates_that_may_be_either_way_round_are_asked_for(browser: Client, draft: Sync) -> None:
    page = text(browser.get(f"{AT}{draft.pk}/mapping"))
    assert "choose how the dates are written" in page
    lines = {"c2.source": "column", "c2.column": "Born", "c2.target": "properties", "c2.own": "Born", "c2.type": "date"}
    who = {"identity.kind": "email", "identity.column": "Email"}
    answer = browser.post(f"{AT}{draft.pk}/mapping", who | lines | {"c2.form": "ambiguous", "next": "1"})
    assert answer.status_code == 400
    assert "choose how the dates are written" in text(answer)
    draft.refresh_from_db()
    assert drafts.first_unsound(draft) == drafts.MAPPING
    answer = browser.post(f"{AT}{draft.pk}/mapping", who | lines | {"c2.form": "dd/mm/yyyy", "next": "1"})
    assert answer["Location"] == f"{AT}{draft.pk}/schedule"
    draft.refresh_from_db()
    assert drafts.first_unsound(draft) == ""
    assert draft.mapping["fields"] == [
        {"field": "properties.Born", "column": "Born", "type": "date", "form": "dd/mm/yyyy"}
    ]


def test_each_mapping_comes_back_from_its_form_as_it_was(browser: Client, connection: Connection) -> None:
    first = made_syncs.fill(connection)
    for sync in Sync.objects.exclude(mapping={}):
        page = browser.get(f"{AT}{sync.pk}/mapping")
        form = page.context["form"]
        data = {f"identity.{name}": value for name, value in form.identity.items()}
        for line in form.lines:
            known = ("source", "column", "written", "target", "type", "form", "decimal", "empty_words", "when_empty")
            data |= {f"{line.prefix}.{name}": getattr(line, name) for name in known}
            data |= {f"{line.prefix}.own": line.own_name, f"{line.prefix}.transforms": list(line.transforms)}
        data |= {f"metric.{name}": value for name, value in form.metric.items()}
        data |= {f"time.{name}": value for name, value in form.time.items()}
        for one in form.consent:
            data |= {f"consent.{one['name']}.column": one["column"]}
            data |= {f"consent.{one['name']}.yes": [word for word, is_yes in one["words"] if is_yes]}
        data |= {f"consent.consented_at.{name}": value for name, value in form.consented_at.items()}
        answer = browser.post(f"{AT}{sync.pk}/mapping", data | {"look": "1"})
        assert answer.status_code == 200
        if (run := runs.under_way(sync)) is not None:
            runs.stop(run)
        browser.post(f"{AT}{sync.pk}/mapping", data | {"save": "1"})
        assert Sync.objects.get(pk=sync.pk).mapping == sync.mapping, sync.slug
    assert first.version == 1


def test_a_list_is_one_of_its_account_and_scopes_that_are_missing_are_named(browser: Client, draft: Sync) -> None:
    at = f"{AT}{draft.pk}/destination"
    AccountLists.objects.create(connection=draft.connection, lists=[["Y6nRLr", "Tea", "single_opt_in"]])
    answer = browser.post(at, {"what": "list/mirror", "list": "", "next": "1"})
    assert "Choose a list, or have one made." in text(answer)
    answer = browser.post(at, {"what": "list/mirror", "list": "Other1", "next": "1"})
    assert "no such list" in text(answer)
    assert browser.post(at, {"what": "list/mirror", "list": "Y6nRLr", "next": "1"}).status_code == 302
    assert Sync.objects.get().options == {"list_id": "Y6nRLr", "list_name": "Tea"}
    lists = "lists:read profiles:read profiles:write"
    other = Connection.objects.create(provider="klaviyo", account_id="Other1", state="connected", scopes=lists)
    browser.post(at, {"what": "list/mirror", "list": "Y6nRLr", "connection": other.pk, "next": "1"})
    moved = Sync.objects.get()
    assert (moved.connection_id, moved.options) == (other.pk, {})
    page = text(browser.get(at))
    assert "<code>lists:write</code>" in page
    assert "Reconnect" in page


def test_a_schedule_is_said_in_words_and_switched_on_when_all_is_sound(browser: Client, draft: Sync) -> None:
    at = f"{AT}{draft.pk}/schedule"
    answer = browser.post(at, {"when": "cron", "cron": "0 6 31 2 *", "zone": "Europe/Berlin"})
    assert answer.status_code == 400
    assert "no schedule" in text(answer) or "never such a day" in text(answer)
    browser.post(at, {"when": "cron", "cron": "0 6 * * *", "zone": "Europe/Berlin", "save": "1"})
    assert "At 06:00 every day, Europe/Berlin. Next:" in text(browser.get(at))
    browser.post(f"{AT}{draft.pk}/switch", {"on": "1"})
    draft.refresh_from_db()
    assert not draft.is_on  # the mapping is not there yet
    Sync.objects.filter(pk=draft.pk).update(mapping={"identity": {"kind": "email", "column": "Email"}})
    browser.post(f"{AT}{draft.pk}/switch", {"on": "1"})
    draft.refresh_from_db()
    assert draft.is_on
    assert draft.next_run_at is not None


def test_a_sync_that_is_not_sound_any_more_is_switched_off(browser: Client, draft: Sync) -> None:
    mapping = {"identity": {"kind": "email", "column": "Email"}}
    Sync.objects.filter(pk=draft.pk).update(mapping=mapping, is_on=True)
    file = SimpleUploadedFile("other.csv", b"id;Mail\n1;ann@example.com\n", "text/csv")
    browser.post(f"{AT}{draft.pk}/source", {"file": file, "key": "id"})
    draft.refresh_from_db()
    assert not draft.is_on
    assert "There is no column Email in the source" in text(
        browser.post(f"{AT}{draft.pk}/mapping", {"identity.kind": "email", "identity.column": "Email"})
    )
    assert SyncUpload.objects.count() == 1


def test_nothing_is_changed_while_a_run_is_under_way(browser: Client, draft: Sync) -> None:
    Sync.objects.filter(pk=draft.pk).update(mapping={"identity": {"kind": "email", "column": "Email"}}, is_on=True)
    run = runs.begin(Sync.objects.get())
    for step in ("source", "destination", "mapping", "schedule"):
        browser.post(
            f"{AT}{draft.pk}/{step}", {"save": "1", "zone": "Europe/Oslo", "name": "Other", "what": "events/send"}
        )
    after = Sync.objects.get()
    assert (after.name, after.destination, after.zone, after.version) == (
        draft.name,
        "profiles",
        draft.zone,
        draft.version,
    )
    browser.post(f"{AT}runs/{run.pk}/stop")
    run.refresh_from_db()
    assert run.state == SyncRun.State.STOPPED
    browser.post(f"{AT}runs/{run.pk}/go-on")
    run.refresh_from_db()
    assert run.state == SyncRun.State.READING


def test_a_held_run_is_confirmed_by_a_person_and_that_is_on_record(browser: Client, draft: Sync) -> None:
    mapping = {"identity": {"kind": "email", "column": "Email"}}
    Sync.objects.filter(pk=draft.pk).update(mapping=mapping, is_on=True, rejected_share=10)
    run = syncing.run(Sync.objects.get())
    assert run.state == SyncRun.State.HELD  # two of three have the same key
    page = text(browser.get(f"{AT}runs/{run.pk}/"))
    assert "It waits for you." in page
    browser.post(f"{AT}runs/{run.pk}/confirm")
    run = syncing.to_its_end(run)
    assert run.state == SyncRun.State.DONE
    assert run.confirmed_by is not None
    assert "Confirmed by operator" in text(browser.get(f"{AT}runs/{run.pk}/"))


def test_people_are_named_only_to_who_may_see_them(browser: Client, connection: Connection) -> None:
    first = made_syncs.fill(connection)
    SyncRow.objects.filter(sync=first).delete()
    SyncRow.objects.create(
        sync=first, key="ann@example.com", number=2, state="refused", reason="+358401234567 is ann@example.com's."
    )
    viewer = staff("view_sync")
    pages = (f"{AT}{first.pk}/rows/", f"{AT}{first.pk}/rows/export")
    for page in pages:
        for who, is_named in ((browser, True), (viewer, False)):
            answer: Any = who.get(page)
            said = b"".join(answer.streaming_content).decode() if answer.streaming else text(answer)
            assert ("ann@example.com" in said) == is_named
            assert ("358401234567" in said) == is_named
    link = next(row.token for row in browser.get(pages[0]).context["found"] if row.token)
    assert "ann" not in link
    assert "ann@example.com" not in text(viewer.get(f"{AT}{first.pk}/rows/{link}/"))
    assert "ann@example.com" in text(browser.get(f"{AT}{first.pk}/rows/{link}/"))
    assert viewer.get(f"{AT}{first.pk}/rows/none/").status_code == 404


def test_rows_are_filtered_by_their_reason_and_had_as_a_file(browser: Client, connection: Connection) -> None:
    first = made_syncs.fill(connection)
    answer: Any = browser.get(f"{AT}{first.pk}/rows/export?state=refused")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["state"] for row in rows] == ["Rejected by Klaviyo"]
    everything: Any = browser.get(f"{AT}{first.pk}/rows/export")
    states = {row["state"] for row in csv.DictReader(io.StringIO(b"".join(everything.streaming_content).decode()))}
    assert "Without a key" in states
    assert "Accepted" not in states


def test_a_new_file_begins_what_waits_for_one(browser: Client, draft: Sync) -> None:
    mapping = {"identity": {"kind": "email", "column": "Email"}}
    Sync.objects.filter(pk=draft.pk).update(mapping=mapping, is_on=True, options={"after_import": True})
    file = SimpleUploadedFile("customers.csv", CUSTOMERS, "text/csv")
    answer = browser.post(f"{AT}{draft.pk}/source", {"file": file, "key": "id"}, follow=True)
    assert "runs in a moment, with the new file" in text(answer)
    assert schedule.begin_what_is_due() == 1
    assert SyncRun.objects.get().sync_id == draft.pk


def test_each_page_takes_few_queries(browser: Client, connection: Connection) -> None:
    made_syncs.fill(connection)
    many = {}
    for address in made_syncs.addresses():
        assert browser.get(address).status_code == 200, address
        with CaptureQueriesContext(database) as captured:
            browser.get(address)
        if len(captured) > MOST:
            many[address] = len(captured)
    assert many == {}


def test_a_filter_that_no_database_takes_finds_nothing(browser: Client, connection: Connection) -> None:
    first = made_syncs.fill(connection)
    asked = "?state=rejected&field=%00a&code=%00"
    assert browser.get(f"{AT}{first.pk}/rows/{asked}").status_code == 200
    assert len(b"".join(browser.get(f"{AT}{first.pk}/rows/export{asked}")).splitlines()) == 1
