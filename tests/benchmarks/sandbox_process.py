"""A sandbox in a process of its own, with as many accounts as wanted, that writes down what arrives and when.

python -m tests.benchmarks.sandbox_process FOLDER LATENCY ACCOUNTS

Its address is the first line of its output. Each API exchange becomes a line of FOLDER/arrivals.
"""

import re
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from klaviyo.sandbox import Exchange, Sandbox
from klaviyo.sandbox.state import accounts
from klaviyo.sandbox.state.database import Database

UNIQUE_ID = re.compile(rb'"unique_id": ?"([^"]+)"')


class Arrivals:
    """Writes a line for each exchange: time, account, operation, status, and the ids of the events in it."""

    def __init__(self, path: Path, latency: float) -> None:
        self._file = path.open("w", buffering=1)
        self._lock = threading.Lock()
        self._latency = latency

    def __call__(self, exchange: Exchange) -> None:
        at = time.time()
        is_about_events = exchange.method == "POST" and "event" in exchange.path
        ids = b",".join(UNIQUE_ID.findall(exchange.body)).decode() if is_about_events else ""
        line = f"{at:.6f} {exchange.account or '-'} {exchange.operation or 'unknown'} {exchange.status} {ids}\n"
        with self._lock:
            self._file.write(line)
        time.sleep(self._latency)


def more_accounts(state: Path, number: int) -> None:
    """Copies of the first account, named busy01, busy02, …, beside the three that are always there."""
    known = len(accounts.ACCOUNTS)
    Database(state).close()
    with closing(sqlite3.connect(state)) as sql, sql:
        for index in range(known, number):
            sql.execute(
                "INSERT OR IGNORE INTO accounts (id, document, opt_in_process) "
                "SELECT ?1, json_set(document, '$.public_api_key', ?1, '$.contact_information.organization_name', ?1), "
                "opt_in_process FROM accounts WHERE id = ?2",
                (f"busy{index:02}", accounts.ACCOUNTS[0].id),
            )


def main(folder: Path, latency: float, number: int) -> None:
    state = folder / "sandbox.sqlite3"
    with Sandbox(state):
        pass  # so that its first accounts are there
    more_accounts(state, number)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with Sandbox(state, observer=Arrivals(folder / "arrivals", latency)) as sandbox:
        print(sandbox.url, flush=True)
        ended.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
