"""The document of actions: valid, complete, and true: Schemathesis finds nothing that is answered otherwise."""

import json
import os
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode

from integrations.api import tokens
from klaviyo.actions import catalogue, queue, retries
from tests.klaviyo.actions.world import World

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "200"))  # in all
ACTIONS = catalogue.everything()


@pytest.fixture
def secret(world: World) -> str:
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
        assert line["x-klaviyo-operations"] == [*action.sometimes, *action.operations]
        assert line["x-klaviyo-scopes"] == list(action.scopes)
        assert len(line["requestBody"]["content"]["application/json"]["examples"]) == len(action.examples)


def test_schemathesis_finds_nothing(world: World, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check that it has, on calls as the document allows them and as it does not."""
    monkeypatch.setattr(queue, "tell", lambda row: queue.go_on(row.pk))
    monkeypatch.setattr(retries, "sleep", lambda *_: None)
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application(), headers=headers)
    results: Any = list(schema.get_all_operations())
    of_each = max(1, CASES // (len(results) * len(GenerationMode)))
    found: list[str] = []
    for result in results:
        for mode in GenerationMode:
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
        case.call_and_validate(headers=headers)

    return test
