"""Our declarations of Klaviyo's operations against what Klaviyo publishes with its SDK."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import klaviyo.api
from klaviyo.api.operation import Operation
from klaviyo.provider import ADDITIONS, SCOPES
from klaviyo.sandbox.protocol import scopes
from tests import schemas


def declared() -> list[Operation]:
    modules = [
        importlib.import_module(f"klaviyo.api.{found.name}") for found in pkgutil.iter_modules(klaviyo.api.__path__)
    ]
    found = {
        id(value): value
        for module in modules
        for _, value in inspect.getmembers(module)
        if isinstance(value, Operation)
    }
    return sorted(found.values(), key=lambda operation: operation.id)


def published_text(operation: Operation) -> str:
    """The first paragraph that the SDK says of an operation: limits and scopes are part of it."""
    spec = importlib.util.find_spec("openapi_client.api")
    assert spec is not None
    assert spec.origin is not None
    for file in Path(spec.origin).parent.glob("*_api.py"):
        if found := re.search(rf"def {operation.id}\(.*?\"\"\"(.*?):param", file.read_text(), re.S):
            return found[1]
    raise AssertionError(f"Klaviyo publishes no {operation.id}.")


@pytest.mark.parametrize("operation", declared(), ids=lambda operation: operation.id)
def test_an_operation_is_declared_as_klaviyo_publishes_it(operation: Operation) -> None:
    published = {known.id: known for known in schemas.operations()}[operation.id]
    assert (operation.method, operation.path) == (published.method, published.path)
    text = published_text(operation)
    assert f"Burst: `{operation.burst}/s`" in text
    assert f"Steady: `{operation.steady}/m`" in text
    assert set(re.findall(r"`([\w-]+:(?:read|write))`", text)) == set(operation.scopes.split())


def test_we_ask_for_every_scope_that_we_use_and_say_why() -> None:
    used = {scope for operation in declared() for scope in operation.scopes.split()}
    asked = {scope.name for scope in SCOPES}
    addition = {scope for one in ADDITIONS for scope in one.scopes}
    assert used <= asked | addition
    assert not asked & addition
    assert addition <= set(scopes.ALL)
    assert all(scope.reason for scope in SCOPES)
