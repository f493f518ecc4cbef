"""Klaviyo merges profiles: what it says of them meanwhile costs no event, and nobody's profile for good."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from integrations.models import Delivery
from klaviyo.api import transport
from klaviyo.api.operation import Operation
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA, State, choose_list, known, make_due, metrics, outcome, states

GONE = "01JC0000000000000000000000"


def conflict(**meta: str) -> tuple[int, bytes]:
    error = {"id": "1", "status": 409, "code": "duplicate_profile", "title": "Conflict.", "detail": "Taken."}
    return 409, json.dumps({"errors": [error | ({"meta": meta} if meta else {})]}).encode()


ANSWERS: dict[str, Callable[[Any], tuple[int, bytes]]] = {
    "one that is gone": lambda _: conflict(duplicate_profile_id=GONE),
    "nobody": lambda _: conflict(),
}


def refusing(send: Any, answer: Callable[[Any], tuple[int, bytes]]) -> Any:
    """No upsert reaches Klaviyo, which says this instead."""

    def refused(asked: Operation, access: Any, **request: Any) -> requests.Response:
        if asked.id != "create_or_update_profile":
            response: requests.Response = send(asked, access, **request)
            return response
        response = requests.Response()
        response.status_code, response._content = answer(None)
        return response

    return refused


@pytest.mark.parametrize("named", ANSWERS)
def test_the_event_goes_by_its_address_and_the_profile_later(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    lifecycle.update(ann, tier="gold", phone="+358401234567")
    Delivery.objects.filter(kind="profile").update(state=State.HELD)  # the event is the first to tell of her
    send = transport.send
    monkeypatch.setattr(transport, "send", refusing(send, ANSWERS[named]))
    drain()
    assert outcome("advocate_started") == (State.ACCEPTED, "")
    assert "address alone" in str(Delivery.objects.get(options__metric="advocate_started").warnings)
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    Delivery.objects.filter(kind="profile").update(state=State.QUEUED)
    make_due()
    drain()
    profile = Delivery.objects.get(kind="profile")
    assert (profile.state, profile.reason_code) == (State.QUEUED, "profile_conflict")
    monkeypatch.setattr(transport, "send", send)
    make_due()
    drain()
    assert Delivery.objects.get(kind="profile").state == State.ACCEPTED
    assert known(sandbox, ann.email).properties["sorae_tier"] == "gold"


def test_the_person_is_looked_up_anew_and_found_as_whom_they_are_by_now(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    spoil("create_or_update_profile", ANSWERS["one that is gone"], times=1)  # as if she was made meanwhile
    drain()
    assert states() == {State.ACCEPTED}
    assert len(sandbox.requests("update_profile")) == 2
    assert len(sandbox.profiles(TEA)) == 1


def test_whoever_is_merged_joins_no_list(sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil) -> None:
    choose_list(sandbox)
    spoil("create_or_update_profile", ANSWERS["nobody"])
    drain()
    assert Delivery.objects.get(kind="list").reason_code == "not_ours"
