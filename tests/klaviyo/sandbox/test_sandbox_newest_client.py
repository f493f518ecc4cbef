"""The newest official client, of the next revision, gets along with the sandbox as the one of ours does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests import servers
from tests.klaviyo.sandbox import newest_client

FILES = ("test_sandbox_contract.py", "test_sandbox_webhooks.py")
PINNED = "25.0.0"


@pytest.fixture(scope="module")
def interpreter() -> str:
    try:
        return str(newest_client.python())
    except newest_client.NotInstalled as problem:
        if servers.is_required():
            raise
        pytest.skip(str(problem))


def test_it_is_the_one_that_is_pinned_and_not_ours(interpreter: str) -> None:
    asked = "from importlib.metadata import version; print(version('klaviyo-api'))"
    said = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == PINNED
    assert f"klaviyo-api=={PINNED} \\\n    --hash=sha256:" in newest_client.LOCK_FILE.read_text()


@pytest.mark.usefixtures("interpreter")
def test_its_models_read_every_answer() -> None:
    done = newest_client.tests(*FILES)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    summary = told.strip().splitlines()[-1]
    assert (passed := re.search(r"(\d+) passed", summary)), told
    assert int(passed[1]) > 20, told
    assert "skipped" not in summary, told


def test_what_cannot_be_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock_file = tmp_path / "no.lock"
    lock_file.write_text("no-such-package-of-ours==1 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(newest_client, "LOCK_FILE", lock_file)
    monkeypatch.setattr(newest_client, "ENVIRONMENT", tmp_path / "environment")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(newest_client.NotInstalled, match="cannot be installed"):
        newest_client.python()
