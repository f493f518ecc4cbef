"""The document: valid OpenAPI 3.1, and true: Schemathesis finds nothing that is answered otherwise."""

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, ConfigDict

from integrations.api import document
from integrations.api.document import Described
from integrations.models import Connection
from tests.integrations.api.conftest import Ask
from tests.integrations.api.kitchen import Kitchen
from tests.integrations.api.test_endpoint import code

CASES = 50  # of each operation of the kitchen's, and of the document's own; those of actions are tried where they are
OURS, OPERATIONS = r"/(\{connection\}|brew|ready|openapi\.json)$", 4


@pytest.fixture
def published(ask: Ask) -> dict[str, Any]:
    answer = ask("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_valid(published: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(published).validate()
    assert published["openapi"] == "3.1.0"


def test_it_takes_a_token(ask: Ask) -> None:
    assert code(ask("/api/v1/openapi.json", authorization=""), 401) == "no_token"


def test_it_says_what_was_described(published: dict[str, Any]) -> None:
    brew = published["paths"]["/api/v1/connections/{connection}/brew"]["post"]
    assert brew["summary"] == "Brew tea"
    assert brew["x-kettle-operations"] == ["boil"]
    body = brew["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Order"}
    assert body["examples"] == {"for Ann": {"value": {"email": "ann@example.com", "cups": 2}}}
    assert {one["name"] for one in brew["parameters"]} == {"connection", "Idempotency-Key", "Prefer"}
    assert set(brew["responses"]) == {
        *("200", "202", "400", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503")
    }
    assert {"Order", "Sugar", "Outcome", "Problems"} <= set(published["components"]["schemas"])
    assert published["security"] == [{"token": []}]
    ready = published["paths"]["/api/v1/ready"]["get"]
    assert "requestBody" not in ready
    assert set(ready["responses"]) == {"200", "400", "401", "403", "404", "429", "500", "503"}


def test_it_is_made_once(ask: Ask, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "build", lambda *_, **__: pytest.fail("made again"))
    assert ask("/api/v1/openapi.json").json() == published


def test_two_models_of_one_name_stay_two() -> None:
    def inputs(**fields: Any) -> type[BaseModel]:
        config = ConfigDict(extra="forbid")
        made: type[BaseModel] = type(
            "Inputs", (BaseModel,), {"__annotations__": fields, "model_config": config, "__module__": str(fields)}
        )
        return made

    first, second = inputs(a=str), inputs(b=int)
    made = document.build([Described("/a", "POST", "A", model=first), Described("/b", "POST", "B", model=second)])
    OpenAPIV31SpecValidator(made).validate()
    taken = {
        made["paths"][f"/api/v1/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for name in "ab"
    }
    assert len(taken) == 2
    assert {ref.rpartition("/")[2] for ref in taken} <= set(made["components"]["schemas"])


def test_schemathesis_finds_nothing(secret: str, tea_room: Connection, open_kitchen: Kitchen) -> None:
    """Every check that it has, on calls as the document allows them and as it does not."""
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application(), headers=headers)
    results: Any = list(schema.include(path_regex=OURS).get_all_operations())
    assert len(results) == OPERATIONS
    for result in results:
        for mode in schemathesis.GenerationMode:
            _tried(result.ok(), mode, headers, tea_room)()
    assert open_kitchen.brewed


def _tried(operation: Any, mode: Any, headers: dict[str, str], tea_room: Connection) -> Any:
    @settings(
        max_examples=CASES // 2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        if "connection" in (case.path_parameters or {}) and mode is schemathesis.GenerationMode.POSITIVE:
            case.path_parameters["connection"] = str(tea_room.pk)
        case.call_and_validate(headers=headers)

    return test
