"""What may be turned while the sandbox runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WEBHOOK_PROFILES = ("included", "id_only")


@dataclass(frozen=True)
class Settings:
    """How this Klaviyo behaves, where the real one may change its mind.

    `rotate_refresh_tokens`: every renewal gives a new refresh token, and an old one that comes again ends
    the install. `event_delay`: seconds until an accepted event can be read. `app_scopes`: what the app may
    ask for; other scopes in an authorize request are passed over. `webhook_delay`: seconds from a change
    of consent until webhooks are told; what changes meanwhile goes in the same body. `webhook_profiles`:
    whether such a body has the person in `included`, or only their id (`id_only`): what Klaviyo really
    sends there is not published.
    """

    limits: bool = True
    rotate_refresh_tokens: bool = False
    access_token_seconds: int = 3600
    event_delay: float = 0.0
    app_scopes: tuple[str, ...] = ()
    webhook_delay: float = 0.0
    webhook_profiles: Literal["included", "id_only"] = "included"

    def __post_init__(self) -> None:
        if self.webhook_profiles not in WEBHOOK_PROFILES:
            raise ValueError(f"webhook_profiles is one of: {', '.join(WEBHOOK_PROFILES)}.")
