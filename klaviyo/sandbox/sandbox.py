"""Sandbox as an object: start it, seed it, look into it, give it bad days."""

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from klaviyo.sandbox import dispatch
from klaviyo.sandbox.control import campaign_snapshots, consent_by_hand, seeding, snapshots, webhook_snapshots
from klaviyo.sandbox.control.campaign_snapshots import SeenCampaign, SeenCouponCode, SeenImage, SeenTemplate
from klaviyo.sandbox.control.seeding import SeedList, SeedProfile
from klaviyo.sandbox.control.snapshots import SeenAccount, SeenEvent, SeenList, SeenProfile
from klaviyo.sandbox.control.webhook_snapshots import SeenDelivery, SeenWebhook
from klaviyo.sandbox.http.server import Server, serve_in_background
from klaviyo.sandbox.protocol import scopes as known_scopes
from klaviyo.sandbox.protocol.faults import Fault
from klaviyo.sandbox.protocol.journal import Entry
from klaviyo.sandbox.resources import double_opt_in
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state import event_store, private_keys, token_store, webhook_deliveries
from klaviyo.sandbox.state.token_store import Tokens
from klaviyo.sandbox.world import App, Observer, World

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - guards nothing but this sandbox


class Sandbox:
    """A Klaviyo on 127.0.0.1; with a state file it survives a restart, without one it forgets.

    `redirect_uris` are registered besides any loopback http address. `observer` is called with every API
    exchange before its answer leaves; what it raises comes out of `stop()`.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        port: int = 0,
        limits: bool = True,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        redirect_uris: Iterable[str] = (),
        observer: Observer | None = None,
    ) -> None:
        app = App(client_id, client_secret, tuple(redirect_uris))
        self.client_id = client_id
        self.client_secret = client_secret
        self._world = World.open(state, app, Settings(limits=limits), observer)
        self._port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Begins to answer; OSError when the port is taken."""
        self._server = Server(self._port, lambda request: dispatch.answer(self._world, request))
        self._thread = serve_in_background(self._server)
        self._world.webhook_sender.start()
        return self

    def stop(self) -> None:
        """Ends the server and its connections; raises what the observer complained of, if it did."""
        self._world.webhook_sender.stop()
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
            self._server.server_close()
            self._server = None
        self._world.database.close()
        if self._world.complaints:
            raise self._world.complaints[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.stop()
        except BaseException:
            if error is None:
                raise

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The sandbox has not been started.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def accounts(self) -> list[SeenAccount]:
        with self._world.database.transaction() as sql:
            return snapshots.accounts(sql)

    def events(self, account: str, metric: str | None = None) -> list[SeenEvent]:
        with self._world.database.transaction() as sql:
            return snapshots.events(sql, account, metric)

    def profiles(self, account: str) -> list[SeenProfile]:
        with self._world.database.transaction() as sql:
            return snapshots.profiles(sql, account)

    def profile(self, account: str, email: str) -> SeenProfile | None:
        with self._world.database.transaction() as sql:
            return snapshots.profile(sql, account, email)

    def lists(self, account: str) -> list[SeenList]:
        with self._world.database.transaction() as sql:
            return snapshots.lists(sql, account)

    def put_profiles(self, account: str, profiles: Iterable[SeedProfile]) -> list[str]:
        """Puts people there, or changes those who are; their profile ids in the same order."""
        with self._world.database.transaction() as sql:
            return seeding.put_profiles(sql, account, profiles)

    def put_lists(self, account: str, lists: Iterable[SeedList]) -> list[str]:
        """Puts lists there; their ids in the same order."""
        with self._world.database.transaction() as sql:
            return seeding.put_lists(sql, account, lists)

    def connect(self, account: str, scope: str = " ".join(known_scopes.ALL)) -> Tokens:
        """Tokens as if a merchant had allowed the app, without the round trip."""
        with self._world.database.transaction() as sql:
            seconds = self._world.settings.access_token_seconds
            return token_store.install(sql, account, self._world.app.client_id, scope, seconds)

    def make_private_key(self, account: str, scopes: Iterable[str] | None = None) -> str:
        """A private API key, `pk_…`; without scopes it may do everything, webhooks excepted."""
        asked = None if scopes is None else known_scopes.of_a_key(scopes)
        with self._world.database.transaction() as sql:
            return private_keys.make(sql, account, asked)

    def revoke_private_key(self, account: str, key: str) -> bool:
        """The merchant deletes a key: false when there was none."""
        with self._world.database.transaction() as sql:
            return private_keys.revoke(sql, account, key)

    def confirm(self, account: str, email: str) -> bool:
        """The person clicks in every double opt-in mail that waits for them; false when none did."""
        with self._world.database.transaction() as sql:
            is_confirmed = double_opt_in.confirm(sql, account, email)
        self._world.webhook_sender.wake()
        return is_confirmed

    def flip(self, account: str, email: str, to: str) -> SeenProfile:
        """Changes a person's consent by hand and tells the webhooks; `to` is one of `flips.TO`."""
        with self._world.database.transaction() as sql:
            person = consent_by_hand.by_email(sql, account, email, to)
            flipped = snapshots.of_person(sql, person)
        self._world.webhook_sender.wake()
        return flipped

    def webhooks(self, account: str) -> list[SeenWebhook]:
        with self._world.database.transaction() as sql:
            return webhook_snapshots.of_account(sql, account)

    def deliveries(self, account: str) -> list[SeenDelivery]:
        """What webhooks were or will be told, oldest first."""
        with self._world.database.transaction() as sql:
            return webhook_snapshots.deliveries(sql, account)

    def templates(self, account: str) -> list[SeenTemplate]:
        with self._world.database.transaction() as sql:
            return campaign_snapshots.templates(sql, account)

    def campaigns(self, account: str) -> list[SeenCampaign]:
        with self._world.database.transaction() as sql:
            return campaign_snapshots.campaigns(sql, account)

    def images(self, account: str) -> list[SeenImage]:
        with self._world.database.transaction() as sql:
            return campaign_snapshots.images(sql, account)

    def coupon_codes(self, account: str) -> list[SeenCouponCode]:
        with self._world.database.transaction() as sql:
            return campaign_snapshots.coupon_codes(sql, account)

    def redeliver(self, account: str) -> int:
        """Tells the last body that an endpoint accepted once more; how many changes it holds, 0 for none."""
        with self._world.database.transaction() as sql:
            changes = webhook_deliveries.again(sql, account)
        self._world.webhook_sender.wake()
        return changes

    def wait_for_webhooks(self, seconds: float = 10.0) -> bool:
        """Waits until every webhook has been told or given up; false when some still wait after that time."""
        return self._world.webhook_sender.wait_until_quiet(seconds)

    def fault(self, operation: str, kind: str, count: int = 1, **options: Any) -> Fault:
        """Scripts a fault; the options are those of `Fault`."""
        fault = Fault(operation, kind, count, **options)
        self._world.faults.add(fault)
        return fault

    def faults(self) -> list[Fault]:
        return self._world.faults.all()

    def clear_faults(self) -> None:
        self._world.faults.clear()

    def counts(self) -> dict[str, dict[int, int]]:
        """How many answers of each status every operation gave since the start or the last reset."""
        return self._world.journal.counts()

    def arrivals(self, account: str) -> list[tuple[str, float]]:
        """Each recorded event's unique_id and when it came first, in seconds since 1970."""
        with self._world.database.transaction() as sql:
            return event_store.arrivals(sql, account)

    def requests(self, operation: str | None = None) -> list[Entry]:
        """The requests that came in, oldest first; API and token calls, not the control API."""
        return [one for one in self._world.journal.all() if operation in (None, one.operation)]

    def settings(self, **changes: Any) -> Settings:
        """Turns settings while it runs; see `Settings` for their names."""
        return self._world.turn(**changes)

    def uninstall(self, account: str) -> None:
        """The merchant removes the app: every token of the account is dead."""
        with self._world.database.transaction() as sql:
            token_store.uninstall(sql, account)

    def expire_tokens(self, account: str) -> None:
        """Access tokens die now; refresh tokens stay good."""
        with self._world.database.transaction() as sql:
            token_store.expire(sql, account)

    def reset(self) -> None:
        self._world.reset()
