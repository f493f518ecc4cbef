"""The table of Klaviyo's operations is as the specification has it, and so is what we declare by hand."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest

import klaviyo.api
from klaviyo.api import published
from klaviyo.api.operation import Operation
from tests import schemas
from tests.klaviyo.api import operations_table


def test_the_table_is_made_from_the_specification() -> None:
    document = schemas.specification()
    if document is None:  # it is no part of the project
        assert len(published.ids()) == 345
        return
    assert operations_table.TABLE.read_text() == operations_table.made_from(document)


def declared() -> Iterator[Operation]:
    for module in iter_modules(klaviyo.api.__path__, "klaviyo.api."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Operation):
                yield value


DECLARED = {one.id: one for one in declared()}


@pytest.mark.parametrize("ours", DECLARED.values(), ids=DECLARED)
def test_what_is_declared_by_hand_is_as_published(ours: Operation) -> None:
    theirs = published.operation(ours.id)
    assert (ours.call, ours.windows, set(ours.success)) == (theirs.call, theirs.windows, set(theirs.success))
    assert set(ours.scopes.split()) == set(theirs.scopes.split())
    assert ours.extra == theirs.extra


def test_an_operation_is_found_by_its_method_and_path() -> None:
    found = published.matching("GET", "/api/lists/Y6nRLr/profiles")
    assert found is not None
    assert (found[0].id, found[1]) == ("get_profiles_for_list", {"id": "Y6nRLr"})
    assert published.matching("GET", "/api/nothing") is None
    assert published.matching("TRACE", "/api/lists") is None


def test_every_operation_can_be_read() -> None:
    for id in published.ids():
        one = published.find(id)
        assert re.fullmatch(r"(GET|POST|PATCH|PUT|DELETE) /(api|client)/[\w/{}-]+", one.operation.call)
        assert one.operation.burst > 0
        assert one.operation.steady >= one.operation.burst
    assert json.loads(operations_table.TABLE.read_text())["words"]
