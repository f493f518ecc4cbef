"""The fault matrix and the security checklist name tests that are still there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.faults.fault_matrix import FAULTS
from tests.faults.security_checklist import DOES_NOT_APPLY, LINES

TESTS = Path(__file__).resolve().parents[1]
MOST_FAULTS, MOST_LINES = 68, 37


@cache
def names_in(path: str) -> set[str]:
    file = TESTS / f"{path}.py"
    if not file.exists():
        return set()
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def missing(ids: tuple[str, ...]) -> list[str]:
    pairs = [id.split("::") for id in ids]
    return [f"{path}::{name}" for path, name in pairs if not name.startswith("test_") or name not in names_in(path)]


@pytest.mark.parametrize("number", range(1, MOST_FAULTS + 1))
def test_a_fault_is_tested(number: int) -> None:
    fault, ids = FAULTS[number]
    assert ids, f"{fault}: nothing shows what becomes of it."
    assert missing(ids) == []


@pytest.mark.parametrize("number", range(1, MOST_LINES + 1))
def test_a_line_of_the_security_checklist_is_tested(number: int) -> None:
    if number in DOES_NOT_APPLY:
        assert number not in LINES
        assert DOES_NOT_APPLY[number].endswith(".")
        return
    line, ids = LINES[number]
    assert ids, f"{line}: nothing shows that it is kept."
    assert missing(ids) == []


def test_there_are_no_other_numbers() -> None:
    assert sorted(FAULTS) == list(range(1, MOST_FAULTS + 1))
    assert sorted(LINES.keys() | DOES_NOT_APPLY.keys()) == list(range(1, MOST_LINES + 1))
