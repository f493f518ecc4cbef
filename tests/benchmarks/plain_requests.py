"""What plain requests to Klaviyo carry: the peers' and those of the baselines."""

from typing import Any

REVISION = "2026-07-15"
METRIC = "Sorae Referred Visit"


def headers(token: str) -> dict[str, str]:
    """What each of them carries."""
    return {"Authorization": f"Bearer {token}", "revision": REVISION, "Content-Type": "application/vnd.api+json"}


def profile(email: str) -> dict[str, Any]:
    attributes = {"email": email, "first_name": "Person", "properties": {"sorae_program": "spring"}}
    return {"data": {"type": "profile", "attributes": attributes}}


def event(email: str, fact_id: str, happened_at: str) -> dict[str, Any]:
    attributes = {
        "properties": {"fact_id": fact_id, "campaign": "spring"},
        "time": happened_at,
        "unique_id": fact_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": METRIC}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
    }
    return {"data": {"type": "event", "attributes": attributes}}
