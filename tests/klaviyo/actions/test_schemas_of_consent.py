"""Schemas of consent agree with what is taken: a channel needs its address, and a historical import its times."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from klaviyo.actions import catalogue
from klaviyo.endpoints import schemas

LIST = {"list_id": "Y6nRLr"}
YES = {"opt_in": "At our stand"}
AT = "2025-01-01T00:00:00Z"
ADDRESSES = {"email": "ann@shop.example", "phone_number": "+358401234567", "external_id": "7", "id": "01ABC"}
CHANNELS = (["email"], ["sms"], ["email.open_tracking", "whatsapp.marketing"], None)


def people() -> Iterator[dict[str, Any]]:
    """Everybody who has some of the addresses and asks for some channels."""
    for count in range(len(ADDRESSES) + 1):
        for names in itertools.combinations(ADDRESSES, count):
            for channels in CHANNELS:
                yield {**{name: ADDRESSES[name] for name in names}, "channels": channels}


def one_person() -> Iterator[dict[str, Any]]:
    for person in people():
        told = {"klaviyo_id" if name == "id" else name: value for name, value in person.items()}
        for identifier in (None, "email", "phone_number", "klaviyo_id", "external_id"):
            yield {**LIST, **YES, **told, "identifier": identifier}


def histories() -> Iterator[dict[str, Any]]:
    for is_history, first, second in itertools.product((None, True, False), (None, AT), (None, AT)):
        said = [{"email": "ann@shop.example", "channels": ["email"], "consented_at": at} for at in (first, second)]
        yield {**YES, "profiles": said, "historical_import": is_history}


CASES = {
    "subscribe_profile_to_list": list(one_person()),
    "subscribe_profiles": [*({**YES, "profiles": [one]} for one in people()), *histories()],
    "unsubscribe_profiles": [{"profiles": [one]} for one in people()],
}


@pytest.mark.parametrize("name", CASES)
def test_the_schema_allows_what_is_taken_and_nothing_else(name: str) -> None:
    action = catalogue.find(name)
    schema = Draft202012Validator(schemas.model_of(action).model_json_schema())
    allowed = [given for given in CASES[name] if schema.is_valid(given)]
    assert 0 < len(allowed) < len(CASES[name])
    assert allowed == [given for given in CASES[name] if is_taken(action.inputs, given)]


def is_taken(model: type[BaseModel], given: dict[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(given), strict=True)
    except ValidationError:
        return False
    return True
