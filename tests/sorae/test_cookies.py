"""Cookies: over https a browser takes them from this very host only, and sends them to nobody else."""

import json
import os
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import pytest

from tests import migrated
from tests.sorae import forks
from tests.sorae.test_configuration import GOOD

SIGN_IN = """
import json, django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
User.objects.create_superuser("operator", password="operator")
browser = Client(headers={"host": HOST}, enforce_csrf_checks=True)
browser.get("/admin/login/", secure=IS_HTTPS)
token = {name: morsel.value for name, morsel in browser.cookies.items()}[CSRF]
said = {"username": "operator", "password": "operator", "csrfmiddlewaretoken": token}
referer = {"referer": f"https://{HOST}/admin/login/"} if IS_HTTPS else {}
answer = browser.post("/admin/login/", said, secure=IS_HTTPS, headers=referer)
inside = browser.get("/admin/", secure=IS_HTTPS)
print(json.dumps([answer.status_code, inside.status_code, browser.cookies.output(header="")]))
"""


def cookies(site: str, folder: Path) -> dict[str, Morsel[str]]:
    """What a browser has after signing in to a site at that address."""
    scheme, _, host = site.partition("://")
    migrated.sqlite(folder)
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "sorae.settings"}
    env |= GOOD | {"SITE_URL": site, "BEHIND_TLS_PROXY": "", "SECRET_KEY": "correct-horse-battery-staple-" * 3}
    prefix = "__Host-" if scheme == "https" else ""
    named = f"HOST, IS_HTTPS, CSRF = {host!r}, {scheme == 'https'}, {prefix + 'csrftoken'!r}\n"
    status, said = forks.run("-c", named + SIGN_IN, env=env)
    assert status == 0, said
    signed_in, inside, jar = json.loads(said.splitlines()[-1])
    assert (signed_in, inside) == (302, 200)
    found: SimpleCookie = SimpleCookie()
    for line in jar.splitlines():
        found.load(line.strip())
    return dict(found)


def test_over_https_their_names_bind_them_to_this_host(tmp_path: Path) -> None:
    """A browser refuses a cookie of that prefix without Secure, with a Domain, or with another Path."""
    found = cookies("https://referrals.example.com", tmp_path)
    assert set(found) == {"__Host-sessionid", "__Host-csrftoken"}
    for cookie in found.values():
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.parametrize("site", ["http://localhost:8000", "http://127.0.0.1:8000"])
def test_over_plain_http_a_browser_would_refuse_such_names(tmp_path: Path, site: str) -> None:
    found = cookies(site, tmp_path)
    assert set(found) == {"sessionid", "csrftoken"}
    assert [cookie["secure"] for cookie in found.values()] == ["", ""]
