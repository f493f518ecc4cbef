"""A worker process of its own that wants all it can get: prints when each of its requests arrived, a line each.

Arguments: budget, windows ("100/1,150/3"), threads. Says that it is ready, and is told when to begin and to end
(seconds since 1970). A line holds two moments: when the request would have arrived on a machine with time for it, and
when it did. The first line says for how many seconds the slowest thread was kept from asking by the machine.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import uniform

from integrations import pacing
from integrations.pacing import Window

USUAL_SECONDS = 0.02  # a question to Redis, and what a machine with nothing else to do adds to a sleep


def main(budget: str, windows: str, threads: str) -> None:
    limits = [Window(*map(int, window.split("/"))) for window in windows.split(",")]
    print("ready", flush=True)
    begin, end = map(float, input().split())
    time.sleep(max(begin - time.time(), 0))
    with ThreadPoolExecutor(int(threads)) as pool:
        many = [pool.submit(work, budget, limits, begin, end) for _ in range(int(threads))]
    print(max(thread.result()[1] for thread in many))
    for thread in many:
        for moments in thread.result()[0]:
            print(*moments)


def work(budget: str, windows: list[Window], begin: float, end: float) -> tuple[list[tuple[float, float]], float]:
    """Take, and let each request be under way for a while. When they arrived, and how long this was kept back."""
    arrived, kept_back = [], max(time.time() - begin - USUAL_SECONDS, 0.0)
    while (now := time.time()) < end:
        wait = pacing.take(budget, windows).total_seconds()
        rest = 0.0 if wait else uniform(0.005, 0.05)
        time.sleep(rest or min(wait, max(end - now, 0)))
        at = time.time()
        late = max(at - now - (rest or wait) - USUAL_SECONDS, 0.0)
        kept_back += late
        if not wait:
            arrived.append((at - late, at))
    return arrived, kept_back


if __name__ == "__main__":
    main(*sys.argv[1:])
