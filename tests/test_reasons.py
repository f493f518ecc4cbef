"""One register of reasons: every code that the product can give is declared once, and explained in the same words."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from integrations import outcomes, reasons
from integrations.errors import IntegrationError, PermanentError
from integrations.outcomes import Accepted, Failed, Outcome, Retry, Skipped
from integrations.pages import figures as page_figures
from integrations.pages.incidents import Incident
from integrations.reasons import Who
from klaviyo.consent import gate, opt_outs, relevance, suppression, topics
from referrals.models import Invite, Suppression
from sorae.demo import figures, reason_check

ROOT = Path(__file__).resolve().parent.parent
APPS = ("integrations", "klaviyo", "sorae")
README = (ROOT / "README.md").read_text()
DECLARES = {"declare", "on_the_way", "access_ended"}
HOLDS_A_CODE = {"code", "reason_code", "problem_code", "refresh_problem_code"}
OF_KLAVIYO = {"UNSUBSCRIBE", "not_found"}  # that the product looks for
ON_NO_RECORD = {"integrations/connections/authorization.py"}  # a trip that failed is told to whoever made it, on a page


@cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """All that is written in the product, but for the sandbox, which is a Klaviyo."""
    paths = {str(path.relative_to(ROOT)): path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))}
    ours = [name for name in paths if not name.startswith("klaviyo/sandbox/") and name not in ON_NO_RECORD]
    return tuple((name, node) for name in ours for node in ast.walk(ast.parse(paths[name].read_text())))


def called(node: ast.AST) -> str:
    """The name of what is called, without its module."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def declared() -> dict[str, str]:
    """Codes by where they are declared, as they are written there."""
    found = {
        code: place
        for place, node in nodes()
        if isinstance(node, ast.Call) and called(node) in DECLARES and node.args and (code := text(node.args[0]))
    }
    assert len(found) > 90
    return found


def mentioned() -> Iterator[tuple[str, str]]:
    """Every code that is written out where it is used: as an argument, or in a comparison, or to look a reason up."""
    for place, node in nodes():
        if isinstance(node, ast.keyword) and node.arg in HOLDS_A_CODE and (code := text(node.value)):
            yield place, code
        elif isinstance(node, ast.Compare) and name(node.left) in HOLDS_A_CODE:
            yield from ((place, code) for each in ast.walk(node) if (code := text(each)))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("reasons."):
            yield from ((place, code) for argument in node.args[:1] if (code := text(argument)))


def test_all_that_is_declared_is_known_as_soon_as_the_app_is_ready() -> None:
    program = "import django; django.setup(); from integrations import reasons; print(*reasons.ALL)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert set(done.stdout.split()) == declared().keys(), done.stderr


def test_the_codes_that_people_have_alerts_on_are_there() -> None:
    codes = {"unsubscribed", "opted_out", "throttled", "list_gone", "outcome_unknown", "expired", "frozen"}
    assert codes | {"not_answering", "not_confirmed", "malformed_email", "time_out_of_range"} <= reasons.ALL.keys()


def test_a_reason_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        reasons.declare("throttled", "Again", "It is.", because="it is", means="It is.", who=Who.NOBODY)
    written = Counter(
        code
        for _, node in nodes()
        if isinstance(node, ast.Call) and called(node) in DECLARES and node.args and (code := text(node.args[0]))
    )
    assert written.most_common(1)[0][1] == 1


def test_nothing_else_makes_a_reason() -> None:
    makes = {"Reason", "reasons.Reason"}
    makers = {place for place, node in nodes() if isinstance(node, ast.Call) and ast.unparse(node.func) in makes}
    assert makers == {"integrations/reasons.py"}


def test_a_code_that_is_written_out_somewhere_is_declared() -> None:
    known = reasons.ALL.keys() | OF_KLAVIYO | {""}
    assert {(place, code) for place, code in mentioned() if code not in known} == set()
    assert {code for _, code in mentioned()} >= {"list_suppressed", "not_found"}


def test_what_is_told_apart_by_its_code_is_declared() -> None:
    assert reasons.ALL.keys() >= gate.A_PERSONS_NO
    assert set(opt_outs.OBJECTIONS) <= reasons.ALL.keys()
    assert {page_figures.NOT_CONFIRMED, *figures.WITHDRAWN} <= reasons.ALL.keys()
    assert reason_check.REASONS.keys() | reason_check.POSTPONING.keys() <= reasons.ALL.keys()


def test_every_end_of_an_invite_and_every_suppression_and_opt_out_has_a_reason() -> None:
    assert {closing: relevance.CLOSED[closing].code for closing in Invite.Closing} == {
        closing: closing.value for closing in Invite.Closing
    }
    assert set(suppression.REASONS) == set(Suppression.Reason)
    assert {reason.code for reason in topics.OPT_OUTS.values()} == {"opted_out_at_klaviyo", "complained"}


