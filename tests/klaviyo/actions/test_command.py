"""Actions from the command line: how fields are given, what is refused and how, what is printed, and how it ends."""

import io
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, ManagementUtility, call_command

from integrations import shutdown
from integrations.api.outcome import Outcome, Problem
from integrations.models import Connection
from klaviyo.action_groups import ASKING
from klaviyo.actions import catalogue
from klaviyo.management.console import manual, printing
from klaviyo.management.console.options import DJANGO, OUR_FLAGS, OURS, Options
from klaviyo.models import ActionRun
from tests.klaviyo.actions.world import DEFINITION, World

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(world: World) -> Run:
    """The command with these words, on the account of the world: its exit code, and all that it says."""
    world.exchanges.clear()

    def done(name: str, *words: str, connection: str = "") -> tuple[int, str]:
        out = io.StringIO()
        try:
            call_command("klaviyo", name, "--connection", connection or str(world.connection.pk), *words, stdout=out)
        except SystemExit as ending:
            return int(str(ending.code)), out.getvalue()
        except CommandError as problem:
            return problem.returncode, out.getvalue() + str(problem)
        return 0, out.getvalue()

    return done


def test_no_field_has_the_name_of_an_option_of_ours() -> None:
    ours = {f"--{name}" for name in (*OURS, *OUR_FLAGS)} | set(DJANGO) | {"--help", "--list"}
    for action in catalogue.everything():
        options = Options(action)
        assert not ours & set(options.names) - {"--all"}
        assert not ours & set(options.aliases)


def test_those_that_ask_are_those_that_say_so() -> None:
    assert {one.name for one in catalogue.everything() if one.asks} == ASKING


@pytest.mark.parametrize("option", ["--list-id", "--list_id", "--klaviyo-list-id", "--klaviyo_list_id"])
def test_a_field_goes_by_its_names(world: World, run: Run, option: str) -> None:
    id = world.list()
    status, said = run("get_list", option, f" {id} ", "--json")
    assert (status, json.loads(said)["data"]["id"]) == (0, id)


