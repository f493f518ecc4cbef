"""Pages of a busy house: 100 accounts, 100,000 deliveries and a million attempts, beside Django's list of 100 rows."""

from collections.abc import Iterator
from statistics import median

from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import Attempt, Connection
from klaviyo.models import StoreSetting
from referrals.models import Program, Store
from tests.benchmarks import stage
from tests.benchmarks.baseline import ms
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House
from tests.faults import whole_site

ACCOUNTS, DELIVERIES, EACH = 100, 100_000, 10  # attempts at each delivery
SENDS = 20_000  # of one account: invites that an event told of
ROUNDS, QUICK_ROUNDS = 20, 10
MOST_TIMES, MOST_QUERIES = 3.0, 15
LISTED, AT_ONCE = 100, 20_000
#: Files that are written while they are read, and what leads away.
NO_PAGES = ("integrations:activity_export", "klaviyo:sends_export", "integrations:callback")

# Over the last 23 days, in each state.
DELIVERY = """
    INSERT INTO integrations_delivery
        (connection_id, kind, key, lane, source, subject, body, options, warnings, state, reason_code, reason,
         occurred_at, next_try_at, attempts_made, crashes, created_at, settled_at)
    SELECT accounts[1 + n % {accounts}], 'event', 'page:' || n, '', md5(n::text),
        'person-' || n % 5000 || '@example.com', '{{}}', '{{"metric": "referred_visit"}}', '[]',
        states[1 + n % 5], reasons[1 + n % 5], '', at, at, {each}, 0, at,
        CASE WHEN states[1 + n % 5] <> 'held' THEN at END
    FROM generate_series({first}, {last}) AS n,
        LATERAL (SELECT now() - n * interval '20 seconds' AS at) AS t,
        (SELECT array(SELECT id FROM integrations_connection ORDER BY id) AS accounts,
            ARRAY['accepted', 'confirmed', 'skipped', 'failed', 'held'] AS states,
            ARRAY['', '', 'unsubscribed', 'invalid', 'list_gone'] AS reasons) AS known
"""
# Of the delivery's account, one after the other; some were refused for being too many.
ATTEMPT = """
    WITH made AS (
        INSERT INTO integrations_attempt
            (connection_id, operation, started_at, finished_at, status, code, request_id, duration_ms)
        SELECT d.connection_id, 'create_event', at, at, CASE WHEN d.id % 5 = 0 AND n = 1 THEN 429 ELSE 202 END, '',
            d.id::text, 40
        FROM generate_series({first}, {last}) AS i JOIN integrations_delivery AS d ON d.key = 'page:' || i,
            generate_series(1, {each}) AS n, LATERAL (SELECT d.occurred_at + n * interval '1 second' AS at) AS t
        RETURNING id, request_id
    )
    INSERT INTO integrations_attempt_deliveries (attempt_id, delivery_id) SELECT id, request_id::bigint FROM made
"""
INVITE = """
    INSERT INTO referrals_invite
        (uid, occurred_at, created_at, advocate_id, recipient_email, recipient_name, channel, reminders_made, closed_by)
    SELECT md5(n::text)::uuid, now(), now(), (SELECT min(id) FROM referrals_advocate),
        'friend-' || n || '@example.com', 'Ben', 'email', 0, ''
    FROM generate_series(0, %s) AS n
"""
SEND = """
    INSERT INTO klaviyo_send
        (kind, channel, store_id, program_id, setting_id, invite_id, delivery_id, profile_id, created_at, message_id,
         bounce)
    SELECT 'invite', 'klaviyo', %s, %s, %s, i.id, d.id, '', now(), '', ''
    FROM integrations_delivery AS d
    JOIN referrals_invite AS i ON i.uid = md5(split_part(d.key, ':', 2))::uuid
    WHERE d.key LIKE 'page:%%' ORDER BY d.id
"""


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of the rows when quick."""
    number = DELIVERIES // (10 if is_quick else 1)
    [program] = stage.opened(house)
    _more_accounts(ACCOUNTS - 1)
    stage.advocates(program, LISTED)
    _fill(program, number)
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.get(username="operator"))
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    asked = Attempt.objects.latest("pk").pk
    usual = _p95(browser, reverse("admin:referrals_advocate_changelist"), rounds)
    times, queries = dict[str, float](), dict[str, int]()
    for address in dict.fromkeys(_pages(stage.connection_of(program))):
        if browser.get(address).status_code == 200:
            times[address], queries[address] = _p95(browser, address, rounds), _queries(browser, address)
    slowest, busiest = max(times, key=times.__getitem__), max(queries, key=queries.__getitem__)
    say(f"The slowest page is {slowest}, and the one with the most queries {busiest}.")
    return [
        Figure("slowest page's p95, times a list of 100 rows", times[slowest] / usual, "at most", MOST_TIMES),
        Figure("most queries of a page", queries[busiest], "at most", MOST_QUERIES),
        Figure("requests to Klaviyo by looking", Attempt.objects.filter(pk__gt=asked).count(), "exactly", 0),
        Figure("a list of 100 rows, p95 in ms", usual),
        Figure("median of the pages' p95 in ms", median(times.values())),
        Figure("pages looked at", len(times)),
    ]


def _pages(connection: Connection) -> Iterator[str]:
    """Every page of ours that somebody can open, and lists of what flows, narrowed."""
    yield reverse("admin:index")
    for route in whole_site.routes():
        if str(route).startswith(("integrations:", "klaviyo:")) and str(route) not in NO_PAGES:
            yield whole_site.address(route)
    at, ours = "/admin/integrations/", "/admin/klaviyo/"
    yield from (f"{at}deliveries/?state={state}" for state in ("delivered", "skipped", "open", "held", "failed"))
    yield from (f"{ours}sends/?state={state}" for state in ("delivered", "skipped", "held", "failed"))
    yield from (f"{ours}settings/?connection={connection.pk}", f"{at}activity/?connection={connection.pk}")
    yield f"{at}deliveries/?connection={connection.pk}&state=failed"


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


def _more_accounts(number: int) -> None:
    """Each with a store of its own."""
    now = timezone.now()
    for index in range(number):
        name = f"Shop {index}"
        connection = Connection.objects.create(
            provider="klaviyo", account_id=f"Many{index:02}", account_name=name, state="connected", connected_at=now
        )
        store = Store.objects.create(slug=f"shop-{index}", name=name, url="https://shop.example/", currency="EUR")
        StoreSetting.objects.create(store=store, connection=connection)


def _fill(program: Program, number: int) -> None:
    """By the database itself, in pieces: a million rows one by one would take longer than all that is measured."""
    began_at = timezone.now()
    setting = StoreSetting.objects.get(store=program.store_id)
    with database.cursor() as cursor:
        for statement in (DELIVERY, ATTEMPT):
            for first in range(0, number, AT_ONCE):
                last = min(first + AT_ONCE, number) - 1
                cursor.execute(statement.format(first=first, last=last, each=EACH, accounts=ACCOUNTS))
        cursor.execute(INVITE, [min(SENDS, number) - 1])
        cursor.execute("ANALYZE")
        cursor.execute(SEND, [program.store_id, program.pk, setting.pk])
        cursor.execute("ANALYZE klaviyo_send")
    spent = (timezone.now() - began_at).total_seconds()
    say(f"{ACCOUNTS} accounts, {number:,} deliveries, {number * EACH:,} attempts: filled in {spent:.0f} s.")
