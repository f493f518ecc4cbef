"""`make test`: everything, once on SQLite with the embedded broker, and once on PostgreSQL and Redis.

The second needs both programs installed; then they go side by side, the second as two halves, each leaves out what one
answer is enough for, and what mostly waits for processes of its own is a run of its own. With CI=true or
REQUIRE_SERVICES=1 a missing program is a failure. Arguments are handed to pytest, for one run.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO

from tests import servers

NOTHING_COLLECTED = 5
ON_POSTGRESQL, ON_SQLITE, IN_PROCESSES = "PostgreSQL and Redis", "SQLite and the embedded broker", "parts of their own"
NOT_SQLITE = (  # where nothing but its query plans is looked at
    "tests/klaviyo/delivery/erasure/test_erasing_plans.py",
    "tests/integrations/outbox/test_retention_plans.py",
    "tests/integrations/outbox/test_bounded_looks.py",
)
OWN_PROCESSES = (  # these bring their own database and broker, each kind where it matters, or need none
    "tests/workers",
    "tests/integrations/pacing/test_pacing_workers.py",
    "tests/sorae/demo/test_demo_ends.py",
    "tests/sorae/demo/test_demo_survives.py",
    "tests/sorae/test_configuration.py",
    "tests/test_quality.py",
)
# of what PostgreSQL runs
HALF = ("tests/klaviyo/confirmation", "tests/klaviyo/consent", "tests/klaviyo/delivery", "tests/klaviyo/webhooks")
SAME_ON_EVERY_DATABASE = (
    "tests/browser",
    "tests/faults/test_canaries.py",
    "tests/faults/test_failpoints_of_imports.py",
    "tests/faults/test_redis_that_*",
    "tests/integrations/pacing/test_pacing_redis.py",
    "tests/integrations/api",
    "tests/integrations/pages",
    "tests/klaviyo/actions/test_actions_on_pages.py",
    "tests/klaviyo/actions/test_consent.py",
    "tests/klaviyo/actions/test_guard.py",
    "tests/klaviyo/actions/test_over_http.py",
    "tests/klaviyo/actions/test_runs_on_record.py",
    "tests/klaviyo/test_connecting_by_key.py",
    "tests/faults/test_impostors.py",
    "tests/klaviyo/confirmation",
    "tests/klaviyo/delivery/bulk",
    "tests/klaviyo/consent",
    "tests/klaviyo/delivery/erasure",
    "tests/klaviyo/delivery/mail",
    "tests/klaviyo/delivery/newsletter",
    "tests/klaviyo/delivery/sends",
    "tests/klaviyo/delivery/test_held_messages.py",
    "tests/klaviyo/delivery/test_partial_success.py",
    "tests/klaviyo/delivery/test_reconnecting.py",
    "tests/klaviyo/delivery/test_refusals.py",
    "tests/klaviyo/delivery/test_waits_that_klaviyo_asks_for.py",
    "tests/klaviyo/delivery/test_workers_that_die.py",
    "tests/klaviyo/imports",
    "tests/klaviyo/profiles",
    "tests/klaviyo/pages",
    "tests/klaviyo/webhooks",
    "tests/integrations/connections",
    "tests/integrations/pauses",
    "tests/integrations/workers",
    "tests/upgrades/test_names_of_properties.py",
    "tests/upgrades/test_plain_domains.py",
    "tests/upgrades/test_public_pages.py",
    "tests/upgrades/test_upgrades.py",
)
ANY_DATABASE_WILL_DO = (  # the second run leaves these out: pages, pure functions, and what brings its own parts
    "tests/klaviyo/actions/test_[bdlmpqw]*",
    "tests/klaviyo/actions/test_catalogue.py",
    "tests/klaviyo/actions/test_table*",
    "tests/klaviyo/sandbox",
    "tests/klaviyo/test_everything_by_key.py",
    "tests/referrals/test_public_*",
    "tests/referrals/test_messages*",
    "tests/sorae/demo/test_laws*",
    "tests/test_reasons.py",
    "tests/faults/test_every_answer_is_safe.py",
    "tests/faults/test_failpoints.py",
    "tests/faults/test_malformed_*",
    "tests/faults/test_who_may.py",
    "tests/faults/test_fault_matrix.py",
    "tests/klaviyo/mapping/test_mapping.py",
    "tests/klaviyo/test_turkish_database.py",
    "tests/klaviyo/api/test_values.py",
    "tests/klaviyo/api/test_answers.py",
    "tests/integrations/pacing/test_pacing_memory.py",
    "tests/referrals/test_referrals_bad_input.py",
    "tests/referrals/test_referrals_share_link.py",
    "tests/integrations/wire/test_http.py",
    "tests/test_schemas.py",
)
FEWER_HISTORIES = {"HISTORIES": os.environ.get("HISTORIES", "6")}  # the other database plays them all
#: A test that hangs shows where, and ends its run. All that tests wait for is given up long before, in words of its
#: own, however slow the machine: nothing but a hang takes so long.
NO_TEST_HANGS = ("-o", "faulthandler_timeout=2400", "-o", "faulthandler_exit_on_timeout=true")


@dataclass
class Run:
    """One pytest on these parts."""

    parts: str
    settings: dict[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def begin(self, said: IO[str] | None = None) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        command = [sys.executable, "-m", "pytest", *NO_TEST_HANGS, *self.arguments]
        return subprocess.Popen(command, env=environment | self.settings, stdout=said, stderr=said)

    def end(self, tests: "subprocess.Popen[bytes]") -> int:
        """Its exit status, once it is over, and what it took with all processes that it has waited for."""
        began_at = time.monotonic()
        _, status, used = os.wait4(tests.pid, 0)
        self.seconds, self.processor_seconds = time.monotonic() - began_at, used.ru_utime + used.ru_stime
        tests.returncode = os.waitstatus_to_exitcode(status)
        return 1 if tests.returncode == NOTHING_COLLECTED else tests.returncode


def main(arguments: list[str]) -> int:
    print(f"Python {platform.python_version()}, {sys.executable}", flush=True)
    with ExitStack() as stack:
        try:
            real_parts = _real_parts(stack)
            if not arguments:
                return side_by_side(
                    Run(ON_POSTGRESQL, real_parts, _without(*HALF, *ANY_DATABASE_WILL_DO, *OWN_PROCESSES)),
                    Run(f"{ON_POSTGRESQL}, the other half", _real_parts(stack), HALF),
                    Run(ON_SQLITE, FEWER_HISTORIES, _without(*SAME_ON_EVERY_DATABASE, *NOT_SQLITE, *OWN_PROCESSES)),
                    Run(IN_PROCESSES, {}, OWN_PROCESSES),
                )
        except servers.NotHere as missing:
            if servers.is_required():
                print(f"{missing} It is required here.", file=sys.stderr)
                return 1
            print(f"{missing} Everything runs on SQLite and the embedded broker only.")
            left_out = f"All this on PostgreSQL and Redis. {missing}"
            return side_by_side(Run(ON_SQLITE, {"NOT_RUN": left_out}, arguments))
        return side_by_side(Run(ON_POSTGRESQL, real_parts, arguments))


def _real_parts(stack: ExitStack) -> dict[str, str]:
    """A PostgreSQL and a Redis for one run, until the stack is closed. Raises servers.NotHere."""
    return {
        "DATABASE_URL": stack.enter_context(servers.postgres()),
        "REDIS_URL": stack.enter_context(servers.redis()),
    }


def side_by_side(first: Run, *others: Run) -> int:
    """All at the same time, as each waits a good deal; what the others say is shown after the first. The worst status.

    In the end they say how long each took: `make test` takes as long as the longest.
    """
    runs = (first, *others)
    with ThreadPoolExecutor(len(runs)) as pool, ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in others]
        for other in others:
            print(f"\nOn {other.parts}: begun; what it says comes in the end.", flush=True)
        print(f"\nOn {first.parts}:\n", flush=True)
        tests = []
        for run, output in zip(runs, (None, *said), strict=True):
            tests.append(stack.enter_context(run.begin(output)))
            stack.callback(tests[-1].terminate)
        endings = [pool.submit(run.end, its_tests) for run, its_tests in zip(runs, tests, strict=True)]
        try:
            statuses = [ending.result() for ending in endings]
        except KeyboardInterrupt:
            for its_tests in tests:
                its_tests.terminate()
            statuses = [1, *(ending.result() for ending in endings)]
        for other, output in zip(others, said, strict=True):
            output.seek(0)
            print(f"\nOn {other.parts}:\n", output.read(), sep="\n", flush=True)
    for run in runs:
        print(f"{_minutes(run.seconds)}, {_minutes(run.processor_seconds)} of processors' time: {run.parts}.")
    return max(map(abs, statuses))


def _without(*paths: str) -> list[str]:
    return [f"--ignore-glob={path}" for path in paths]


def _minutes(seconds: float) -> str:
    return "{} min {:02} s".format(*divmod(round(seconds), 60))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its servers end with it
    sys.exit(main(sys.argv[1:]))
