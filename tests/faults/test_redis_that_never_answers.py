"""Redis takes connections and says nothing, as behind a firewall that drops packets: the site works all the same."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from klaviyo.sandbox import Sandbox
from tests.workers.playing import ROOT, environment

MOST_SECONDS = 1.5


def test_a_visitor_is_answered_in_good_time_and_nothing_is_lost(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hole:
        env = environment(sandbox, tmp_path) | {"REDIS_URL": f"redis://127.0.0.1:{hole.getsockname()[1]}/0"}
        command = [sys.executable, "-m", "tests.faults.black_hole"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {status for status, _ in told["answers"]} == {302}
    assert max(seconds for _, seconds in told["answers"]) < MOST_SECONDS, told
    assert told["queued"] == 2 * len(told["answers"])
