"""Environment of the demo and its folder var/demo, made afresh each time; nothing outside is touched."""

import base64
import errno
import fcntl
import os
import secrets
import shlex
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from sorae.demo import DemoError, scene

MARK = "SORAE_DEMO"  # set in the environment that this module made
FILE = "environment"
LOCK = "lock"
OURS = {FILE, LOCK, "broker", "logs", "mail", "tmp", "static"}  # and files that begin with these:
FILES_OF_OURS = ("sorae.sqlite3", "sandbox.sqlite3", "celerybeat-schedule", "processes.json")


@dataclass(frozen=True)
class Ports:
    """Where the site and the sandbox answer."""

    site: int
    sandbox: int

    @property
    def site_url(self) -> str:
        return f"http://localhost:{self.site}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox}"


def prepare(folder: Path, ports: Ports) -> tuple[dict[str, str], bool]:
    """The environment for the demo's processes, and whether an older demo made room for it.

    Raises DemoError while nothing has been touched yet: a port is taken, or another demo runs here.
    """
    _need_free(ports)
    folder.mkdir(parents=True, exist_ok=True)
    _lock(folder)
    replaced = _clear(folder)
    (folder / "tmp").mkdir()
    (folder / "logs").mkdir()
    own = _settings(folder, ports)
    _write_privately(folder / FILE, "".join(f"{name}={shlex.quote(value)}\n" for name, value in own.items()))
    inherited = {name: value for name, value in os.environ.items() if not _is_overridden(name, own)}
    return inherited | own | {MARK: str(folder), "TMPDIR": str(folder / "tmp")}, replaced


def _settings(folder: Path, ports: Ports) -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "DJANGO_SETTINGS_MODULE": "sorae.settings",
        "VAR_DIR": str(folder),
        "DATABASE_URL": "",  # the embedded defaults, whatever the machine has
        "REDIS_URL": "",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": f"demo:{key}",
        "SITE_URL": ports.site_url,
        "KLAVIYO_CLIENT_ID": secrets.token_hex(8),
        "KLAVIYO_CLIENT_SECRET": secrets.token_urlsafe(32),
        "KLAVIYO_API_URL": ports.sandbox_url,
        "KLAVIYO_AUTHORIZE_URL": f"{ports.sandbox_url}/oauth/authorize",
        "EMAIL_URL": "files",
        "MAIL_PER_PERSON_AND_WEEK": str(scene.MAIL_PER_PERSON_AND_WEEK),
        "MAIL_PER_ADVOCATE_AND_DAY": str(scene.MAIL_PER_ADVOCATE_AND_DAY),
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }


def _is_overridden(name: str, own: dict[str, str]) -> bool:
    return name.removesuffix("_FILE") in own or name in {
        "DEBUG",
        "ALLOWED_HOSTS",
        "BEHIND_TLS_PROXY",
        "LOG_LEVEL",
        "HSTS_PRELOAD",
    }


def _need_free(ports: Ports) -> None:
    if ports.site == ports.sandbox:
        raise DemoError("The site and the sandbox need a port each: give another one with --sandbox-port.")
    for port, option in ((ports.site, "--port"), (ports.sandbox, "--sandbox-port")):
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                _bind(family, address, port)
        except OSError as error:
            what = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            advice = f"End what listens there, or give another one with {option}."
            raise DemoError(f"Port {port} {what}. {advice}") from None
        except OverflowError:
            raise DemoError(f"{port} is no port. Give a number below 65536 with {option}.") from None


def _bind(family: socket.AddressFamily, address: str, port: int) -> None:
    """Take the port for a moment: `localhost` may mean either address. OSError when somebody has it."""
    try:
        probe = socket.socket(family)
    except OSError:  # a machine without IPv6
        return
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise


def _lock(folder: Path) -> None:
    """Held until this process ends, also past `exec`; its children do not hold it."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DemoError(f"A demo is running in {folder} already. End it with Ctrl-C first.") from None
    os.set_inheritable(lock, True)


def _clear(folder: Path) -> bool:
    """Remove what an older demo left; only what a demo makes."""
    left = [item for item in folder.iterdir() if item.name != LOCK and _is_ours(item)]
    for item in left:
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
    return bool(left)


def _is_ours(item: Path) -> bool:
    return item.name in OURS or item.name.startswith(FILES_OF_OURS)


def _write_privately(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
