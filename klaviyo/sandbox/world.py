"""World of one running sandbox: state, settings, faults and journal, shared by its surfaces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from klaviyo.sandbox.protocol.faults import Faults
from klaviyo.sandbox.protocol.journal import Exchange, Journal
from klaviyo.sandbox.protocol.limits import Windows
from klaviyo.sandbox.resources.webhook_sender import WebhookSender
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state import accounts
from klaviyo.sandbox.state.database import Database

Observer = Callable[[Exchange], None]


@dataclass(frozen=True)
class App:
    """The OAuth app that is registered with this Klaviyo.

    Any loopback http address is a registered redirect address; `redirect_uris` are the others.
    """

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "Sorae"


@dataclass
class World:
    """The state and the behaviour of one sandbox."""

    app: App
    database: Database
    settings: Settings
    observer: Observer | None = None
    faults: Faults = field(default_factory=Faults)
    windows: Windows = field(default_factory=Windows)
    journal: Journal = field(default_factory=Journal)
    complaints: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _settings_at_first: Settings = field(init=False)
    webhook_sender: WebhookSender = field(init=False)

    def __post_init__(self) -> None:
        self._settings_at_first = self.settings
        self.webhook_sender = WebhookSender(self.database, lambda: self.settings)
        with self.database.transaction() as sql:
            accounts.seed(sql)

    @classmethod
    def open(cls, state: Path | None, app: App, settings: Settings, observer: Observer | None) -> World:
        return cls(app, Database(state), settings, observer)

    def turn(self, **changes: Any) -> Settings:
        with self._lock:
            self.settings = replace(self.settings, **changes)
        self.webhook_sender.wake()
        return self.settings

    def reset(self) -> None:
        """Back to three empty accounts: no people, no grants, no faults, no log."""
        self.database.empty()
        with self.database.transaction() as sql:
            accounts.seed(sql)
        self.faults.clear()
        self.windows.reset()
        self.journal.clear()
        self.settings = self._settings_at_first

    def observe(self, exchange: Exchange) -> None:
        """Tells the observer; what it raises is kept for `Sandbox.stop`, the caller gets its answer."""
        if self.observer is None:
            return
        try:
            self.observer(exchange)
        except BaseException as complaint:
            self.complaints.append(complaint)
