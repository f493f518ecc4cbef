"""Inputs of a call: the JSON object of its body, strictly read, or a form with a picture."""

import base64
import json
from typing import Any

from integrations.api import reading
from integrations.api.endpoint import MULTIPART, Call
from integrations.api.outcome import FAILURE, Outcome, Problem, failure
from integrations.api.refusals import Refused, refused
from klaviyo.actions import checking
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs

CONFIRM = "confirm"
DRY = "dry_run"
FILE = "file"
TAKES_FILES = ("upload_image",)


def read(call: Call, action: Action) -> tuple[Inputs, bool]:
    """The action's input, and whether it is only to be tried dry. `Refused` with 400, 415 or 422.

    What asks must be confirmed, unless it is dry.
    """
    if call.request.content_type == MULTIPART:
        return _of_form(call, action)
    whole = _object(call.body)
    given = dict(whole)
    is_dry = _said(given, DRY)
    is_confirmed = bool(action.asks) and _said(given, CONFIRM)
    raw = json.dumps(given).encode() if given != whole else call.body
    found = reading.checked(action.inputs, raw)
    if isinstance(found, Outcome):
        raise Refused(422, found)
    _must_be_askable(action, found)
    if (question := action.question(found)) and not is_confirmed and not is_dry:
        sentence = f"{question} Send it again with confirm: true to do it."
        raise Refused(422, failure("needs_confirmation", sentence, pointer=f"/{CONFIRM}", data={"question": question}))
    return found, is_dry


def _object(body: bytes) -> dict[str, Any]:
    try:
        return reading.read_object(body)
    except reading.Unreadable as problem:
        raise Refused(400, failure(reading.BROKEN, str(problem))) from None


def _said(given: dict[str, Any], name: str) -> bool:
    """Whether it is said beside the fields, from which it is taken out."""
    value = given.pop(name, False)
    if not isinstance(value, bool):
        problem = Problem(reading.INVALID, "Input should be a valid boolean.", pointer=f"/{name}")
        raise Refused(422, reading.invalid([problem]))
    return value


def _of_form(call: Call, action: Action) -> tuple[Inputs, bool]:
    """Of a form, whose values are all texts; the picture has the name that it is sent with, unless one is given."""
    if action.name not in TAKES_FILES:
        sentence = "Send the body as application/json: this action takes no file."
        raise refused(415, "wrong_content_type", sentence, headers={"Accept": "application/json"})
    form, files = call.request.POST, call.request.FILES
    twice = [name for name in {*form, *files} if len(form.getlist(name)) + len(files.getlist(name)) > 1]
    if twice or set(files) - {FILE}:
        sentence = "Send each field once, and one file, as file."
        raise Refused(422, Outcome(FAILURE, sentence, errors=(Problem(reading.INVALID, sentence),)))
    given: dict[str, Any] = {name: value for name, value in form.items() if value != ""}
    dry = given.pop(DRY, "false")
    if dry not in ("true", "false"):
        problem = Problem(reading.INVALID, "Send true or false.", pointer=f"/{DRY}")
        raise Refused(422, reading.invalid([problem]))
    if file := files.get(FILE):
        given[FILE] = base64.b64encode(file.read()).decode()
        file.seek(0)
        if not ({"name", "image_name"} & set(given)) and file.name:
            given["name"] = file.name[:255]
    try:
        return checking.checked(action, given), dry == "true"
    except checking.BadInput as bad:
        raise Refused(422, bad.outcome) from None


def _must_be_askable(action: Action, found: Inputs) -> None:
    try:
        checking.must_be_askable(action, found)
    except checking.BadInput as bad:
        raise Refused(422, bad.outcome) from None
