"""What the sandbox holds, by its control API: the accounts are put there before the play and read after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests

SECONDS = 60


@dataclass(frozen=True)
class KeptEvent:
    """An event that Klaviyo holds; `received` counts how often it came."""

    account: str
    metric: str
    profile_id: str
    email: str
    unique_id: str
    properties: dict[str, Any]

    @property
    def fact_id(self) -> str:
        return str(self.properties.get("fact_id", ""))


@dataclass(frozen=True)
class KeptProfile:
    """A person that Klaviyo holds."""

    account: str
    id: str
    email: str
    properties: dict[str, Any]
    consent: str
    suppressions: frozenset[str]
    lists: tuple[str, ...]


def mailbox(email: str) -> str:
    """One form for all the ways to write an address: small letters, and the domain in ASCII."""
    local, at, domain = email.lower().rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode('ascii')}"


class Sandbox:
    """The sandbox at an address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def is_there(self) -> bool:
        try:
            return self._session.get(f"{self.url}/sandbox/state", timeout=2).ok
        except requests.RequestException:
            return False

    def put_lists(self, account: str, names: Iterable[str]) -> dict[str, str]:
        """The lists' ids by name."""
        wanted = list(names)
        ids = self._call("PUT", account, "lists", {"lists": [{"name": name} for name in wanted]})["ids"]
        return dict(zip(wanted, ids, strict=True))

    def put_people(self, account: str, people: list[dict[str, Any]]) -> None:
        self._call("PUT", account, "profiles", {"profiles": people})

    def events(self, account: str) -> list[KeptEvent]:
        return [
            KeptEvent(
                account, event["metric"], event["profile_id"], mailbox(event["email"] or ""),
                event["unique_id"], event["properties"],
            )
            for event in self._call("GET", account, "events")["events"]
        ]  # fmt: skip

    def profiles(self, account: str) -> list[KeptProfile]:
        return [
            KeptProfile(
                account, person["id"], mailbox(person["email"] or ""), person["properties"],
                person["consent"], frozenset(person["suppressions"]), tuple(person["lists"]),
            )
            for person in self._call("GET", account, "profiles")["profiles"]
        ]  # fmt: skip

    def _call(self, method: str, account: str, what: str, body: Any = None) -> Any:
        address = f"{self.url}/sandbox/accounts/{account}/{what}"
        response = self._session.request(method, address, json=body, timeout=SECONDS)
        response.raise_for_status()
        return response.json()
