"""The document of actions: valid, complete, and true: Schemathesis finds nothing that is answered otherwise."""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django import conf
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from integrations.api import tokens
from klaviyo.actions import catalogue, queue, retries
from klaviyo.sandbox import Exchange, Sandbox
from klaviyo.sandbox.state import identifiers
from tests.klaviyo.actions.world import World

#: What JSON Schema cannot say of a body, and is said with 422 all the same.
NOT_SAID = (
    "Say what is to change",
    "is to be set and to be cleared",
    "Write the phone number with its country code",
    "This is no phone number",
    "This is no currency",
    "This is no time zone",
    "Klaviyo takes times from",
    "This time is too far off",
    "The number is too large to be kept",
    "The start must be before",
    "A profile cannot be merged into itself",
    "A code is named twice",
    "This is not base64",
    "This is no picture",
    "This is no jpeg, png or gif",
    "Names of properties that begin with $",
    "Send it again with confirm",
    "would have consented in the future",
    "repeats the unique_id",
    "e-mail address",
    "The filter needs greater-or-equal",
    "Its path needs",
    "Klaviyo has no operation of that id",
    "Give a path that begins with",
    "A value in the path",
    "The header ",
    "Give either data or a form",
    "It names files that are not",
    "needs company_id",
    "A method goes with",
    "exclude_authorization",
)
COUNT = int(os.environ.get("SCHEMATHESIS_CASES", "100"))  # in all
ACTIONS = catalogue.everything()


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[tuple[Sandbox, list[Exchange]]]:
    """One that is asked anything, also what no specification has: it is the answers that count here."""
    app: Any = {"client_id": conf.settings.KLAVIYO_CLIENT_ID, "client_secret": conf.settings.KLAVIYO_CLIENT_SECRET}
    with Sandbox(limits=False, **app) as klaviyo:
        yield klaviyo, []


@pytest.fixture
def secret(transactional_db: None, world: World) -> str:
    abilities = ["raw", "read", *catalogue.GROUPS]
    return tokens.make("Till", User.objects.get(username="operator"), abilities=abilities, per_minute=60_000)[1]


@pytest.fixture
def published(secret: str) -> dict[str, Any]:
    answer = Client().get("/api/v1/openapi.json", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_it_is_valid_and_has_all_actions(published: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(published).validate()
    for action in ACTIONS:
        line = published["paths"][f"/api/v1/connections/{{connection}}/actions/{action.name}"]["post"]
        assert line["operationId"] == action.name
        number = next(one for one in line["parameters"] if one["name"] == "connection")
        assert (number["schema"]["type"], number["example"]) == ("integer", 1)
        assert line.get("x-klaviyo-operations", []) == [*action.sometimes, *action.operations]
        assert line.get("x-klaviyo-scopes", []) == list(action.scopes)
        assert len(line["requestBody"]["content"]["application/json"]["examples"]) == len(action.examples)


def test_no_bound_is_lost_on_the_way_into_it(published: dict[str, Any]) -> None:
    """Pydantic leaves those that follow a validator under names that JSON Schema does not know."""
    lost = {"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length"}
    assert not lost & set(_words_of(published))


def _words_of(told: Any) -> Iterator[str]:
    match told:
        case dict():
            yield from told
            for one in told.values():
                yield from _words_of(one)
        case list():
            for one in told:
                yield from _words_of(one)


def test_schemathesis_finds_nothing(world: World, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check that it has, on calls as the document allows them and as it does not."""
    monkeypatch.setattr(queue, "tell", lambda row: queue.go_on(row.pk))
    monkeypatch.setattr(retries, "sleep", lambda *_: None)
    monkeypatch.setattr(identifiers, "random", random.SystemRandom())  # the usual one begins anew with each case
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application(), headers=headers)
    schema.config.generation.update(allow_x00=False)  # which JSON Schema cannot forbid wherever there is a text
    results: Any = list(schema.get_all_operations())
    of_each = max(1, COUNT // (len(results) * len(GenerationMode)))
    found: list[str] = []
    modes = list(GenerationMode)
    for number, result in enumerate(results):
        # Few cases are spread: of each operation those that are valid, or those that are not.
        for mode in modes if len(results) * len(modes) <= COUNT else [modes[number % len(modes)]]:
            try:
                _tried(result.ok(), mode, headers, world, of_each)()
            except BaseException as problem:
                found.append(f"{result.ok().label} {mode}: {problem}")
    assert not found, "\n\n".join(found)


def _tried(operation: Any, mode: Any, headers: dict[str, str], world: World, of_each: int) -> Any:
    @settings(
        max_examples=of_each,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        if "connection" in (case.path_parameters or {}) and mode is GenerationMode.POSITIVE:
            case.path_parameters["connection"] = str(world.connection.pk)
        answer = case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])
        if mode is GenerationMode.POSITIVE and answer.status_code in (400, 422):
            said = answer.json()["errors"]["detail"]
            assert all(any(words in one for words in NOT_SAID) for one in said), f"{said}\n{case.body}"

    return test
