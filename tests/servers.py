"""Private servers for tests: PostgreSQL and Redis of this run alone, thrown away afterwards.

Nothing here uses or touches a server that is already running. A program that is not installed raises NotHere,
whose sentence says what to install.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis as redis_client

POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ROLE = "sorae"
START_SECONDS = 300.0


class NotHere(Exception):
    """A program that some tests need is not on this machine."""


def is_required() -> bool:
    """Whether a test that cannot run is a failure: in CI, or when asked for."""
    return any(os.environ.get(name, "").lower() in {"1", "true"} for name in ("CI", "REQUIRE_SERVICES"))


@contextmanager
def postgres(like: Path | None = None, /, **settings: str) -> Iterator[str]:
    """A fresh cluster on a unix socket; its DATABASE_URL. It does not wait for the disk, unless its settings say so.

    `like` is the data of one that has ended: it begins with what that one held.
    """
    programs, account = _postgres_programs(), _unprivileged_account()
    with _folder("pg", account) as folder:
        if like:
            _run(["cp", "-R", like, folder / "data"], account)
        else:
            _initialize(programs, folder / "data", account)
        with _serving(programs, folder, account, settings) as url:
            yield url


@contextmanager
def postgres_data(prepare: Callable[[str], None]) -> Iterator[Path]:
    """The data of a cluster that has ended, once what its DATABASE_URL was given to has been done to it."""
    programs, account = _postgres_programs(), _unprivileged_account()
    with _folder("pg", account) as folder:
        _initialize(programs, folder / "data", account)
        with _serving(programs, folder, account, {}) as url:
            prepare(url)
        yield folder / "data"


def _initialize(programs: Path, data: Path, account: str | None) -> None:
    initdb = [programs / "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    _run([*initdb, f"--username={ROLE}", f"--pgdata={data}"], account)


@contextmanager
def _serving(programs: Path, folder: Path, account: str | None, settings: dict[str, str]) -> Iterator[str]:
    """The server of the data in that folder, until the end of the block; its DATABASE_URL."""
    data, log = folder / "data", folder / "log"
    ours = {"fsync": "off"} | settings | {"listen_addresses": "", "unix_socket_directories": str(folder)}
    options = [part for name, value in ours.items() for part in ("-c", f"{name}={value}")]
    with _process([programs / "postgres", "-D", data, *options], log, account, signal.SIGINT) as server:
        _wait_until(lambda: _accepts(programs, folder), server, log)
        try:
            yield f"postgres://{ROLE}@/{folder}/postgres"
        finally:
            if server.poll() is not None:
                _control(data, "stop")


def new_database(url: str, *options: str) -> str:
    """Another database on the server of that DATABASE_URL, with what its template1 holds; its own address.

    `options` are those of https://www.postgresql.org/docs/current/app-createdb.html
    """
    folder, name = Path(urlsplit(url).path).parent, f"made{secrets.token_hex(4)}"
    _run([_postgres_programs() / "createdb", f"--host={folder}", f"--username={ROLE}", *options, name], None)
    return f"postgres://{ROLE}@/{folder}/{name}"


def dump(url: str, to: Path) -> None:
    """Write what the database of that DATABASE_URL holds into a file, as backups are made."""
    with to.open("wb") as file:
        program = _postgres_programs() / "pg_dump"
        subprocess.run([program, *_where(url)], stdout=file, check=True)


def restore(url: str, dumped: Path) -> None:
    """A new database of the same name, with what the file holds, in place of the one that is there."""
    programs, [host, user, name] = _postgres_programs(), _where(url)
    _run([programs / "dropdb", "--force", host, user, name], None)
    _run([programs / "createdb", "--template=template0", host, user, name], None)
    _run([programs / "psql", "--quiet", "-v", "ON_ERROR_STOP=1", f"--file={dumped}", host, user, name], None)


@contextmanager
def promoted_standby(url: str) -> Iterator[str]:
    """A standby of the server of that DATABASE_URL, promoted as at fail-over; the address of its own database."""
    programs, account, primary = _postgres_programs(), _unprivileged_account(), Path(urlsplit(url).path).parent
    with _folder("standby", account) as folder:
        data = folder / "data"
        copy = [programs / "pg_basebackup", f"--host={primary}", f"--username={ROLE}", f"--pgdata={data}"]
        _run([*copy, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"], account)
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        with _process([programs / "postgres", "-D", data, *options], folder / "log", account, signal.SIGINT) as server:
            _wait_until(lambda: _accepts(programs, folder), server, folder / "log")
            _run([programs / "pg_ctl", "promote", "--wait", f"--pgdata={data}"], account)
            yield f"postgres://{ROLE}@/{folder}/{Path(urlsplit(url).path).name}"


def for_a_plain_role(url: str) -> str:
    """The same database's address for a role that may read and write its tables, and is no superuser."""
    role = "CREATE ROLE plain LOGIN"
    grants = [f"GRANT ALL ON ALL {what} IN SCHEMA public TO plain" for what in ("TABLES", "SEQUENCES")]
    words = [part for statement in (role, *grants) for part in ("--command", statement)]
    _run([_postgres_programs() / "psql", "--quiet", "-v", "ON_ERROR_STOP=1", *words, *_where(url)], None)
    return url.replace(f"{ROLE}@", "plain@", 1)


