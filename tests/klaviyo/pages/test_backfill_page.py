"""Backfills by page: what would go is shown before, a run is begun once, and stands where somebody pauses it."""

import json
import re
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection, Delivery
from klaviyo.api.values import moment
from klaviyo.imports import backfill as walking
from klaviyo.imports import backfill_chunks
from klaviyo.models import Backfill, BackfillProblem, StoreSetting
from klaviyo.sandbox import Exchange, Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Conversion, Program
from tests.conftest import Drain
from tests.klaviyo.imports.walks import emails, end_imports
from tests.klaviyo.story import TEA

IMPORT = "bulk_import_profiles"
MOST_QUERIES = 15
Asks = Callable[..., str]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_chunks, "CHUNK", 4)


@pytest.fixture
def people(spring: Program) -> list[Advocate]:
    rows = [Advocate(program=spring, email=f"person{n}@example.com", first_name="Pia") for n in range(10)]
    return Advocate.objects.bulk_create(rows)


@pytest.fixture
def page(setting: StoreSetting) -> str:
    return f"/admin/klaviyo/accounts/{setting.connection_id}/backfill"


@pytest.fixture
def start(page: str, setting: StoreSetting, people: list[Advocate], browser_of_the_operator: Client) -> Asks:
    """Press the button of a form as it was shown, and follow to the run."""

    def start(**more: str) -> str:
        form = {"setting": setting.pk, "latest": "", "start": "1"}
        answer = browser_of_the_operator.post(page, form | more, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    return start


def act(browser: Client, verb: str) -> str:
    run = Backfill.objects.latest("pk")
    return browser.post(f"/admin/klaviyo/backfills/{run.pk}/{verb}", follow=True).content.decode()


def shown(browser: Client) -> str:
    run = Backfill.objects.latest("pk")
    return browser.get(f"/admin/klaviyo/backfills/{run.pk}/").content.decode()


def to_the_end() -> None:
    while walking.step(Backfill.objects.latest("pk").pk):
        pass


def said() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_the_page_counts_and_estimates_and_asks_klaviyo_nothing(
    page: str, people: list[Advocate], browser_of_the_operator: Client, sandbox: Sandbox
) -> None:
    before = len(sandbox.requests())
    text = browser_of_the_operator.get(page).content.decode()
    assert "10 advocates" in text
    assert "Less than a minute" in text
    assert len(sandbox.requests()) == before


def test_a_dry_run_shows_the_request_that_the_walk_makes(
    sent: Callable[[], list[Exchange]],
    page: str,
    setting: StoreSetting,
    people: list[Advocate],
    browser_of_the_operator: Client,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Advocate.objects.filter(pk=people[0].pk).update(email="no address")
    answer = browser_of_the_operator.post(page, {"setting": setting.pk, "dry": "1"})
    [request] = answer.context["dry"].requests
    assert (sandbox.requests(IMPORT), emails(sandbox)) == ([], set())
    assert [one.advocate for one in answer.context["dry"].left_out] == [people[0].pk]
    assert not Backfill.objects.exists()
    monkeypatch.setattr(backfill_chunks, "CHUNK", 5)
    walking.step(walking.begin(setting).pk)
    [made] = [one for one in sent() if one.operation == IMPORT]
    assert json.loads(request.body) == made.json


def test_a_run_goes_to_its_end_and_is_in_the_history(
    start: Asks, page: str, browser_of_the_operator: Client, sandbox: Sandbox, people: list[Advocate]
) -> None:
    assert "Running" in start()
    run = Backfill.objects.get()
    assert walking.step(run.pk)
    assert "4 of 10 people" in re.sub(r"\s+", " ", shown(browser_of_the_operator))
    to_the_end()
    end_imports()
    assert emails(sandbox) == {person.email for person in people}
    assert "10 of 10 people" in shown(browser_of_the_operator)
    run.refresh_from_db()
    assert (run.state, run.told, str(run.begun_by)) == (Backfill.State.DONE, 10, "operator")
    history = browser_of_the_operator.get(page).content.decode()
    assert "Done" in history
    assert f"backfills/{run.pk}/" in history
    assert f"Began backfill {run.pk} of Tea House: 10 advocates." in said()


def test_a_form_that_is_sent_twice_begins_one_run(start: Asks) -> None:
    start()
    assert "begun already" in start()
    to_the_end()
    assert "begun already" in start()
    assert Backfill.objects.count() == 1
    start(latest=str(Backfill.objects.get().pk))
    assert Backfill.objects.count() == 2


def test_a_paused_run_stands_and_goes_on_where_it_was(
    start: Asks, browser_of_the_operator: Client, sandbox: Sandbox, people: list[Advocate]
) -> None:
    start()
    run = Backfill.objects.get()
    assert walking.step(run.pk)
    assert "Paused by" in act(browser_of_the_operator, "pause")
    assert not walking.step(run.pk)
    walking.go_on(lambda: False)
    assert len(emails(sandbox)) == 4
    assert "One is under way already" in start(latest=str(run.pk))
    act(browser_of_the_operator, "resume")
    act(browser_of_the_operator, "resume")
    to_the_end()
    assert emails(sandbox) == {person.email for person in people}
    assert [verb for verb in said() if verb.startswith(("Paused", "Resumed"))] == [
        f"Paused backfill {run.pk} of Tea House.",
        f"Resumed backfill {run.pk} of Tea House.",
    ]


def test_a_pause_while_a_chunk_is_told_of_counts_that_chunk(
    start: Asks, people: list[Advocate], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    run, decided = Backfill.objects.get(), backfill_chunks.decided

    def meanwhile(chunk: backfill_chunks.Read) -> backfill_chunks.Chunk:
        walking.pause(run.pk)
        return decided(chunk)

    monkeypatch.setattr(backfill_chunks, "decided", meanwhile)
    assert walking.step(run.pk)
    run.refresh_from_db()
    assert (run.state, run.told, run.lease_until) == (Backfill.State.PAUSED, 4, None)


def test_what_is_cancelled_is_over_and_what_klaviyo_has_stays(
    start: Asks, browser_of_the_operator: Client, sandbox: Sandbox
) -> None:
    start()
    run = Backfill.objects.get()
    walking.step(run.pk)
    assert "stays there" in act(browser_of_the_operator, "cancel")
    for verb in ("cancel", "resume", "pause"):
        act(browser_of_the_operator, verb)
    assert not walking.step(run.pk)
    run.refresh_from_db()
    assert run.state == Backfill.State.STOPPED
    assert len(emails(sandbox)) == 4
    assert said()[-1] == f"Cancelled backfill {run.pk} of Tea House."


def test_why_people_were_left_out_is_counted(
    start: Asks, browser_of_the_operator: Client, sandbox: Sandbox, people: list[Advocate]
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    Advocate.objects.filter(pk=people[0].pk).update(email="no address")
    lifecycle.erase(people[1].email)
    start()
    to_the_end()
    run = Backfill.objects.get()
    assert run.left_out_for == {"malformed_email": 1, "erased": 1, "unknown_person": 8}
    text = shown(browser_of_the_operator)
    assert "Not an address" in text
    assert "Klaviyo does not know them" in text


def test_whom_an_import_refuses_is_named_in_klaviyos_words_and_masked(
    start: Asks, browser_of_the_operator: Client, sandbox: Sandbox, drain: Drain, people: list[Advocate]
) -> None:
    sandbox.fault(IMPORT, "import_errors", items=1)
    start()
    to_the_end()
    end_imports()
    drain()
    [problem] = BackfillProblem.objects.all()
    text = shown(browser_of_the_operator)
    assert problem.detail in text
    assert problem.advocate.email not in text
    assert "p…" in text
    assert f"people/of-advocate/{problem.advocate_id}/" in text
    assert Delivery.objects.filter(kind="profile").count() == 1
    lifecycle.erase(problem.advocate.email)
    assert not BackfillProblem.objects.exists()


def test_past_facts_go_as_events_that_start_no_flow_and_once(
    start: Asks, sandbox: Sandbox, drain: Drain, people: list[Advocate], setting: StoreSetting
) -> None:
    StoreSetting.objects.update(is_enabled=False)
    lifecycle.visit(people[0])
    lifecycle.convert(people[1], order_id="1", friend_email="ben@friends.test", total="20", currency="EUR")
    StoreSetting.objects.update(is_enabled=True)
    lifecycle.visit(people[2])
    drain()
    [told_live] = sandbox.events(TEA)
    start(facts="on", since="2020-01-01", until="")
    to_the_end()
    assert "through with the people" in Backfill.objects.get().problem
    end_imports()
    to_the_end()
    drain()
    told = {(event.metric, event.email): event.backfill for event in sandbox.events(TEA)}
    of_the_past = {key for key, is_past in told.items() if is_past}
    assert told_live.backfill is False
    assert len(sandbox.events(TEA)) == 10 + 1 + 2 + 1
    assert len({one for one in told if not told[one]}) == 1
    assert {address for _, address in of_the_past} >= {people[0].email, people[1].email, "ben@friends.test"}
    run = Backfill.objects.get()
    assert (run.state, run.facts, run.facts_seen, run.events) == (Backfill.State.DONE, 13, 13, 13)
    [bought] = [event for event in sandbox.events(TEA) if event.email == "ben@friends.test"]
    happened = Conversion.objects.get().occurred_at
    assert moment(bought.time) == happened.replace(microsecond=0)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("", ""),
        ("1999-01-01", ""),
        ("2026-02-01", "2026-01-01"),
        ("2090-01-01", ""),
        ("2026-13-40", ""),
        ("2026-01-01", "9999-12-31"),
    ],
)
def test_days_that_are_none_begin_nothing(
    page: str, setting: StoreSetting, people: list[Advocate], browser_of_the_operator: Client, since: str, until: str
) -> None:
    form = {"setting": setting.pk, "start": "1", "facts": "on", "since": since, "until": until}
    answer = browser_of_the_operator.post(page, form)
    assert answer.status_code == 400
    assert "errorlist" in answer.content.decode()
    assert not Backfill.objects.exists()


def test_an_account_that_is_away_begins_none_and_a_run_waits_for_it(
    start: Asks, page: str, browser_of_the_operator: Client, setting: StoreSetting
) -> None:
    start()
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert not walking.step(Backfill.objects.get().pk)
    assert "connected again" in shown(browser_of_the_operator)
    assert "None can begin now" in browser_of_the_operator.get(page).content.decode()


def test_viewers_look_and_do_not_touch(page: str, setting: StoreSetting, people: list[Advocate]) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_backfill"))
    browser, run = Client(), walking.begin(setting)
    browser.force_login(viewer)
    assert "Pause" not in browser.get(f"/admin/klaviyo/backfills/{run.pk}/").content.decode()
    for verb in ("pause", "resume", "cancel"):
        assert browser.post(f"/admin/klaviyo/backfills/{run.pk}/{verb}").status_code == 403
    for button in ("start", "dry"):
        assert browser.post(page, {"setting": setting.pk, button: "1"}).status_code == 403
    assert Backfill.objects.get().state == Backfill.State.RUNNING


def test_a_page_takes_few_queries_however_much_there_is(
    page: str, setting: StoreSetting, people: list[Advocate], browser_of_the_operator: Client
) -> None:
    for state in (Backfill.State.DONE,) * 60:
        Backfill.objects.create(setting=setting, upto=1, people=1, state=state, begun_by=User.objects.first())
    run = walking.begin(setting)
    for person in people:
        BackfillProblem.objects.create(backfill=run, advocate=person, code="invalid", detail="It is none.")
    for address in (page, f"/admin/klaviyo/backfills/{run.pk}/"):
        browser_of_the_operator.get(address)
        with CaptureQueriesContext(database) as captured:
            assert browser_of_the_operator.get(address).status_code == 200
        assert len(captured) <= MOST_QUERIES, address