def test_objects_lists_and_flags(world: World, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "definition.json"
    file.write_text(json.dumps(DEFINITION))
    for given in (json.dumps(DEFINITION), f"@{file}"):
        status, said = run("create_segment", "--name", "Fans", "--definition", given, "--is-starred", "--json")
        assert (status, json.loads(said)["data"]["attributes"]["is_starred"]) == (0, True)
    email = world.email()
    status, said = run(
        "upsert_profile",
        "--email",
        email,
        "--property",
        "tier=gold",
        "--property",
        "club=tea",
        "--first-name",
        "",
        "--json",
    )
    assert (status, json.loads(said)["data"]["custom"]) == (0, {"tier": "gold", "club": "tea"})
    tag, lists = world.tag(), [world.list(), world.list()]
    for words in (["--list-ids", lists[0], "--list-ids", lists[1]], ["--list-ids", json.dumps(lists)]):
        world.exchanges.clear()
        assert run("tag_things", "--tag-id", tag, *words)[0] == 0
        assert world.asked() == ["tag_lists"]
        assert [one["id"] for one in json.loads(world.exchanges[0].body)["data"]] == lists


def test_options_go_before_the_input(world: World, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"name": "Old", "opt_in_process": "double_opt_in"}')
    status, said = run("create_list", "--input", str(file), "--name", "New", "--json")
    attributes = json.loads(said)["data"]["attributes"]
    assert (status, attributes["name"], attributes["opt_in_process"]) == (0, "New", "double_opt_in")


@pytest.mark.parametrize(
    ("action", "words", "line"),
    [
        ("get_lst", [], "did you mean get_list?"),
        ("get_list", ["--lst-id", "x"], "--lst-id: there is no such option: did you mean --list-id?"),
        ("get_list", ["--list-id", "a b"], "--list-id: "),
        ("get_list", [], "--list-id: This is required."),
        ("get_list", ["--list-id", ""], "--list-id: This is required."),
        ("get_list", ["--list-id", "Y1", "--list-id", "Y2"], "--list-id: this was given twice"),
        ("get_list", ["--list-id", "Y1", "--klaviyo-list-id", "Y2"], "--list-id: this was given twice"),
        ("get_list", ["Y1"], "A word stands where an option was expected."),
        ("get_profiles", ["--phone-number", "5125551234"], "--phone-number: Write the phone number with"),
        (
            "create_segment",
            ["--name", "A", "--definition", '{"a":\n 1 2}'],
            "--definition: this is not JSON: line 2, column 4",
        ),
        ("create_segment", ["--name", "A", "--definition", '["a"'], "--definition: this is not JSON: line 1"),
        ("upsert_profile", ["--properties", '["a"]'], "--properties: this is a list: send a JSON object"),
        ("upsert_profile", ["--properties", '{"a": "\\u0000"}'], "--properties: this holds a NUL character"),
        ("upsert_profile", ["--properties", '{"a": "\\ud83d"}'], "--properties: this holds half a character"),
        ("upsert_profile", ["--properties", '{"a":' + "[" * 100 + "]" * 100 + "}"], "deeper than 50 levels"),
        ("upsert_profile", ["--properties", "@/nowhere"], "--properties: the file cannot be read"),
        (
            "create_event",
            ["--event-name", "A", "--profile", '{"email": "ann@shop.example"}', "--value", "NaN"],
            "--value:",
        ),
    ],
)
def test_what_cannot_be_used_is_a_line_for_each_field(
    world: World, run: Run, action: str, words: list[str], line: str
) -> None:
    status, said = run(action, *words)
    assert status == 2
    assert line in said
    assert not world.exchanges
    assert not ActionRun.objects.exists()


def test_no_value_is_repeated(run: Run) -> None:
    for words in (["--secret_kye", "hush-hush"], ["--secret-key", "hush", "--secret-key", "hush-hush"]):
        assert "hush" not in run("create_webhook", *words)[1]


def test_connections(world: World, run: Run) -> None:
    pk = world.connection.pk
    assert run("list_accounts", connection="99")[0] == 2
    assert "99 to Klaviyo. There are:" in run("list_accounts", connection="99")[1]
    assert run("create_list", connection="all") == (
        2,
        "--connection: create_list changes something, so name one account.",
    )
    status, said = run("list_accounts", "--json", connection="all")
    assert (status, json.loads(said)["connection"]) == (0, pk)


def test_what_asks_needs_yes(world: World, run: Run) -> None:
    id = world.list()
    world.exchanges.clear()
    status, said = run("delete_list", "--list-id", id)
    assert (status, "gone for good" in said, "--yes" in said, world.exchanges) == (2, True, True, [])
    assert run("delete_list", "--list-id", id, "--dry-run")[0] == 0
    assert not world.exchanges
    assert run("delete_list", "--list-id", id, "--yes")[0] == 0
    assert world.asked() == ["delete_list"]


def test_exit_codes_and_what_people_read(world: World, run: Run) -> None:
    status, said = run("get_profiles", "--klaviyo-id", "01NOBODY")
    assert (status, said.splitlines()[0].partition(":")[0]) == (1, "failure")
    Connection.objects.update(state=Connection.State.DISCONNECTED)
    assert run("list_accounts")[0] == 3


def test_a_key_is_one_run(world: World, run: Run) -> None:
    for _ in range(2):
        assert run("create_list", "--name", "Fans", "--key", "k1")[0] == 0
    assert world.asked() == ["create_list"]
    assert run("create_list", "--name", "Others", "--key", "k1")[0] == 1


def test_a_list_that_breaks_off_says_where_and_goes_on(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        world.list()
    everything = [json.loads(line)["id"] for line in run("list_lists", "--all")[1].splitlines()]
    monkeypatch.setattr(shutdown, "asked", lambda: True)
    status, said = run("list_lists", "--all", "--sort", "-created")
    monkeypatch.undo()
    lines = [json.loads(line) for line in said.splitlines()]
    assert (status, lines[-1]["outcome"], lines[-1]["after"]) == (3, "error", 10)
    status, rest = run("list_lists", "--all", "--sort", "-created", "--from", lines[-1]["next"])
    found = [one["id"] for one in lines[:-1]] + [json.loads(line)["id"] for line in rest.splitlines()]
    assert (status, sorted(found)) == (0, sorted(everything))


def test_a_reader_that_goes_away_ends_it_with_a_good_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        world.list()

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    call_command("klaviyo", "list_lists", "--connection", str(world.connection.pk), "--all", stdout=Gone())
    assert ActionRun.objects.get(action="list_lists", origin="command").codes == ["stopped"]


@pytest.mark.parametrize("action", catalogue.everything(), ids=lambda one: one.name)
def test_help_says_what_there_is(action: Any) -> None:
    out = io.StringIO()
    call_command("klaviyo", action.name, "--help", stdout=out)
    said = out.getvalue()
    assert action.summary in said
    for option in Options(action).names:
        assert option[2:] in said
    for label in action.seeds:
        assert label.replace(" ", "") in said.replace(" ", "").replace("\n", "")
    assert not any(line.startswith("  manage.py") and "@" in line for line in said.splitlines())


def test_it_starts_about_as_fast_as_a_check() -> None:
    """In turn, and by the processor's time: whatever else the machine does, counts for both."""
    spent: dict[str, list[float]] = {"check": [], "help": []}
    for _ in range(3):
        for name, words in {"check": ["check"], "help": ["klaviyo", "--help"]}.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent["help"]) <= 1.35 * min(spent["check"])


def test_a_read_prints_what_it_read(world: World, run: Run) -> None:
    id = world.list()
    status, said = run("get_list", "--list-id", id)
    lines = said.splitlines()
    assert (status, lines[0]) == (0, "success")
    assert lines[1].split() == ["id", id]
    assert lines[2].split()[0] == "name"
    assert "http" not in said
    assert run("create_list", "--name", "Fans")[1].splitlines()[1].split()[0] == "id"


def test_a_dry_run_shows_its_requests(world: World, run: Run) -> None:
    status, said = run("create_list", "--name", "Fans", "--dry-run")
    assert status == 0
    assert "POST " in said
    assert '"name": "Fans"' in said
    assert not world.exchanges


def test_long_texts_are_left_to_json() -> None:
    told = list(
        printing.for_people(Outcome("success", data={"type": "t", "id": "1", "attributes": {"html": "x" * 300}}))
    )
    assert told[1:] == ["  id    1", "  html  (300 characters: --json has it)"]


def test_a_refusal_is_said_once() -> None:
    problem = Problem("invalid", "A list has this name.", pointer="/data/attributes/name")
    told = list(printing.for_people(Outcome("failure", "Klaviyo refuses it: A list has this name.", errors=(problem,))))
    assert told == ["failure: Klaviyo refuses it: A list has this name."]


def test_a_list_says_how_to_go_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(12):
        world.list()
    for words in ([], ["--json"]):
        err = io.StringIO()
        number = str(world.connection.pk)
        call_command(
            "klaviyo", "list_lists", "--connection", number, "--limit", "10", *words, stdout=io.StringIO(), stderr=err
        )
        assert "There are more. Go on with --from " in err.getvalue()


@pytest.mark.parametrize(
    ("action", "words", "wanted"),
    [
        ("list_lists", ["--limt", "3"], "--limt: there is no such option: did you mean --limit?"),
        ("list_lists", ["--limit", "two"], "--limit: This is no whole number."),
        ("list_lists", ["--limit", "3", "--all"], "--limit: Give all, or a limit, not both."),
        (
            "add_profile_to_list",
            ["--list-id", "Y6nRLr"],
            "Say who it is about: --email, --phone-number, --klaviyo-id or --external-id.",
        ),
    ],
)
def test_it_is_said_in_one_sentence(world: World, run: Run, action: str, words: list[str], wanted: str) -> None:
    assert run(action, *words) == (2, wanted)


def test_the_connection_is_complained_of_first(run: Run) -> None:
    assert run("get_list", connection="99")[1].startswith("--connection: there is no connection 99")


def test_names_of_fields_may_be_joined_by_commas(world: World, run: Run) -> None:
    world.list()
    world.exchanges.clear()
    assert run("list_lists", "--fields", "name,created")[0] == 0
    assert "fields%5Blist%5D=name%2Ccreated" in str(world.exchanges[0]) or "name,created" in str(world.exchanges[0])


def test_a_key_that_was_used_says_that_nothing_was_done_again(world: World) -> None:
    said = []
    for _ in range(2):
        err = io.StringIO()
        words = ["create_list", "--connection", str(world.connection.pk), "--name", "Fans", "--key", "k1"]
        call_command("klaviyo", *words, stdout=io.StringIO(), stderr=err)
        said.append("nothing was done again" in err.getvalue())
    assert said == [False, True]


def test_help_by_django_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    ManagementUtility(["manage.py", "help", "klaviyo"]).execute()
    said = capsys.readouterr().out
    assert all(line in said for line in manual.USAGE.splitlines())
