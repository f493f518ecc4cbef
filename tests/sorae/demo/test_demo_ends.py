"""However the demo ends, nothing of it stays behind."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port
from tests.sorae.demo import demos

MIDDLE = "Playing six weeks of referrals"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_demo(tmp_path: Path, number: signal.Signals) -> None:
    with demos.running(tmp_path, "--once") as demo:
        demo.listen(MIDDLE)
        processes = demo.processes()
        assert {"sandbox", "site", "worker", "beat"} <= set(processes)
        demo.process.send_signal(number)
        demo.listen()
        assert demo.process.wait() == (-number if number == signal.SIGKILL else 130)
        assert demos.gone(processes)
    assert "Traceback" not in "\n".join(demo.said)


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        words = [sys.executable, "manage.py", "demo", "--once", "--port", str(port), "--sandbox-port", str(free_port())]
        ended = subprocess.run(words, cwd=demos.ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    advice = "End what listens there, or give another one with --port."
    assert ended.stderr == f"CommandError: Port {port} is taken. {advice}\n"
    assert ended.stdout == ""