def test_nothing_is_made_of_a_code_alone() -> None:
    with pytest.raises(AttributeError):
        _ = Skipped("made_up").code  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        PermanentError("made_up")  # type: ignore[arg-type]


def test_what_became_of_a_delivery_is_said_in_the_words_of_its_reason() -> None:
    gone = reasons.ALL["list_gone"].about(name="News")
    assert Skipped(gone).code == "list_gone"
    assert Skipped(gone).sentence.startswith("The list “News” is no longer")
    assert outcomes.words(Failed(gone)) == {"reason_code": "list_gone", "reason": gone.sentence}
    assert outcomes.words(Accepted()) == {"reason_code": "", "reason": ""}
    assert str(IntegrationError(gone)) == f"list_gone: {gone.sentence}"
    assert outcomes.of(PermanentError(gone)) == Failed(gone)


def test_outcomes_alike_are_one() -> None:
    reason = reasons.ALL["busy"]
    assert {Retry(reason), Retry(reason.saying(reason.sentence)), Skipped(reason), Skipped(reason)} == {
        Retry(reason),
        Skipped(reason),
    }
    assert Retry(reason) != Retry(reason, refund=True)


def test_an_outcome_that_is_ready_leaves_no_word_open() -> None:
    ready = {
        (module, constant): outcome.sentence
        for module, loaded in list(sys.modules.items())
        for constant, outcome in list(vars(loaded).items())
        if module.startswith(("integrations.", "klaviyo.")) and issubclass(type(outcome), Outcome)
    }
    assert len(ready) > 20
    assert {where: sentence for where, sentence in ready.items() if "{" in sentence} == {}


@pytest.mark.parametrize("code", sorted(declared()))
def test_an_entry_is_made_of_sentences(code: str) -> None:
    reason = reasons.ALL[code]
    assert reason.code == code
    assert reason.title[0].isupper()
    assert not reason.title.endswith(".")
    assert reason.sentence.endswith((".", "}"))
    assert not reason.because.endswith(".")
    assert reason.means.endswith(".")
    assert reason.do.endswith(".")
    assert reason.who


def test_a_reason_has_a_name_of_its_own() -> None:
    titles = [title for _, title in reasons.titles()]
    assert len(titles) == len(set(titles)) == len(reasons.ALL)
    assert titles == sorted(titles)
    assert dict(reasons.titles())["list_gone"] == "List gone"


def test_integrations_names_no_provider() -> None:
    own = {code for code, place in declared().items() if place.startswith("integrations/")}
    assert len(own) > 30
    assert [code for code in own if "klaviyo" in str(reasons.ALL[code]).lower()] == []


def test_the_pages_of_a_provider_call_it_by_its_name() -> None:
    asked, looked_up = reasons.of("http_503").naming("Klaviyo"), reasons.ALL["undecided"].naming("Klaviyo")
    assert asked.because == "Klaviyo answered with an error of its own"
    assert asked.means.startswith("This is about the way to Klaviyo, not about the person.")
    assert looked_up.means == "A different account came back from Klaviyo's consent screen."


@pytest.mark.parametrize("code", ["http_500", "http_503", "http_302", "http_408", "http_425"])
def test_troubles_of_a_server_are_one_reason(code: str) -> None:
    reason = reasons.of(code, "Klaviyo answered so.")
    assert (reason.title, reason.who) == ("Server in trouble", Who.ITSELF)
    assert (reason.code, reason.sentence) == (code, "Klaviyo answered so.")
    assert reasons.is_known(code)


@pytest.mark.parametrize("code", ["http_400", "http_409", "http_499"])
def test_what_is_wrong_with_a_request_is_none_of_them(code: str) -> None:
    assert not reasons.is_known(code)


def test_a_code_of_klaviyos_own_is_explained_by_its_own_words() -> None:
    reason = reasons.of("duplicate_profile", "Klaviyo refuses it: there is one.")
    assert not reasons.is_known("duplicate_profile")
    assert (reason.code, reason.sentence) == ("duplicate_profile", "Klaviyo refuses it: there is one.")
    assert "above" in reason.means
    assert reasons.title("duplicate_profile") == "Duplicate profile"


def test_a_reason_has_one_name_on_every_page() -> None:
    for code, reason in reasons.ALL.items():
        incident = Incident.__new__(Incident)
        object.__setattr__(incident, "code", code)
        assert incident.title == figures.words(code) == reasons.of(code).title == reason.title


def rows() -> list[tuple[str, str]]:
    """The README's table of what an operator sees: the codes of a row, and what to do."""
    [table] = re.findall(r"^\| what an operator sees \|.*\n\| ---.*\n((?:\|.*\n)+)", README, re.M)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    return [(code, do) for sees, _, do in cells for code in re.findall(r"`([a-z_]+)`", sees)]


def test_the_readme_tells_operators_what_the_pages_tell_them() -> None:
    assert len(rows()) > 20
    assert {code: f"{do.replace('`', '')}." for code, do in rows()} == {
        code: reasons.ALL[code].do for code, _ in rows()
    }
