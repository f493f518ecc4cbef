"""Settings that may be changed while the sandbox runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

REFUSALS = (400, 403, 404, 405, 410, 413, 415, 426)
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

    `import_seconds`: how long a bulk import is queued (the first third) and processed before it is complete;
    its people are there at once all the same. `bulk_refuses_known_ids`: a bulk job of events is refused for
    one event that was recorded before. `malformed`: unique_ids of events and e-mail addresses that this
    Klaviyo finds malformed, whatever they look like. `refused`: a status by operation, or by `*`, that every
    account is answered with. `revision_sunset`: every API call is answered with 410, as for a retired revision.
    `aligned_windows`: the windows of the limits begin when the clock's seconds, minutes and days do, instead
    of at a moment of their own for every account and operation. `latency_ms`: how long every API answer is on
    its way, and `token_seconds` the same for the token endpoint.

    `no_texts_to`: beginnings of phone numbers (`+43`) of regions for which no account has a sending number: a request
    that asks for consent to texts there is refused as a whole, any other is taken without the number. `age_gated`:
    consent to texts is refused without a date of birth. `segment_seconds`: how long a new segment is without its
    members. `retires_on`: the date, if there is one, that each answer names as the end of the revision.
    `campaign_seconds`: how long a campaign is on its way to its recipients before it is sent; codes of coupons are
    made in `import_seconds`, like people.
    """

    limits: bool = True
    rotate_refresh_tokens: bool = False
    access_token_seconds: int = 3600
    event_delay: float = 0.0
    app_scopes: tuple[str, ...] = ()
    webhook_delay: float = 0.0
    webhook_profiles: Literal["included", "id_only"] = "included"
    import_seconds: float = 0.0
    bulk_refuses_known_ids: bool = False
    malformed: tuple[str, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    revision_sunset: bool = False
    aligned_windows: bool = False
    latency_ms: float = 0.0
    token_seconds: float = 0.0
    no_texts_to: tuple[str, ...] = ()
    age_gated: bool = False
    segment_seconds: float = 0.0
    retires_on: str = ""
    campaign_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.webhook_profiles not in WEBHOOK_PROFILES:
            raise ValueError(f"webhook_profiles is one of: {', '.join(WEBHOOK_PROFILES)}.")
        if not set(self.refused.values()) <= set(REFUSALS):
            raise ValueError(f"A status in refused is one of: {', '.join(map(str, REFUSALS))}.")
