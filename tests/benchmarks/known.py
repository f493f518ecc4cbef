"""What Klaviyo knows, and what arrived there when: asked of the sandbox's process from outside."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

SECONDS = 300
AT_ONCE = 5_000
FOREVER = 1_000_000_000


@dataclass(frozen=True)
class Arrival:
    """One request that reached Klaviyo, and the ids of the events in it."""

    at: float
    account: str
    operation: str
    status: int
    ids: Sequence[str]

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300


class Klaviyo:
    """The sandbox of one house."""

    def __init__(self, url: str, arrivals: Path) -> None:
        self.url = url
        self._arrivals = arrivals
        self._session = requests.Session()

    def arrivals(self, since: float = 0.0) -> Iterator[Arrival]:
        """What has arrived since, in its order."""
        with self._arrivals.open() as lines:
            for line in lines:
                at, account, operation, status, ids = line.rstrip("\n").split(" ")
                if float(at) >= since:
                    yield Arrival(float(at), account, operation, int(status), ids.split(",") if ids else ())

    def statuses(self, since: float = 0.0) -> "Counter[tuple[str, int]]":
        """How many requests of each operation were answered how."""
        return Counter((arrival.operation, arrival.status) for arrival in self.arrivals(since))

    def accepted_at(self) -> dict[str, float]:
        """When each event first arrived and was accepted, by its id."""
        first: dict[str, float] = {}
        for arrival in self.arrivals():
            if arrival.is_accepted:
                for unique_id in arrival.ids:
                    first.setdefault(unique_id, arrival.at)
        return first

    def events(self, account: str) -> list[dict[str, Any]]:
        """Every event that the account holds."""
        events: list[dict[str, Any]] = self._ask("GET", f"accounts/{account}/events")["events"]
        return events

    def holds(self, account: str) -> dict[str, Any]:
        """How much the account holds: profiles, events, lists."""
        [found] = [one for one in self._ask("GET", "state")["accounts"] if one["id"] == account]
        return dict(found)

    def put_people(self, account: str, emails: Iterable[str]) -> list[str]:
        """People whom Klaviyo knows already; the ids of their profiles."""
        people, ids = [{"email": email} for email in emails], list[str]()
        for start in range(0, len(people), AT_ONCE):
            told = {"profiles": people[start : start + AT_ONCE]}
            ids += self._ask("PUT", f"accounts/{account}/profiles", told)["ids"]
        return ids

    def connect(self, account: str) -> str:
        """An access token, as if a merchant had allowed the app."""
        return str(self._ask("POST", f"accounts/{account}/connect", {})["access_token"])

    def expire_tokens(self, account: str) -> None:
        self._ask("POST", f"accounts/{account}/expire-tokens")

    def token_calls(self) -> int:
        """How often somebody asked for tokens, as far as the sandbox remembers."""
        return len(self._ask("GET", "requests?operation=oauth_token")["requests"])

    def answer_badly(self, operation: str, kind: str, count: int = FOREVER, **how: Any) -> None:
        """The next calls of the operation meet a bad day."""
        self._ask("POST", "faults", {"operation": operation, "kind": kind, "count": count, **how})

    def lift_limits(self) -> None:
        """From now on it counts calls, and refuses none."""
        self._ask("PUT", "settings", {"limits": False})

    def answer_later(self, seconds: float) -> None:
        """Each answer takes so much longer than it does anyway in this house."""
        self._ask("PUT", "settings", {"latency_ms": 1_000 * seconds})

    def recover(self) -> None:
        self._ask("DELETE", "faults")

    def _ask(self, method: str, what: str, body: Any = None) -> Any:
        answer = self._session.request(method, f"{self.url}/sandbox/{what}", json=body, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()
