"""Starting: commands import what they need, and servers all that their work will need before there is any."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integrations import encryption
from integrations.pages import visiting
from sorae import preloading

ROOT = Path(preloading.__file__).parent.parent
HEAVY = {
    "amqp",
    "billiard",
    "celery",
    "crawlerdetect",
    "cryptography",
    "iso4217",
    "kombu",
    "oauthlib",
    "phonenumbers",
    "pydantic",
    "redis",
    "requests",
    "requests_oauthlib",
    "rich",
    "urllib3",
    "yaml",
}
OF_ADMIN = {"django.contrib.auth.admin", "referrals.admin"}  # which the checks look at
OF_PAGES = {"integrations.pages.overview", "klaviyo.pages.views.sends", "klaviyo.webhooks.receive", "sorae.metrics"}
PROGRAM = """
import json, runpy, sys
try:
    runpy.run_path("manage.py", run_name="__main__")
except SystemExit as end:
    status = end.code or 0
else:
    status = 0
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize("redis", ["", "redis://localhost:1/0"])
@pytest.mark.parametrize(
    "command", [["check"], ["--help"], ["klaviyo", "--help"], ["migrate", "--check"]], ids=" ".join
)
def test_a_command_does_without_what_it_does_not_need(command: list[str], redis: str, tmp_path: Path) -> None:
    settings = {
        "SECRET_KEY": "x" * 60,
        "ENCRYPTION_KEYS": encryption.new_key("k1"),
        "KLAVIYO_CLIENT_ID": "id",
        "KLAVIYO_CLIENT_SECRET": "secret",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'sorae.sqlite3'}",
        "REDIS_URL": redis,
        "DJANGO_SETTINGS_MODULE": "sorae.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(ran.stderr.splitlines()[-1])
    assert status == (1 if command[0] == "migrate" else 0), ran.stderr  # nothing is migrated there
    assert "klaviyo.receivers" in modules
    assert HEAVY & set(modules) == set()
    assert OF_PAGES & set(modules) == set()
    assert OF_ADMIN & set(modules) == (OF_ADMIN if command[0] in ("check", "migrate") else set())


def test_every_page_that_a_path_names_is_there() -> None:
    preloading.preload()
    views = visiting.load_all()
    assert len(views) > 25
    assert all(callable(view) for view in views.values())


def test_a_server_has_all_of_it_before_its_first_visitor() -> None:
    preloading.preload()
    assert (HEAVY - {"rich", "billiard"} | OF_PAGES) - sys.modules.keys() == set()
