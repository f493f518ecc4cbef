"""Newest official client of Klaviyo, in an environment of its own: two versions of it cannot be installed in one.

`python -m tests.klaviyo.sandbox.newest_client` installs it, where it is not there yet as its lock file has it.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK_FILE = ROOT / "tests" / "newest-client.lock"
ENVIRONMENT = ROOT / ".venv-newest-client"
SECONDS = 900


class NotInstalled(Exception):
    """It could not be installed here; the sentence says what pip said."""


def python() -> Path:
    """The interpreter that has it, once it is installed; one process installs, others wait. Raises NotInstalled."""
    wanted = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    mark, interpreter = ENVIRONMENT / "installed", ENVIRONMENT / "bin" / "python"
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (mark.exists() and mark.read_text() == wanted and interpreter.exists()):
            mark.unlink(missing_ok=True)
            _run(sys.executable, "-m", "venv", str(ENVIRONMENT))
            _run(str(interpreter), "-m", "pip", "install", "-qq", "--require-hashes", "--requirement", str(LOCK_FILE))
            mark.write_text(wanted)
    return interpreter


def tests(*files: str) -> "subprocess.CompletedProcess[str]":
    """Runs these test files of this folder with it, and with nothing of the product's own environment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    options = ["-c", os.devnull, f"--rootdir={ROOT}", f"--confcutdir={Path(__file__).parent}", "-p", "no:cacheprovider"]
    chosen = [str(Path(__file__).parent / name) for name in files]
    return subprocess.run(
        [python(), "-m", "pytest", "-q", "-W", "error", *options, *chosen],
        cwd=ROOT,
        env=kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _run(*command: str) -> None:
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise NotInstalled(f"The newest client cannot be installed: {done.stderr.strip()[-500:]}")


if __name__ == "__main__":
    print(python())
