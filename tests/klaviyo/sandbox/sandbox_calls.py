"""A client without manners, and the bodies that it sends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import requests

TEA_HOUSE = "VxYz12"
NORDLYS = "Qk7LmA"


@dataclass
class Client:
    """Sends exactly what it is told, with Klaviyo's headers unless told otherwise."""

    url: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)
    scheme: str = "Bearer"

    def send(
        self, method: str, path: str, body: Any = None, *, drop: tuple[str, ...] = (), **headers: str
    ) -> requests.Response:
        sent = {"Authorization": f"{self.scheme} {self.token}", "revision": "2026-07-15"}
        if body is not None:
            sent["Content-Type"] = "application/vnd.api+json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name in drop:
            sent.pop(name, None)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return self.session.request(
            method, self.url + path, data=data, headers=sent, timeout=300, allow_redirects=False
        )

    def get(self, path: str, **params: str) -> Any:
        names = {name.replace("__", "[").replace("_k", "]"): value for name, value in params.items()}
        prepared = requests.Request("GET", self.url + path, params=names).prepare().url or ""
        answer = self.send("GET", prepared.removeprefix(self.url))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upsert(self, query: str = "", **attributes: Any) -> requests.Response:
        return self.send("POST", f"/api/profile-import{query}", profile(**attributes))


def profile(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": attributes}}


def event(email: str = "ann@tea.test", metric: str = "Sorae Conversion", **attributes: Any) -> dict[str, Any]:
    person = {"data": {"type": "profile", "attributes": {"email": email}}}
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {
        "data": {
            "type": "event",
            "attributes": {"properties": {}, "profile": person, "metric": named, **attributes},
        }
    }


def bulk_events(*events: dict[str, Any]) -> dict[str, Any]:
    wrappers = []
    for one in events:
        attributes = dict(one["data"]["attributes"])
        person = attributes.pop("profile")
        inner = {"data": [{"type": "event", "attributes": attributes}]}
        wrappers.append({"type": "event-bulk-create", "attributes": {"profile": person, "events": inner}})
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": wrappers}}}}
