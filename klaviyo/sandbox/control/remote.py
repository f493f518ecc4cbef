"""Client of the control API: a sandbox in another process, asked by the same methods as `Sandbox`."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import requests

from klaviyo.sandbox.control.campaign_snapshots import SeenCampaign, SeenCouponCode, SeenImage, SeenTemplate
from klaviyo.sandbox.control.seeding import SeedList, SeedProfile
from klaviyo.sandbox.control.snapshots import SeenAccount, SeenEvent, SeenList, SeenProfile
from klaviyo.sandbox.control.webhook_snapshots import SeenDelivery, SeenWebhook
from klaviyo.sandbox.protocol import scopes
from klaviyo.sandbox.protocol.faults import Fault
from klaviyo.sandbox.protocol.journal import Entry
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state.token_store import Tokens

SECONDS = 600


class Remote:
    """The sandbox at an address; a mistake is told with ValueError."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def accounts(self) -> list[SeenAccount]:
        return [SeenAccount(**one) for one in self._ask("GET", "state")["accounts"]]

    def events(self, account: str, metric: str | None = None) -> list[SeenEvent]:
        told = self._about(account, "GET", "events", metric=metric)
        return [SeenEvent(**one) for one in told["events"]]

    def arrivals(self, account: str) -> list[tuple[str, float]]:
        return [(unique_id, at) for unique_id, at in self._about(account, "GET", "arrivals")["arrivals"]]

    def profiles(self, account: str) -> list[SeenProfile]:
        return [SeenProfile(**_tuples(one)) for one in self._about(account, "GET", "profiles")["profiles"]]

    def profile(self, account: str, email: str) -> SeenProfile | None:
        found = self._about(account, "GET", "profile", email=email)["profile"]
        return SeenProfile(**_tuples(found)) if found else None

    def lists(self, account: str) -> list[SeenList]:
        return [SeenList(**_tuples(one)) for one in self._about(account, "GET", "lists")["lists"]]

    def put_profiles(self, account: str, profiles: Iterable[SeedProfile]) -> list[str]:
        told = [{name: value for name, value in asdict(one).items() if value is not None} for one in profiles]
        return list(self._about(account, "PUT", "profiles", {"profiles": told})["ids"])

    def put_lists(self, account: str, lists: Iterable[SeedList]) -> list[str]:
        told = [{name: value for name, value in asdict(one).items() if value} for one in lists]
        return list(self._about(account, "PUT", "lists", {"lists": told})["ids"])

    def connect(self, account: str, scope: str = " ".join(scopes.ALL)) -> Tokens:
        return Tokens(**self._about(account, "POST", "connect", {"scope": scope}))

    def make_private_key(self, account: str, scopes: Iterable[str] | None = None) -> str:
        asked = {} if scopes is None else {"scopes": list(scopes)}
        return str(self._about(account, "POST", "make-private-key", asked)["key"])

    def revoke_private_key(self, account: str, key: str) -> bool:
        return bool(self._about(account, "POST", "revoke-private-key", {"key": key})["revoked"])

    def confirm(self, account: str, email: str) -> bool:
        return bool(self._about(account, "POST", "confirm", {"email": email})["confirmed"])

    def flip(self, account: str, email: str, to: str) -> SeenProfile:
        return SeenProfile(**_tuples(self._about(account, "POST", "flip", {"email": email, "to": to})))

    def webhooks(self, account: str) -> list[SeenWebhook]:
        return [SeenWebhook(**_tuples(one)) for one in self._about(account, "GET", "webhooks")["webhooks"]]

    def deliveries(self, account: str) -> list[SeenDelivery]:
        return [SeenDelivery(**_tuples(one)) for one in self._about(account, "GET", "deliveries")["deliveries"]]

    def templates(self, account: str) -> list[SeenTemplate]:
        return [SeenTemplate(**one) for one in self._about(account, "GET", "templates")["templates"]]

    def campaigns(self, account: str) -> list[SeenCampaign]:
        return [SeenCampaign(**_tuples(one)) for one in self._about(account, "GET", "campaigns")["campaigns"]]

    def images(self, account: str) -> list[SeenImage]:
        return [SeenImage(**one) for one in self._about(account, "GET", "images")["images"]]

    def coupon_codes(self, account: str) -> list[SeenCouponCode]:
        return [SeenCouponCode(**one) for one in self._about(account, "GET", "coupon-codes")["coupon_codes"]]

    def redeliver(self, account: str) -> int:
        return int(self._about(account, "POST", "redeliver")["changes"])

    def wait_for_webhooks(self, seconds: float = 10.0) -> bool:
        ends_at = time.monotonic() + seconds
        while not (is_quiet := bool(self._ask("GET", "state")["is_quiet"])) and time.monotonic() < ends_at:
            time.sleep(0.05)
        return is_quiet

    def fault(self, operation: str, kind: str, count: int = 1, **options: Any) -> Fault:
        return Fault(**self._ask("POST", "faults", {"operation": operation, "kind": kind, "count": count, **options}))

    def faults(self) -> list[Fault]:
        return [Fault(**one) for one in self._ask("GET", "faults")["faults"]]

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def counts(self) -> dict[str, dict[int, int]]:
        told: Mapping[str, Mapping[str, int]] = self._ask("GET", "counts")["counts"]
        return {name: {int(status): number for status, number in one.items()} for name, one in told.items()}

    def requests(self, operation: str | None = None) -> list[Entry]:
        listed = self._ask("GET", "requests", operation=operation)["requests"]
        return [Entry(**one) for one in listed]

    def settings(self, **changes: Any) -> Settings:
        return Settings(**_tuples(self._ask("PUT", "settings", changes)))

    def uninstall(self, account: str) -> None:
        self._about(account, "POST", "uninstall")

    def expire_tokens(self, account: str) -> None:
        self._about(account, "POST", "expire-tokens")

    def reset(self) -> None:
        self._ask("POST", "reset")

    def _about(self, account: str, method: str, what: str, body: Any = None, **query: str | None) -> Any:
        return self._ask(method, f"accounts/{quote(account, safe='')}/{what}", body, **query)

    def _ask(self, method: str, what: str, body: Any = None, **query: str | None) -> Any:
        address = f"{self.url}/sandbox/{what}"
        answer = self._session.request(method, address, json=body, params=query, timeout=SECONDS)
        told = answer.json()
        if not answer.ok:
            raise ValueError("; ".join(one["detail"] for one in told["errors"]))
        return told


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples: its arrays are read as such."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
