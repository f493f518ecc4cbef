"""What the sandbox holds, by its control API: the accounts are put there before the play and read after it."""

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
    sms_consent: str


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

    def put_lists(self, account: str, processes: dict[str, str]) -> dict[str, str]:
        """The lists' ids by name; `processes` says of each whether it asks for a confirmation."""
        wanted = [{"name": name, "opt_in_process": process} for name, process in processes.items()]
        ids = self._call("PUT", account, "lists", {"lists": wanted})["ids"]
        return dict(zip(processes, ids, strict=True))

    def put_people(self, account: str, people: list[dict[str, Any]]) -> None:
        self._call("PUT", account, "profiles", {"profiles": people})

    def events(self, account: str) -> list[KeptEvent]:
        return [
            KeptEvent(
                account,
                event["metric"],
                event["profile_id"],
                mailbox(event["email"] or ""),
                event["unique_id"],
                event["properties"],
            )
            for event in self._call("GET", account, "events")["events"]
        ]

    def profiles(self, account: str) -> list[KeptProfile]:
        return [
            KeptProfile(
                account,
                person["id"],
                mailbox(person["email"] or ""),
                person["properties"],
                person["consent"],
                frozenset(person["suppressions"]),
                tuple(person["lists"]),
                person["sms_consent"],
            )
            for person in self._call("GET", account, "profiles")["profiles"]
        ]

    def flip(self, account: str, email: str, to: str) -> None:
        """The person, their mailbox or the merchant changes what they agreed to."""
        self._call("POST", account, "flip", {"email": email, "to": to})

    def confirm(self, account: str, email: str) -> bool:
        """The person clicks in the confirmation mail; False where none was sent."""
        return bool(self._call("POST", account, "confirm", {"email": email})["confirmed"])

    def uninstall(self, account: str) -> None:
        """Somebody at the merchant removes our app."""
        self._call("POST", account, "uninstall")

    def is_told(self, account: str) -> bool:
        """Whether webhooks have heard of every change so far, or never will."""
        waiting = self._call("GET", account, "deliveries")["deliveries"]
        return all(one["state"] != "waiting" for one in waiting)

    def answer_badly(self, account: str, operation: str, kind: str, **how: str) -> None:
        """The next call of the operation meets a bad day."""
        fault = {"account": account, "operation": operation, "kind": kind, **how}
        self._session.post(f"{self.url}/sandbox/faults", json=fault, timeout=SECONDS).raise_for_status()

    def away(self) -> frozenset[str]:
        """The accounts that have no app of ours."""
        state = self._session.get(f"{self.url}/sandbox/state", timeout=SECONDS).json()
        return frozenset(account["id"] for account in state["accounts"] if not account["installs"])

    def _call(self, method: str, account: str, what: str, body: Any = None) -> Any:
        address = f"{self.url}/sandbox/accounts/{account}/{what}"
        response = self._session.request(method, address, json=body, timeout=SECONDS)
        response.raise_for_status()
        return response.json()
