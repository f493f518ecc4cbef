"""What may be turned while the sandbox runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How this Klaviyo behaves, where the real one may change its mind.

    `rotate_refresh_tokens`: every renewal gives a new refresh token, and an old one that comes again ends
    the install. `event_delay`: seconds until an accepted event can be read. `app_scopes`: what the app may
    ask for; other scopes in an authorize request are passed over.
    """

    limits: bool = True
    rotate_refresh_tokens: bool = False
    access_token_seconds: int = 3600
    event_delay: float = 0.0
    app_scopes: tuple[str, ...] = ()
