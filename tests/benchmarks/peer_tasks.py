"""What a shop would write first: a Celery task for each signal, with Celery's own defaults.

Once with Klaviyo's official client and its own retries, and once with plain requests that do as Retry-After says.
`PEER_BROKER`, `PEER_KLAVIYO` and `PEER_TOKEN` say where and by what right.
"""

import os
import time
from functools import cache
from typing import Any

import requests
from celery import Celery
from klaviyo_api import KlaviyoAPI

from tests.benchmarks.plain_requests import event, headers, profile

TIMEOUT = 10
TRIES = 30

app = Celery("peers", broker=os.environ.get("PEER_BROKER"), set_as_current=False)


@app.task(ignore_result=True)
def tell_by_sdk(email: str, fact_id: str, happened_at: str) -> None:
    """Bring the person, look them up, tell the event: three calls of the official client."""
    klaviyo = _sdk()
    klaviyo.Profiles.create_or_update_profile(profile(email))
    found = klaviyo.Profiles.get_profiles(filter=f'equals(email,"{email}")')
    klaviyo.Events.create_event(event(found.data[0].attributes.email, fact_id, happened_at))


@app.task(ignore_result=True)
def tell_plainly(email: str, fact_id: str, happened_at: str) -> None:
    """The same by hand; whoever is told to wait sleeps, and tries again."""
    _patiently("POST", "/api/profile-import", json=profile(email))
    found = _patiently("GET", "/api/profiles", params={"filter": f'equals(email,"{email}")'})
    known = found.json()["data"][0]["attributes"]["email"]
    _patiently("POST", "/api/events", json=event(known, fact_id, happened_at))


@cache
def _sdk() -> Any:
    return KlaviyoAPI("", test_host=os.environ["PEER_KLAVIYO"], access_token=os.environ["PEER_TOKEN"])


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.headers.update(headers(os.environ["PEER_TOKEN"]))
    return session


def _patiently(method: str, path: str, **call: Any) -> requests.Response:
    for _ in range(TRIES):
        answer = _session().request(method, f"{os.environ['PEER_KLAVIYO']}{path}", timeout=TIMEOUT, **call)
        if answer.status_code != 429:
            break
        time.sleep(int(answer.headers.get("Retry-After", 1)))
    answer.raise_for_status()
    return answer
