"""`make test`: everything, once on SQLite with the embedded broker, and once on PostgreSQL and Redis.

The second needs both programs installed; then each leaves out what one answer is enough for, what mostly waits for
processes of its own goes apart, and all goes in parts, a few at a time: each is a pytest with a database and a broker
of its own. With CI=true or REQUIRE_SERVICES=1 a missing program is a failure. Arguments are handed to pytest, for one
run.
"""

import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests import migrated, servers

NOTHING_COLLECTED = 5
AT_ONCE = (os.cpu_count() or 1) + 1  # as each waits a little
ON_POSTGRESQL, ON_SQLITE, IN_PROCESSES = "PostgreSQL and Redis", "SQLite and the embedded broker", "parts of their own"
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (  # the longest first; without paths: all that no other part there has
    (IN_PROCESSES, ("tests/workers",)),
    (ON_POSTGRESQL, ("tests/browser",)),
    (
        ON_POSTGRESQL,
        ("tests/klaviyo/delivery/mail", "tests/klaviyo/delivery/newsletter", "tests/klaviyo/delivery/sends"),
    ),
    (ON_POSTGRESQL, ("tests/klaviyo/delivery/bulk", "tests/klaviyo/delivery/erasure")),
    (ON_POSTGRESQL, ()),
    (ON_SQLITE, ()),
    (ON_SQLITE, ("tests/faults",)),
    (IN_PROCESSES, ("tests/sorae/demo/test_demo_ends.py", "tests/sorae/demo/test_demo_survives.py")),
    (ON_POSTGRESQL, ("tests/klaviyo/actions", "tests/klaviyo/pages")),
    (ON_POSTGRESQL, ("tests/klaviyo/confirmation", "tests/klaviyo/consent", "tests/klaviyo/webhooks")),
    (ON_SQLITE, ("tests/integrations", "tests/klaviyo/actions", "tests/klaviyo/sandbox")),
    (ON_POSTGRESQL, ("tests/integrations",)),
    (ON_POSTGRESQL, ("tests/faults",)),
    (ON_POSTGRESQL, ("tests/upgrades",)),
    (
        IN_PROCESSES,
        (
            "tests/integrations/pacing/test_pacing_workers.py",
            "tests/sorae/test_configuration.py",
            "tests/test_quality.py",
        ),
    ),
)
NOT_SQLITE = (  # where nothing but its query plans is looked at
    "tests/klaviyo/delivery/erasure/test_erasing_plans.py",
    "tests/integrations/outbox/test_retention_plans.py",
    "tests/integrations/outbox/test_bounded_looks.py",
)
# These bring their own database and broker, each kind where it matters, or need none
OWN_PROCESSES = tuple(path for on, paths in PARTS if on == IN_PROCESSES for path in paths)
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
    "tests/klaviyo/delivery/test_delivery.py",
    "tests/klaviyo/delivery/test_held_messages.py",
    "tests/klaviyo/delivery/test_partial_success.py",
    "tests/klaviyo/delivery/test_reconnecting.py",
    "tests/klaviyo/delivery/test_refusals.py",
    "tests/klaviyo/delivery/test_retention.py",
    "tests/klaviyo/delivery/test_waits_that_klaviyo_asks_for.py",
    "tests/klaviyo/delivery/test_workers_that_die.py",
    "tests/klaviyo/imports",
    "tests/klaviyo/profiles",
    "tests/klaviyo/pages",
    "tests/klaviyo/syncs/sources/test_sync_queries.py",
    "tests/klaviyo/test_receivers.py",
    "tests/klaviyo/webhooks",
    "tests/integrations/connections",
    "tests/integrations/pauses",
    "tests/integrations/workers",
    "tests/referrals/test_referrals_admin.py",
    "tests/referrals/test_referrals_older_facts.py",
    "tests/upgrades/test_key_versions.py",
    "tests/upgrades/test_names_of_properties.py",
    "tests/upgrades/test_plain_domains.py",
    "tests/upgrades/test_public_pages.py",
    "tests/upgrades/test_upgrades.py",
)
ANY_DATABASE_WILL_DO = (  # the second run leaves these out: pages, pure functions, and what brings its own parts
    "tests/klaviyo/actions/test_[bdlmpqw]*",
    "tests/klaviyo/actions/test_catalogue.py",
    "tests/klaviyo/actions/test_command.py",
    "tests/klaviyo/actions/test_rehearsed_and_by_key.py",
    "tests/klaviyo/actions/test_table*",
    "tests/klaviyo/sandbox",
    "tests/klaviyo/syncs/sources/test_kinds_of_files.py",
    "tests/klaviyo/syncs/sources/test_opening.py",
    "tests/klaviyo/syncs/sources/test_sync_file_command.py",
    "tests/klaviyo/syncs/sources/test_sync_statements.py",
    "tests/klaviyo/test_everything_by_key.py",
    "tests/referrals/test_public_*",
    "tests/referrals/test_messages*",
    "tests/sorae/demo/test_laws*",
    "tests/sorae/test_logs.py",
    "tests/sorae/test_starting.py",
    "tests/sorae/test_static_files.py",
    "tests/test_reasons.py",
    "tests/faults/test_every_answer_is_safe.py",
    "tests/faults/test_failpoints.py",
    "tests/faults/test_keys_that_are_lost.py",
    "tests/faults/test_malformed_*",
    "tests/faults/test_who_may.py",
    "tests/faults/test_fault_matrix.py",
    "tests/klaviyo/mapping/test_mapping.py",
    "tests/klaviyo/test_turkish_database.py",
    "tests/klaviyo/api/test_*_consent.py",
    "tests/klaviyo/api/test_accounts.py",
    "tests/klaviyo/api/test_answers.py",
    "tests/klaviyo/api/test_client.py",
    "tests/klaviyo/api/test_consent_block.py",
    "tests/klaviyo/api/test_operations.py",
    "tests/klaviyo/api/test_published_operations.py",
    "tests/klaviyo/api/test_values.py",
    "tests/integrations/pacing/test_pacing_headers.py",
    "tests/integrations/pacing/test_pacing_memory.py",
    "tests/referrals/test_referrals_bad_input.py",
    "tests/referrals/test_referrals_share_link.py",
    "tests/integrations/wire/test_http.py",
    "tests/test_schemas.py",
)
#: Of the thirty random histories each database plays its half, unless somebody says how many.
HISTORIES = {
    ON_SQLITE: {"HISTORIES": "15", "FIRST_SEED": "1"},
    ON_POSTGRESQL: {"HISTORIES": "15", "FIRST_SEED": "16"},
}
#: A test that hangs shows where, and ends its run. All that tests wait for is given up long before, in words of its
#: own, however slow the machine: nothing but a hang takes so long.
NO_TEST_HANGS = ("-o", "faulthandler_timeout=2400", "-o", "faulthandler_exit_on_timeout=true")


