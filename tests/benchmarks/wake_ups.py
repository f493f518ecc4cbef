"""Wake-ups that find nothing: what a worker spends on one, beside a message whose task does nothing.

Five hundred looks a second and core are two milliseconds each, half of what Celery spends on any message.
"""

import time

import redis

from sorae.celery import app
from tests.benchmarks import meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House, Process

NUMBER = 3_000
TURNS = 2
MOST_TIMES = 1.5
LONGEST_SECONDS = 900.0
WAKE_UP = "integrations.tasks.drain"
# With no results to clear up it does nothing: https://docs.celeryq.dev/en/stable/userguide/configuration.html
NOTHING = "celery.backend_cleanup"
QUEUE = "deliveries"


def main(house: House, is_quick: bool) -> list[Figure]:
    """A fifth of it when quick."""
    number = NUMBER // 5 if is_quick else NUMBER
    [program] = stage.opened(house)
    connection_id = stage.connection_of(program).pk
    workers = stage.idle_workers(house, 1)
    spent = {WAKE_UP: 0.0, NOTHING: 0.0}
    for _ in range(TURNS):
        spent[NOTHING] += _passed(house, workers, NOTHING, [], number)
        spent[WAKE_UP] += _passed(house, workers, WAKE_UP, [connection_id], number)
    looks = spent[WAKE_UP] - spent[NOTHING]
    return [
        Figure("a wake-up that finds nothing, times a message", spent[WAKE_UP] / spent[NOTHING], "at most", MOST_TIMES),
        Figure("wake-ups that find nothing, a second and core", TURNS * number / spent[WAKE_UP]),
        Figure("messages that do nothing, a second and core", TURNS * number / spent[NOTHING]),
        Figure("the looks alone, a second and core", TURNS * number / max(looks, 0.001)),
    ]


def _passed(house: House, workers: list[Process], task: str, arguments: list[int], number: int) -> float:
    """The seconds of a core that the worker, PostgreSQL and Redis take for so many messages."""
    with house.stopped(workers):
        for _ in range(number):
            app.send_task(task, arguments, queue=QUEUE, ignore_result=True)
    with meter.of(house, with_rows=False) as cost, redis.Redis.from_url(house.env["REDIS_URL"]) as broker:
        gives_up_at = time.monotonic() + LONGEST_SECONDS
        while left := broker.llen(f"sorae:{QUEUE}"):
            if time.monotonic() > gives_up_at:
                raise RuntimeError(f"{left} of {number} messages were not taken in {LONGEST_SECONDS:.0f} s.")
            time.sleep(0.2)
        time.sleep(1)  # those that it has taken
    seconds = cost.of("worker", "PostgreSQL", "Redis")
    say(f"{number:,} of {task} in {cost.took:.1f} s: {dict(cost.seconds)}")
    return seconds
