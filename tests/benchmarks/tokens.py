"""1,000 users of one expired token at the same moment, in 8 processes: one renewal, and nobody is left without.

Who is told to come back (`AccessUnavailable`, which costs a delivery no attempt) does so, as a worker would.
"""

import threading
import time
from collections import Counter
from datetime import timedelta

from django.db import connection as database
from django.db.models.functions import Now

from integrations import connections
from integrations.connections.renewal import AccessUnavailable
from integrations.errors import IntegrationError
from integrations.models import Connection
from tests.benchmarks import crew, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House

PROCESSES = 8
THREADS = 125
ENDPOINT_SECONDS = (0.05, 3.0, 9.0)
PATIENCE_SECONDS = 60.0


def main(house: House, is_quick: bool) -> list[Figure]:
    """Once for each speed of the token endpoint."""
    [program] = stage.opened(house)
    connection = stage.connection_of(program)
    told: list[Figure] = []
    for seconds in ENDPOINT_SECONDS[: 2 if is_quick else None]:
        told += _at_expiry(house, connection, seconds, processes=2 if is_quick else PROCESSES)
    return told


def _at_expiry(house: House, connection: Connection, seconds: float, processes: int) -> list[Figure]:
    """All of them at once, while the token endpoint takes so long."""
    house.klaviyo.recover()
    house.klaviyo.answer_badly("oauth_token", "slow", delay=seconds)
    house.klaviyo.expire_tokens(connection.account_id)
    Connection.objects.filter(pk=connection.pk).update(access_expires_at=Now() - timedelta(seconds=1))
    before = house.klaviyo.token_calls()
    starts_at = time.time() + 5 + 2 * processes
    with meter.of(house, with_rows=False) as cost:
        users = crew.send(house, processes, "tokens", "use", connection.pk, starts_at, THREADS)
        said = [Counter[str](of_process) for of_process in crew.answers(users)]
    slowest = max(of_process.pop("slowest ms") for of_process in said) / 1_000
    outcomes = sum(said, Counter[str]())
    calls = house.klaviyo.token_calls() - before
    say(f"The endpoint took {seconds:g} s: {calls} calls, {dict(outcomes)}.")
    return [
        Figure(f"calls, endpoint {seconds:g} s", calls, "exactly", 1),
        Figure(f"failed, endpoint {seconds:g} s", processes * THREADS - outcomes["served"], "exactly", 0),
        Figure(f"asked to come back, endpoint {seconds:g} s", outcomes["put off"]),
        Figure(f"slowest, endpoint {seconds:g} s, in s", slowest),
        *cost.figures(processes * THREADS, f", endpoint {seconds:g} s"),
    ]


def use(connection_id: int, starts_at: float, users: int) -> "Counter[str]":
    """What became of so many users of this process who ask at that moment."""
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def ask() -> None:
        database.ensure_connection()
        time.sleep(max(starts_at - time.time(), 0))
        said = _patiently(connection_id)
        took_ms = int(1_000 * (time.time() - starts_at))
        database.close()
        with lock:
            outcomes.update(said)
            outcomes["slowest ms"] = max(outcomes["slowest ms"], took_ms)

    threads = [threading.Thread(target=ask) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _patiently(connection_id: int) -> list[str]:
    """Ask until there is a token, as long as that is what the caller is told to do."""
    said: list[str] = []
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < gives_up_at:
        try:
            connections.access(connection_id)
            return [*said, "served"]
        except AccessUnavailable as later:
            said = ["put off"]
            time.sleep(min((later.retry_after or timedelta(seconds=1)).total_seconds(), 5.0))
        except IntegrationError as error:
            return [*said, type(error).__name__]
    return said