#: The last one as each part would compile anew, and pytest rewrite, what another has before it.
NOT_HANDED_ON = {"DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Part:
    """One pytest with these arguments; what it says goes to a file, if there is one."""

    on: str
    arguments: Sequence[str]
    name: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    said: IO[str] | None = None
    status: int = 1
    seconds: float = 0.0
    processor_seconds: float = 0.0
    holds: ExitStack = field(default_factory=ExitStack)  # its servers and its tests

    def __str__(self) -> str:
        return " ".join(filter(None, [self.name, f"on {self.on}"]))

    def begin(self) -> int:
        """The id of its process. Raises servers.NotHere."""
        if self.on == ON_POSTGRESQL:
            data = self.holds.enter_context(migrated.postgres_data())
            self.settings["DATABASE_URL"] = self.holds.enter_context(servers.postgres(data))
            self.settings["REDIS_URL"] = self.holds.enter_context(servers.redis())
        environment = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
        command = [sys.executable, "-m", "pytest", *NO_TEST_HANGS, *self.arguments]
        tests = subprocess.Popen(command, env=environment | self.settings, stdout=self.said, stderr=self.said)
        self.tests = self.holds.enter_context(tests)
        self.holds.callback(tests.terminate)
        self.seconds = -time.monotonic()
        return tests.pid

    def end(self, status: int, used: resource.struct_rusage) -> None:
        """Its process is over, and this is what that took with all processes that it has waited for."""
        self.seconds += time.monotonic()
        self.processor_seconds = used.ru_utime + used.ru_stime
        self.tests.returncode = os.waitstatus_to_exitcode(status)
        self.status = 1 if self.tests.returncode == NOTHING_COLLECTED else abs(self.tests.returncode)
        self.holds.close()

    def show(self) -> None:
        if self.said:
            self.said.seek(0)
            print(f"\n{self}:\n\n{self.said.read()}", flush=True)


def main(arguments: list[str]) -> int:
    print(f"Python {platform.python_version()}, {sys.executable}", flush=True)
    try:
        servers.look()
    except servers.NotHere as missing:
        if servers.is_required():
            print(f"{missing} It is required here.", file=sys.stderr)
            return 1
        print(f"{missing} Everything runs on SQLite and the embedded broker only.")
        left_out = f"All this on PostgreSQL and Redis. {missing}"
        return play([Part(ON_SQLITE, arguments, settings={"NOT_RUN": left_out})])
    if arguments:
        return play([Part(ON_POSTGRESQL, arguments)])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with ThreadPoolExecutor(1) as beside:
            on_sqlite = beside.submit(migrated.sqlite, folder)
            on_postgresql = stack.enter_context(migrated.postgres_data())
        os.environ[migrated.SQLITE], os.environ[migrated.POSTGRESQL] = str(on_sqlite.result()), str(on_postgresql)
        parts = all_parts()
        for part in parts:
            part.said = stack.enter_context(tempfile.TemporaryFile("w+"))
        return play(parts)


def all_parts() -> list[Part]:
    left_out = {
        ON_POSTGRESQL: (*ANY_DATABASE_WILL_DO, *OWN_PROCESSES),
        ON_SQLITE: (*SAME_ON_EVERY_DATABASE, *NOT_SQLITE, *OWN_PROCESSES),
        IN_PROCESSES: (),
    }
    parts = []
    for on, paths in PARTS:
        others = [] if paths else [path for where, its_paths in PARTS if where == on for path in its_paths]
        arguments = [*paths, *(f"--ignore-glob={path}" for path in (*left_out[on], *others))]
        settings = {} if "HISTORIES" in os.environ else HISTORIES.get(on, {})
        parts.append(Part(on, arguments, ", ".join(paths) or "All else", dict(settings)))
    return parts


def play(parts: list[Part]) -> int:
    """As many at the same time as keep the machine busy. The worst status.

    What a part says is shown when it is over, and once more in the end if it has failed; then how long each took.
    """
    waiting, playing = list(parts), dict[int, Part]()
    try:
        while waiting or playing:
            while waiting and len(playing) < AT_ONCE:
                part = waiting.pop(0)
                playing[part.begin()] = part
                print(f"Begun: {part}.", flush=True)
            process, status, used = os.wait4(-1, 0)
            if ended := playing.pop(process, None):
                ended.end(status, used)
                ended.show()
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for part in playing.values():
            part.tests.terminate()
        return 1
    finally:
        for part in parts:
            part.holds.close()
        for part in playing.values():
            part.show()
    for part in parts:
        if part.status:
            part.show()
    for part in parts:
        failed = "Failed: " if part.status else ""
        print(f"{_minutes(part.seconds)}, {_minutes(part.processor_seconds)} of processors' time: {failed}{part}.")
    all_processes = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{_minutes(all_processes.ru_utime + all_processes.ru_stime)} of processors' time in all, servers' included.")
    return max(part.status for part in parts)


def _minutes(seconds: float) -> str:
    return "{} min {:02} s".format(*divmod(round(seconds), 60))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its servers end with it
    sys.exit(main(sys.argv[1:]))
