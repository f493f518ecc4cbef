"""Each reason that the product can give is explained: what it means, who can change it, what to do."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from klaviyo.pages import reasons

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(r"[a-z][a-z0-9_]{2,}")
NAMES_OF_CODES = {"code", "reason_code", "problem_code"}
ELSEWHERE = (
    "sandbox",
    "demo",
    "pages",
    "management",
    "migrations",
    "views",
    "watching",
    "authorizing.py",
    "settings_form.py",
    "health.py",
)


def modules() -> list[Path]:
    """Where outcomes, errors and decisions are made."""
    found = [path for app in ("integrations", "klaviyo") for path in (ROOT / app).rglob("*.py")]
    return [path for path in found if not set(path.relative_to(ROOT).parts) & set(ELSEWHERE)]


def codes(path: Path) -> Iterator[str]:
    """Every code with a sentence behind it, and every argument that is called a code."""
    for node in ast.walk(ast.parse(path.read_text())):
        values = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        for first, second in itertools.pairwise(values):
            if is_code(first) and is_sentence(second):
                yield ast.literal_eval(first)
        if isinstance(node, ast.keyword) and node.arg in NAMES_OF_CODES and is_code(node.value):
            yield ast.literal_eval(node.value)


def is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(CODE.fullmatch(node.value))


def is_sentence(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value and node.value.endswith(".")
    return (isinstance(node, ast.JoinedStr) and " " in ast.unparse(node)) or (
        isinstance(node, ast.Name) and node.id == "sentence"
    )


def test_every_code_that_the_product_can_give_has_an_entry() -> None:
    given = {code: path.name for path in modules() for code in codes(path)}
    assert {"unsubscribed", "opted_out", "throttled", "list_gone", "outcome_unknown", "expired"} <= given.keys()
    assert {code: place for code, place in given.items() if not reasons.is_known(code)} == {}


@pytest.mark.parametrize("code", reasons.ALL)
def test_an_entry_is_made_of_sentences(code: str) -> None:
    reason = reasons.ALL[code]
    assert reason.title[0].isupper()
    assert not reason.title.endswith(".")
    assert not reason.because.endswith(".")
    assert reason.means.endswith(".")
    assert reason.do.endswith(".")
    assert reason.who


@pytest.mark.parametrize("code", ["http_500", "http_503", "http_302", "http_408"])
def test_troubles_of_a_server_are_one_reason(code: str) -> None:
    assert reasons.of(code).title == "Klaviyo in trouble"


def test_a_code_of_klaviyos_own_is_explained_by_its_own_words() -> None:
    assert not reasons.is_known("duplicate_profile")
    assert "above" in reasons.of("duplicate_profile").means


def test_a_title_is_offered_once() -> None:
    titles = [title for _, title in reasons.titles()]
    assert len(titles) == len(set(titles)) > 30
