"""The operator's browser session: signs in to the admin, and connects accounts by OAuth as a person would."""

from html.parser import HTMLParser

import requests
from django.conf import settings
from django.urls import reverse

from integrations.models import Connection
from klaviyo.provider import KLAVIYO
from sorae.demo import DemoError

NAME = "operator"
SECONDS = 60


class Operator:
    """A browser session at the demo's own site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._browser = requests.Session()

    def sign_in(self, password: str) -> None:
        login = self.site + reverse("admin:login")
        self._browser.get(login, timeout=SECONDS).raise_for_status()
        self._post(login, {"username": NAME, "password": password, "next": reverse("admin:index")})
        if settings.SESSION_COOKIE_NAME not in self._browser.cookies:
            raise DemoError("The operator could not sign in to the admin.")

    def connect(self, account: str) -> Connection:
        """Press Connect, choose the account on Klaviyo's consent screen, allow, and come back."""
        return self._allow(account, reverse("integrations:connect", args=[KLAVIYO.slug]))

    def reconnect(self, connection: Connection) -> Connection:
        """The same for an account that was lost."""
        return self._allow(connection.account_id, reverse("integrations:reconnect", args=[connection.pk]))

    def _allow(self, account: str, way: str) -> Connection:
        screen = self._post(self.site + way, {})
        if led := Form(screen.text).leads_on_to:
            screen = self._browser.get(led, timeout=SECONDS)
        form = Form(screen.text)
        if not form.action:
            raise DemoError(f"Connect led to no consent screen, but to {_short(screen.url)} ({screen.status_code}).")
        chosen = {"account": account, "decision": "allow"}
        back = self._browser.post(
            requests.compat.urljoin(screen.url, form.action), data=form.fields | chosen, timeout=SECONDS
        )
        connection = Connection.objects.filter(provider=KLAVIYO.slug, account_id=account).first()
        if not back.ok or connection is None or not connection.is_connected:
            where = f"{_short(back.url)} ({back.status_code})"
            raise DemoError(f"The way back from the consent screen ended at {where}.")
        return connection

    def _post(self, address: str, fields: dict[str, str]) -> requests.Response:
        token = self._browser.cookies.get(settings.CSRF_COOKIE_NAME, "")
        return self._browser.post(address, data={**fields, "csrfmiddlewaretoken": token}, timeout=SECONDS)


class Form(HTMLParser):
    """The first form of a page: where it goes, what is filled in already, and where the page leads on to by itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = self.leads_on_to = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = told.get("action", "")
        elif tag == "meta" and told.get("http-equiv") == "refresh":
            self.leads_on_to = told.get("content", "").partition("url=")[2]
        elif tag == "input" and told.get("type") == "hidden" and "name" in told:
            self.fields[told["name"]] = told.get("value", "")


def _short(address: str) -> str:
    """Without the query, which may hold a code."""
    return address.partition("?")[0]
