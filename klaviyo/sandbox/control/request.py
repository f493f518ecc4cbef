"""Request of the control API, on its way to the work that it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.http.wire import Request
from klaviyo.sandbox.protocol.validation import Shape, parse
from klaviyo.sandbox.world import World


@dataclass(frozen=True)
class Ask:
    """One control call; the account is empty when its path names none."""

    world: World
    request: Request
    account: str

    def body(self, shape: Shape) -> dict[str, Any]:
        found: dict[str, Any] = parse(self.request.body or b"{}", shape)
        return found


Work = Callable[[Ask], Any]
