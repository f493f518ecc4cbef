"""Reconnect while 200,000 deliveries are held: how soon it answers, and whether fresh facts go at once meanwhile."""

import time

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery
from klaviyo.mapping import events
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests import consent_screen
from tests.benchmarks import facts, meter, stage
from tests.benchmarks.baseline import ms
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House
from tests.benchmarks.latency import bare_pairs

HELD, PEOPLE = 200_000, 1_000
OTHER = "Qk7LmA"
PROCESSES = 2
TRIPS, TRIP_EVERY = 5, 5.0  # each asks for the account, which Klaviyo answers 15 times a minute
TIMES_A_TRIP = 3
A_SECOND, SECONDS, QUICK_SECONDS = 5, 30, 5
PATIENCE_SECONDS = 120.0
LOST = reasons.of("access_withdrawn", "Access was withdrawn.")


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    number = HELD // 10 if is_quick else HELD
    program, other = stage.opened(house, [consent_screen.TEA_HOUSE_LTD, OTHER])
    people = stage.advocates(program, PEOPLE)
    stage.introduce(house, program, people)
    _hold(program, people, number)
    stage.idle_workers(house, PROCESSES)
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.get(username="operator"))
    trips = list[float]()
    for _ in range(TRIPS):
        trips.append(_trip(browser, other))
        time.sleep(TRIP_EVERY)
    usual = percentile(trips, 0.5)
    with meter.of(house, "host", with_rows=False) as cost, bare_pairs(house) as pairs:
        took = _trip(browser, program)
        told_at, accepted = _tell(house, people, QUICK_SECONDS if is_quick else SECONDS)
        left = _waiting(program).count()
    delays = [1_000 * (accepted.get(key, time.time()) - at) for key, at in told_at.items()]
    pair = percentile(pairs, 0.5)
    say(f"Reconnect took {took:,.0f} ms, and {usual:,.0f} with nothing held; {left:,} of {number:,} are left.")
    return [
        Figure("Reconnect, times one with nothing held", took / usual, "at most", TIMES_A_TRIP),
        Figure("Reconnect in ms", took),
        Figure("Reconnect with nothing held in ms", usual),
        Figure("fresh facts that waited for the backlog", 0 if left else len(told_at), "exactly", 0),
        Figure("fresh facts that did not go", len(told_at) - len(accepted), "exactly", 0),
        Figure("fresh facts, times a bare commit and request, p50", percentile(delays, 0.5) / pair),
        Figure("fresh facts, times a bare commit and request, p95", percentile(delays, 0.95) / pair),
        *cost.figures(number - left + len(told_at)),
    ]


def _hold(program: Program, people: list[Advocate], number: int) -> None:
    """So many events wait, and access is lost."""
    say(f"Queueing {number:,} events, and holding them.")
    facts.queue_visits(program, people, number)
    connection = stage.connection_of(program)
    connections.mark_reconnect(connection, LOST)
    while outbox.hold(connection, LOST):
        pass


def _trip(browser: Client, program: Program) -> float:
    """Connect an account again whose access is lost: ms from *Reconnect* to the answer of the callback."""
    connection = stage.connection_of(program)
    connections.mark_reconnect(connection, LOST)
    start = reverse("integrations:reconnect", args=[connection.pk])
    took = ms(lambda: consent_screen.visit(browser, connection.account_id, start=start))
    if stage.connection_of(program).state != Connection.State.CONNECTED:
        raise RuntimeError(f"{connection} could not be connected again.")
    return took


def _tell(house: House, people: list[Advocate], seconds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Fresh facts, when each was committed and accepted; until all are, or for a good while."""
    told_at, began_at = dict[str, float](), time.time()
    for index in range(seconds * A_SECOND):
        time.sleep(max(began_at + index / A_SECOND - time.time(), 0))
        visit = lifecycle.visit(people[index % len(people)], landing_page=facts.PAGE)
        told_at[events.visit_recorded(visit)[0].key] = time.time()
    gives_up_at = time.time() + PATIENCE_SECONDS
    while len(accepted := facts.accepted_at(house, told_at)) < len(told_at) and time.time() < gives_up_at:
        time.sleep(1)
    return told_at, accepted


def _waiting(program: Program) -> QuerySet[Delivery]:
    open_ones = (Delivery.State.HELD, Delivery.State.QUEUED, Delivery.State.SENDING)
    return stage.connection_of(program).deliveries.filter(state__in=open_ones)
