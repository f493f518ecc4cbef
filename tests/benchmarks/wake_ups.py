"""Wake-ups that find nothing: how many a worker gets rid of in a second of a core, beside messages that do nothing."""

import time

import redis

from sorae.celery import app
from tests.benchmarks import meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House, Process

NUMBER = 3_000
TURNS = 2
LEAST = 500
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
    workers, _ = stage.idle_workers(house, 1)
    spent = {WAKE_UP: 0.0, NOTHING: 0.0}
    for _ in range(TURNS):
        spent[NOTHING] += _passed(house, workers, NOTHING, [], number)
        spent[WAKE_UP] += _passed(house, workers, WAKE_UP, [connection_id], number)
    a_second = {task: TURNS * number / seconds for task, seconds in spent.items()}
    return [
        Figure("wake-ups that find nothing, a second and core", a_second[WAKE_UP], "at least", LEAST),
        Figure("messages that do nothing, a second and core", a_second[NOTHING]),
        Figure("seconds of a core, times a message that does nothing", spent[WAKE_UP] / spent[NOTHING]),
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
