"""A worker process of its own that wants all it can get: prints when each of its requests arrived, a line each.

Arguments: budget, windows ("100/1,150/3"), threads. Says that it is ready, and is told when to begin and to end
(seconds since 1970).
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import uniform

from integrations import pacing
from integrations.pacing import Window


def main(budget: str, windows: str, threads: str) -> None:
    limits = [Window(*map(int, window.split("/"))) for window in windows.split(",")]
    print("ready", flush=True)
    begin, end = map(float, input().split())
    time.sleep(max(begin - time.time(), 0))
    with ThreadPoolExecutor(int(threads)) as pool:
        many = [pool.submit(work, budget, limits, end) for _ in range(int(threads))]
    print(*(at for arrived in many for at in arrived.result()), sep="\n")


def work(budget: str, windows: list[Window], end: float) -> list[float]:
    """Take, and let each request be under way for a while."""
    arrived = []
    while (now := time.time()) < end:
        wait = pacing.take(budget, windows).total_seconds()
        if not wait:
            time.sleep(uniform(0.005, 0.05))
            arrived.append(time.time())
        time.sleep(min(wait, max(end - now, 0)))
    return arrived


if __name__ == "__main__":
    main(*sys.argv[1:])
