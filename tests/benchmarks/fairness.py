"""One account with 100,000 events that wait, beside twenty that have ten now and then: how long do those take?

Once as it is, and once more while one of the twenty answers after 15 seconds; that one is then not counted.
"""

import random
import time
from datetime import timedelta

from django.db import close_old_connections

from integrations import pauses
from integrations.models import Delivery
from integrations.outbox import wake_ups
from klaviyo.mapping import events
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests import consent_screen
from tests.benchmarks import facts, meter, stage
from tests.benchmarks.figures import SEED, Figure, percentile, say
from tests.benchmarks.house import House
from tests.benchmarks.latency import bare_pairs

PROCESSES = 2
NOISY = 100_000
QUIET = 20
FACTS_OF_EACH = 10
SLOW_SECONDS = 15
PATIENCE_SECONDS = 60
TIMES_A_PAIR = 40


def main(house: House, is_quick: bool) -> list[Figure]:
    """A backlog for each of two rounds of 40 seconds; smaller and shorter when quick."""
    accounts = [consent_screen.TEA_HOUSE_LTD, "Qk7LmA", "Rb3WdN", *stage.more_accounts(QUIET - 2)]
    noisy, *quiet = stage.opened(house, accounts)
    crowd = stage.advocates(noisy, 1_000)
    stage.introduce(house, noisy, crowd)
    people = {program.pk: stage.advocates(program, FACTS_OF_EACH) for program in quiet}
    for program in quiet:
        stage.introduce(house, program, people[program.pk])
    house.start_workers(PROCESSES)
    size, seconds = (NOISY // 10, 10) if is_quick else (NOISY, 40)
    told = _round(house, noisy, crowd, quiet, people, size, seconds, "")
    house.klaviyo.answer_badly("*", "slow", delay=SLOW_SECONDS, account=accounts[-1])
    return told + _round(house, noisy, crowd, quiet[:-1], people | {0: people[quiet[-1].pk]}, size, seconds, SLOW)


SLOW = ", one account slow"


def _round(
    house: House,
    noisy: Program,
    crowd: list[Advocate],
    quiet: list[Program],
    people: dict[int, list[Advocate]],
    size: int,
    seconds: int,
    label: str,
) -> list[Figure]:
    say(f"Queueing {size:,} events of the busy account{label}.")
    _queue_at_once(noisy, crowd, size)
    began_at = time.time()
    with bare_pairs(house) as pairs, meter.of(house, "host", with_rows=False) as cost:
        committed = _tell(quiet, people, seconds)
        arrived = _wait_for(house, set(committed))
    delays = [arrived.get(unique_id, time.time()) - at for unique_id, at in committed.items()]
    busy = sum(len(one.ids) for one in house.klaviyo.arrivals(began_at) if one.account == consent_screen.TEA_HOUSE_LTD)
    say(f"{len(arrived):,} of {len(committed)} facts of the quiet arrived; {busy:,} events of the busy account.")
    _forget_the_rest(noisy)
    pair = percentile(pairs, 0.5) / 1_000
    return [
        Figure(
            f"p95 of the quiet, times a bare commit and request{label}", _p95(delays) / pair, "at most", TIMES_A_PAIR
        ),
        Figure(f"p95 of the quiet in s{label}", _p95(delays)),
        Figure(f"a bare commit and request meanwhile in s{label}", pair),
        Figure(f"slowest of the quiet in s{label}", max(delays)),
        Figure(f"events of the busy account a minute{label}", 60 * busy / cost.took),
        *cost.figures(busy + len(arrived), label),
    ]


def _p95(delays: list[float]) -> float:
    return percentile(delays, 0.95)


def _queue_at_once(noisy: Program, crowd: list[Advocate], size: int) -> None:
    """So that all of it waits when the round begins, workers leave the account alone meanwhile."""
    busy = stage.connection_of(noisy)
    pauses.throttle(busy, "event", timedelta(hours=1))
    facts.queue_visits(noisy, crowd, size)
    busy.pauses.all().delete()
    wake_ups.now(busy.pk, again=True)


def _forget_the_rest(noisy: Program) -> None:
    """Once no worker has anything of it in hand."""
    busy = stage.connection_of(noisy)
    pauses.throttle(busy, "event", timedelta(hours=1))
    while busy.deliveries.filter(state=Delivery.State.SENDING).exists():
        time.sleep(0.5)
    busy.deliveries.filter(state=Delivery.State.QUEUED).delete()


def _tell(quiet: list[Program], people: dict[int, list[Advocate]], seconds: int) -> dict[str, float]:
    """Ten facts of each quiet account at moments of their own: when each was committed, by its event's id.

    Who stands under 0 belongs to the slow account, whose facts are told as well and not counted.
    """
    chance = random.Random(SEED)
    tellers = [*((person, True) for program in quiet for person in people[program.pk])]
    tellers += [(person, False) for person in people.get(0, [])]
    moments = sorted((chance.uniform(0, seconds), index) for index in range(len(tellers)))
    began_at, committed = time.time(), dict[str, float]()
    for moment, index in moments:
        time.sleep(max(began_at + moment - time.time(), 0))
        person, is_counted = tellers[index]
        visit = lifecycle.visit(person, landing_page=facts.PAGE)
        if is_counted:
            committed[events.visit_recorded(visit)[0].unique_id] = time.time()
    return committed


def _wait_for(house: House, wanted: set[str]) -> dict[str, float]:
    gives_up_at = time.time() + PATIENCE_SECONDS
    while True:
        arrived = {unique_id: at for unique_id, at in house.klaviyo.accepted_at().items() if unique_id in wanted}
        if len(arrived) == len(wanted) or time.time() > gives_up_at:
            return arrived
        close_old_connections()
        time.sleep(1)