def _where(url: str) -> list[str]:
    """The options of PostgreSQL's programs that name a database."""
    path = Path(urlsplit(url).path)
    return [f"--host={path.parent}", f"--username={ROLE}", path.name]


def has_module(name: str) -> bool:
    """Whether PostgreSQL can load that library, which may come in a package of its own (such as postgresql-contrib)."""
    folder = _postgres_programs().resolve().parent
    return any(path.suffix in {".so", ".dylib"} for path in folder.glob(f"lib*/**/{name}.*"))


def restart_postgres(url: str) -> None:
    """The server of that DATABASE_URL ends at once, without a chance to write anything down, and starts again."""
    _control(Path(urlsplit(url).path).parent / "data", "restart")


@contextmanager
def redis() -> Iterator[str]:
    """A fresh Redis on a free port of this machine; its REDIS_URL."""
    program = _redis_program()
    with _folder("redis", None) as folder:
        port = free_port()
        options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        with _process([program, *options], folder / "log", None, signal.SIGTERM) as server:
            _wait_until(lambda: _answers_ping(port), server, folder / "log")
            yield f"redis://127.0.0.1:{port}/0"


def look() -> None:
    """Raises NotHere for a program without which there is no PostgreSQL or no Redis."""
    _postgres_programs(), _redis_program()


def browser() -> str:
    """Where Chromium is."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise NotHere("Chromium is not installed (apt-get install chromium).")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_programs() -> Path:
    """The folder with PostgreSQL's own programs, of the newest version installed."""
    found = [path for pattern in POSTGRES_FOLDERS for path in Path("/").glob(f"{pattern[1:]}/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path))
    if not found:
        raise NotHere("PostgreSQL is not installed (apt-get install postgresql).")
    return max(found, key=lambda path: [int(part) for part in path.parts if part.isdigit()]).parent


def _redis_program() -> str:
    if not (program := shutil.which("redis-server")):
        raise NotHere("Redis is not installed (apt-get install redis-server).")
    return program


def _unprivileged_account() -> str | None:
    """PostgreSQL refuses to run as root; its own account is used then."""
    return "postgres" if os.geteuid() == 0 else None


@contextmanager
def _folder(name: str, account: str | None) -> Iterator[Path]:
    """A folder with a short path (a socket's path may have 107 characters), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"sorae-{name}-"))
    try:
        if account:
            shutil.chown(folder, account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _control(data: Path, verb: str) -> None:
    """Stop or restart a cluster that is not, or will not be, our child; it keeps the options that it began with."""
    words = [_postgres_programs() / "pg_ctl", verb, "--mode=immediate", "--wait", "--silent"]
    _run([*words, f"--pgdata={data}", f"--log={data / 'restarted.log'}"], _unprivileged_account())


def _run(command: Sequence[object], account: str | None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, user=account, cwd="/", capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def _process(
    command: Sequence[object], log: Path, account: str | None, stop: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        words = [str(word) for word in command]
        process = subprocess.Popen(
            words, user=account, cwd="/", stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(answers: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while not answers():
        if server.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError(f"A private server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _accepts(programs: Path, folder: Path) -> bool:
    return subprocess.run([programs / "pg_isready", "--quiet", "--host", folder]).returncode == 0


def _answers_ping(port: int) -> bool:
    try:
        with redis_client.Redis(port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except redis_client.RedisError:
        return False
