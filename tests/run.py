"""`make test`: everything, once on SQLite with the embedded broker, and once on PostgreSQL and Redis.

The second run needs both programs installed; then they go side by side, and each leaves out what one answer is enough
for. With CI=true or REQUIRE_SERVICES=1 a missing program is a failure. Arguments are handed to pytest, for one run.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO

from tests import servers

NOTHING_COLLECTED = 5
ONLY_POSTGRESQL = (  # where nothing but its query plans is looked at
    "tests/klaviyo/delivery/erasure/test_erasing_plans.py",
    "tests/integrations/outbox/test_retention_plans.py",
)
SAME_ON_EVERY_DATABASE = (
    "tests/browser",
    "tests/workers",
    "tests/integrations/pacing/test_pacing_redis.py",
    "tests/integrations/pacing/test_pacing_workers.py",
    "tests/klaviyo/delivery/bulk",
    "tests/klaviyo/confirmation",
)
ANY_DATABASE_WILL_DO = (  # the second run leaves these out: pages, pure functions, and what brings its own parts
    "tests/test_quality.py",
    "tests/sorae/test_configuration.py",
    "tests/klaviyo/sandbox",
    "tests/sorae/demo/test_demo_*",
    "tests/referrals/test_public_*",
    "tests/referrals/test_messages*",
    "tests/sorae/demo/test_laws*",
    "tests/test_reasons.py",
    "tests/klaviyo/consent/test_decision.py",
    "tests/faults/test_every_answer_is_safe.py",
    "tests/faults/test_failpoints.py",
    "tests/faults/test_malformed_*",
    "tests/faults/test_who_may.py",
    "tests/faults/test_fault_matrix.py",
    "tests/klaviyo/mapping/test_mapping.py",
    "tests/klaviyo/api/test_values.py",
    "tests/klaviyo/api/test_answers.py",
    "tests/integrations/wire/test_http.py",
    "tests/test_schemas.py",
)
NO_TEST_HANGS = ("-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true")


def main(arguments: list[str]) -> int:
    with ExitStack() as stack:
        try:
            real_parts = {
                "DATABASE_URL": stack.enter_context(servers.postgres()),
                "REDIS_URL": stack.enter_context(servers.redis()),
            }
        except servers.NotHere as missing:
            if servers.is_required():
                print(f"{missing} It is required here.", file=sys.stderr)
                return 1
            print(f"{missing} Everything runs on SQLite and the embedded broker only.")
            left_out = f"All this on PostgreSQL and Redis. {missing}"
            return run("SQLite and the embedded broker", {"NOT_RUN": left_out}, arguments)
        if not arguments:
            return _side_by_side(real_parts)
        return run("PostgreSQL and Redis", real_parts, arguments)


def _side_by_side(real_parts: dict[str, str]) -> int:
    """Both runs at the same time, as each keeps one processor busy; what the first says is shown after the second."""
    rest = [f"--ignore={path}" for path in (*SAME_ON_EVERY_DATABASE, *ONLY_POSTGRESQL)]
    print("\nOn SQLite and the embedded broker: begun; what it says comes in the end.", flush=True)
    with tempfile.TemporaryFile("w+") as said, _pytest({}, rest, said) as embedded:
        try:
            failed = run("PostgreSQL and Redis", real_parts, [f"--ignore-glob={path}" for path in ANY_DATABASE_WILL_DO])
            status = _wait(embedded)
        finally:
            embedded.terminate()
        said.seek(0)
        print("\nOn SQLite and the embedded broker:\n", said.read(), sep="\n", flush=True)
    return failed or status


def run(parts: str, settings: dict[str, str], arguments: list[str]) -> int:
    """One pytest run on these parts; its exit status."""
    print(f"\nOn {parts}:\n", flush=True)
    with _pytest(settings, arguments) as tests:
        return _wait(tests)


def _pytest(settings: dict[str, str], arguments: list[str], said: IO[str] | None = None) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    command = [sys.executable, "-m", "pytest", *NO_TEST_HANGS, *arguments]
    return subprocess.Popen(command, env=environment | settings, stdout=said, stderr=said)


def _wait(tests: "subprocess.Popen[bytes]") -> int:
    try:
        status = tests.wait()
    except KeyboardInterrupt:
        tests.terminate()
        return tests.wait() or 1
    return 1 if status == NOTHING_COLLECTED else status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its servers end with it
    sys.exit(main(sys.argv[1:]))
