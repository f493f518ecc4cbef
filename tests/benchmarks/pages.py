"""Pages of a busy house: 100 accounts, 100,000 deliveries and a million attempts, beside Django's list of 100 rows."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery
from klaviyo.models import StoreSetting
from referrals.models import Store
from tests.benchmarks import stage
from tests.benchmarks.baseline import ms
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

ACCOUNTS, DELIVERIES, ATTEMPTS = 100, 100_000, 1_000_000
ROUNDS, QUICK_ROUNDS = 40, 10
MOST_TIMES, MOST_QUERIES = 3.0, 15
LISTED, AT_ONCE = 100, 5_000

State = Delivery.State
WAYS = (
    (State.ACCEPTED, ""),
    (State.CONFIRMED, ""),
    (State.SKIPPED, "unsubscribed"),
    (State.FAILED, "invalid"),
    (State.HELD, "list_gone"),
)


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of the rows when quick."""
    share = 10 if is_quick else 1
    [program] = stage.opened(house)
    accounts = [stage.connection_of(program), *_more_accounts(ACCOUNTS - 1)]
    say(f"{ACCOUNTS} accounts, {DELIVERIES // share:,} deliveries, {ATTEMPTS // share:,} attempts.")
    _add(Delivery, _deliveries(accounts, DELIVERIES // share))
    _add(Attempt, _attempts(accounts, ATTEMPTS // share))
    stage.advocates(program, LISTED)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.get(username="operator"))
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    usual = _p95(browser, reverse("admin:referrals_advocate_changelist"), rounds)
    times, queries = dict[str, float](), dict[str, int]()
    for address in _pages(accounts[0]):
        times[address], queries[address] = _p95(browser, address, rounds), _queries(browser, address)
    slowest, busiest = max(times, key=times.__getitem__), max(queries, key=queries.__getitem__)
    say(f"The slowest page is {slowest}, and the one with the most queries {busiest}.")
    return [
        Figure("slowest page's p95, times a list of 100 rows", times[slowest] / usual, "at most", MOST_TIMES),
        Figure("most queries of a page", queries[busiest], "at most", MOST_QUERIES),
        Figure("a list of 100 rows, p95 in ms", usual),
        Figure("median of the pages' p95 in ms", median(times.values())),
        Figure("pages looked at", len(times)),
    ]


def _pages(connection: Connection) -> list[str]:
    """Those that count or list what flows."""
    at, ours = "/admin/integrations/", "/admin/klaviyo/"
    states = ("delivered", "skipped", "open", "held", "failed")
    about = [f"{at}{connection.pk}/", f"{ours}settings/?connection={connection.pk}"]
    lists = [f"{at}deliveries/", *(f"{at}deliveries/?state={state}" for state in states)]
    return ["/admin/", at, f"{at}klaviyo/", *about, *lists, f"{ours}settings/", f"{ours}sends/", f"{at}activity/"]


def _p95(browser: Client, address: str, rounds: int) -> float:
    """In ms, of a page that has been seen before."""
    answer = browser.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}.")
    return percentile([ms(lambda: browser.get(address)) for _ in range(rounds)], 0.95)


def _queries(browser: Client, address: str) -> int:
    with CaptureQueriesContext(database) as seen:
        browser.get(address)
    return len(seen)


def _more_accounts(number: int) -> list[Connection]:
    """Each with a store of its own."""
    now, found = timezone.now(), []
    for index in range(number):
        name = f"Shop {index}"
        connection = Connection.objects.create(
            provider="klaviyo", account_id=f"Many{index:02}", account_name=name, state="connected", connected_at=now
        )
        store = Store.objects.create(slug=f"shop-{index}", name=name, url="https://shop.example/", currency="EUR")
        StoreSetting.objects.create(store=store, connection=connection)
        found.append(connection)
    return found


def _deliveries(accounts: list[Connection], number: int) -> Iterator[Delivery]:
    """Over the last 23 days, in each state."""
    now = timezone.now()
    for index in range(number):
        state, code = WAYS[index % len(WAYS)]
        at = now - timedelta(seconds=20 * index)
        yield Delivery(
            connection=accounts[index % len(accounts)],
            kind="event",
            key=f"page:{index}",
            subject=f"person-{index % 5_000}@example.com",
            state=state,
            reason_code=code,
            occurred_at=at,
            next_try_at=at,
            settled_at=None if state == State.HELD else at,
        )


def _attempts(accounts: list[Connection], number: int) -> Iterator[Attempt]:
    """Over the last 23 days, some of them refused for being too many."""
    now = timezone.now()
    for index in range(number):
        at = now - timedelta(seconds=2 * index)
        yield Attempt(
            connection=accounts[index % len(accounts)],
            operation="create_event",
            started_at=at,
            finished_at=at,
            status=429 if index % 50 == 0 else 202,
            duration_ms=40,
        )


def _add(model: Any, rows: Iterator[Any]) -> None:
    while some := list(islice(rows, AT_ONCE)):
        model.objects.bulk_create(some)
