"""View of one account: what the inspector's pages read from and how they are framed."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.inspector import layout
from klaviyo.sandbox.markup import Html


@dataclass(frozen=True)
class View:
    """A request for a page of an account."""

    sql: sqlite3.Connection
    account: str
    name: str
    timezone: str
    query: Mapping[str, str]

    @property
    def page(self) -> int:
        text = self.query.get("page", "1")
        return max(1, int(text)) if text.isdecimal() and len(text) < 7 else 1

    def path(self, *parts: str) -> str:
        return "/".join(("/inspector", self.account, *parts))

    def when(self, text: str | None) -> str:
        return layout.when(text, layout.zone(self.timezone))

    def render(self, title: str, body: Html, **options: Any) -> Html:
        return layout.page(title, body, account=(self.account, self.name), **options)
