"""Copies of a run: each does what the run did, and puts nobody among the arguments of a program."""

import json
import re
import subprocess
from typing import Any

import pytest

from klaviyo.actions import catalogue, copying
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.world import World

GIVEN = {"list_id": "Y6nRLr", "email": "ann's+tea@shop.example"}


def here_document(text: str) -> Any:
    found = re.search(r"<<'END'\n(.*)\nEND$", text, re.S)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("copied", [copying.as_command, copying.as_curl])
def test_people_are_in_no_argument_and_a_shell_can_read_it(copied: Any) -> None:
    text = copied(catalogue.find("add_profile_to_list"), 7, GIVEN)
    assert "ann" not in text.partition("<<'END'")[0]
    assert here_document(text) == GIVEN
    subprocess.run(["bash", "-n"], input=text.encode(), check=True)


def test_a_shell_hands_over_just_what_was_given() -> None:
    given = {"list_id": "Y6nRLr", "name": "$(date) `id` \\ 'END'\nEND\n"}
    text = copying.as_command(catalogue.find("update_list"), 7, given)
    script = text.replace(".venv/bin/python manage.py klaviyo update_list --connection 7 --input -", "cat")
    done = subprocess.run(["bash"], input=script.encode(), capture_output=True, check=True)
    assert json.loads(done.stdout) == given


def test_what_asks_is_confirmed() -> None:
    action = catalogue.find("delete_list")
    assert "--yes" in copying.as_command(action, 7, {"list_id": "Y6nRLr"})
    assert here_document(copying.as_curl(action, 7, {"list_id": "Y6nRLr"})) == {"list_id": "Y6nRLr", "confirm": True}
    assert "--yes" not in copying.as_command(catalogue.find("get_list"), 7, {"list_id": "Y6nRLr"})


def test_no_secret_is_copied() -> None:
    action, given = catalogue.find("update_webhook"), {"webhook_id": "1", "secret_key": "a long secret of ours"}
    for copied in (copying.as_command, copying.as_curl, copying.as_python):
        assert "long secret" not in copied(action, 7, given)


@pytest.mark.parametrize("name", ["add_profile_to_list", "create_event", "list_lists", "create_campaign"])
def test_python_does_the_same(world: World, name: str) -> None:
    given = CASES[name].given(world)
    space: dict[str, Any] = {}
    exec(copying.as_python(catalogue.find(name), world.connection.pk, given), space)
    assert space["outcome"].outcome == "success"


def test_python_takes_names_that_are_no_arguments(world: World) -> None:
    text = copying.as_python(catalogue.find("list_lists"), world.connection.pk, {"limit": 1, "from": "x"})
    assert "**{'from': 'x'}" in text
    compile(text, "copied", "exec")
