"""A backlog of facts told in three ways to the same Klaviyo with the same limits, each to an account of its own.

(a) a Celery task for each signal with the official client, (b) the same with plain requests, (c) ours. The workers of
(a) and of (c) are killed twice meanwhile. The peers are stopped after a while, and counted as they stand then.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import redis
from django.utils import timezone

from referrals.models import Program
from tests import consent_screen
from tests.benchmarks import crew, facts, ledger, meter, peer_tasks, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House, Process
from tests.benchmarks.meter import Cost

PEER_FACTS, OUR_FACTS = 5_000, 100_000
FACTS_OF_A_PERSON = 2
PEER_SECONDS = 120.0
PROCESSES = 8
OURS = 4
BROKER = 9  # the peers' own database in Redis
LONGEST_SECONDS = 900
ALL = (*meter.OURS, "peer", "Redis")
QUEUE, PARKED = "celery", "unacked"


@dataclass(frozen=True)
class Told:
    """How one of them did. `parked`: in Redis, for a worker that is dead; Celery looks there again after an hour."""

    facts: int
    seconds: float
    arrived: int
    doubled: int
    throttled: int
    cost: Cost = field(default_factory=Cost)
    waiting: int = 0
    parked: int = 0

    @property
    def a_minute(self) -> float:
        return 60 * self.arrived / self.seconds

    @property
    def lost(self) -> int:
        return self.facts - self.arrived - self.waiting - self.parked


def main(house: House, is_quick: bool) -> list[Figure]:
    """Smaller and shorter when quick."""
    share, seconds = (10, 20.0) if is_quick else (1, PEER_SECONDS)
    programs = stage.opened(house, [consent_screen.TEA_HOUSE_LTD, "Qk7LmA", "Rb3WdN"])
    by_sdk = _peer(house, programs[1], "tell_by_sdk", PEER_FACTS // share, seconds, kills=2)
    plain = _peer(house, programs[2], "tell_plainly", PEER_FACTS // share, seconds, kills=0)
    ours = _ours(house, programs[0], OUR_FACTS // share)
    return [
        Figure("ours to the official client, times", ours.a_minute / max(by_sdk.a_minute, 1), "at least", 20),
        Figure("ours to plain requests, times", ours.a_minute / max(plain.a_minute, 1)),
        *_figures("ours", ours, must_be_clean=True),
        *_figures("official client", by_sdk),
        *_figures("plain requests", plain),
        *ours.cost.figures(ours.facts, ", ours"),
    ]


def queue(program_id: int, task: str, number: int) -> int:
    """A message for each fact, in a process that has the peers' settings."""
    emails = list(Program.objects.get(pk=program_id).advocates.order_by("pk").values_list("email", flat=True))
    now = timezone.now().isoformat()
    for index in range(number):
        getattr(peer_tasks, task).delay(emails[index % len(emails)], f"{task}-{index}", now)
    return number


def _figures(who: str, told: Told, *, must_be_clean: bool = False) -> list[Figure]:
    clean: Any = {"must_be": "exactly", "mark": 0} if must_be_clean else {}
    counted = [
        Figure(f"{who}: facts a minute", told.a_minute),
        Figure(f"{who}: lost", told.lost, **clean),
        Figure(f"{who}: twice", told.doubled, **clean),
        Figure(f"{who}: 429s", told.throttled, **clean),
    ]
    parked = [] if must_be_clean else [Figure(f"{who}: parked for an hour", told.parked)]
    spent = Figure(f"{who}: CPU s per 1,000, all but the sandbox", 1_000 * told.cost.of(*ALL) / max(told.arrived, 1))
    return [*counted, *parked, spent]


def _peer(house: House, program: Program, task: str, number: int, seconds: float, kills: int) -> Told:
    """A backlog in Celery's own queue, and eight processes that work on it for so long."""
    account = stage.connection_of(program).account_id
    peer = _house_of_peer(house, account)
    with redis.Redis.from_url(peer.env["PEER_BROKER"]) as broker:
        broker.flushdb()
        stage.put_advocates(program, number // FACTS_OF_A_PERSON)
        crew.answers(crew.send(peer, 1, "peers", "queue", program.pk, task, number))
        say(f"{task}: {number:,} facts, {kills} kills.")
        with meter.of(peer, with_rows=False) as cost:
            began_at, worker = time.time(), _peers_at_work(peer)
            for kill in range(kills + 1):
                _wait(house, account, number, began_at + seconds * (kill + 1) / (kills + 1))
                if kill < kills:
                    peer.kill(worker)
                    worker = _peers_at_work(peer)
            told = _seen(house, account, number, began_at)
            peer.end([worker])  # what is under way may finish, and is counted as told, not as lost
        after = _seen(house, account, number, began_at)
        waiting = _length(broker, QUEUE) + after.arrived - told.arrived
        told = replace(told, waiting=waiting, parked=_length(broker, PARKED), cost=cost)
    say(f"{task}: {told}, lost {told.lost}.")
    return told


def _ours(house: House, program: Program, number: int) -> Told:
    """The same in our way; facts and profiles wait in the outbox."""
    account = stage.connection_of(program).account_id
    people = stage.advocates(program, number // FACTS_OF_A_PERSON)
    with meter.of(house, "queueing", with_rows=False) as queueing:
        facts.queue_visits(program, people, number, with_profiles=True)
    say(f"ours: {number:,} facts, 2 kills.")
    with meter.of(house, with_rows=False) as delivering:
        began_at, workers = time.time(), house.start_workers(OURS)
        for _ in range(2):
            time.sleep(6)
            for worker in workers:
                house.kill(worker)
            workers = [house.start_worker() for _ in workers]
        ledger.wait_until_settled(house, LONGEST_SECONDS)
    told = replace(_seen(house, account, number, began_at), cost=queueing + delivering)
    say(f"ours: {told}, lost {told.lost}. {ledger.of(house, account)} {dict(house.klaviyo.statuses(began_at))}")
    return told


def _house_of_peer(house: House, account: str) -> House:
    """The same house, for processes with the peers' settings."""
    broker = house.env["REDIS_URL"].rpartition("/")[0] + f"/{BROKER}"
    own = {"PEER_BROKER": broker, "PEER_KLAVIYO": house.klaviyo.url, "PEER_TOKEN": house.klaviyo.connect(account)}
    return replace(house, env=house.env | own)


def _peers_at_work(peer: House) -> Process:
    return peer.start("peer", "celery", "-A", "tests.benchmarks.peer_tasks", "-q", "worker", "-c", str(PROCESSES))


def _wait(house: House, account: str, number: int, until: float) -> None:
    """Until then, or until all have arrived."""
    while time.time() < until and house.klaviyo.holds(account)["events"] < number:
        time.sleep(0.5)


def _seen(house: House, account: str, number: int, since: float) -> Told:
    """What Klaviyo holds of it now; the time goes to the last arrival that was accepted."""
    held = Counter(event["properties"].get("fact_id") for event in house.klaviyo.events(account))
    arrivals = [one for one in house.klaviyo.arrivals(since) if one.account == account]
    last = max((one.at for one in arrivals if one.ids and one.is_accepted), default=time.time())
    throttled = sum(one.status == 429 for one in arrivals)
    return Told(number, last - since, len(held), held.total() - len(held), throttled)


def _length(broker: "redis.Redis", key: str) -> int:
    """How many messages there are in a queue, or among those that were handed out and not confirmed."""
    return int(broker.llen(key) if broker.type(key) == b"list" else broker.hlen(key))
