"""Databases with all tables, each made once and copied: migrations take longer than most tests.

A run of all parts makes them and names them to each part in the environment; whoever finds none there makes its own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from tests import servers
from tests.workers import playing

SQLITE, POSTGRESQL = "MIGRATED_SQLITE", "MIGRATED_POSTGRESQL"


def sqlite(folder: Path, name: str = "sorae.sqlite3") -> Path:
    """A new database of that name in the folder, with all tables."""
    if made := os.environ.get(SQLITE):
        shutil.copy(made, folder / name)
    else:
        _migrate({"DATABASE_URL": f"sqlite:///{folder / name}", "VAR_DIR": str(folder)})
    return folder / name


@contextmanager
def postgres() -> Iterator[str]:
    """A fresh server, whose new databases have all tables, as its template1 has; its DATABASE_URL."""
    with postgres_data() as data, servers.postgres(data) as url:
        yield url


def postgres_data() -> AbstractContextManager[Path]:
    """What `servers.postgres` may begin with, to be that server."""
    made = os.environ.get(POSTGRESQL)
    return nullcontext(Path(made)) if made else servers.postgres_data(_prepare)


def _prepare(url: str) -> None:
    _migrate({"DATABASE_URL": url.replace("/postgres", "/template1")})


def _migrate(env: dict[str, str]) -> None:
    words = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(words, cwd=playing.ROOT, env=playing.SETTINGS | env, check=True)
