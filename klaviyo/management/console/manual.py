"""Manual of the command line: which actions there are, and what one of them takes."""

import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from klaviyo.action_groups import ASKING_SOMETIMES, GROUPS

USAGE = """\
usage: manage.py klaviyo ACTION --connection N [--field value …]
       manage.py klaviyo ACTION --help
       manage.py klaviyo --list [--json]

Run an action on a Klaviyo account. Lists are printed as JSON lines, one for each item.

  --connection N     the connection's number, as in its address; `all` for what only reads
  --field value      as ACTION --help names them; an object as JSON, as @file, or as name=value repeated
  --fields a,b       of what is read: these fields alone; a list may be repeated
  --input FILE       a JSON object with fields, which options go before; - reads it from standard input
  --json             print the outcome as JSON
  --dry-run          print the requests as they would go, and send nothing
  --yes              do what cannot be taken back
  --all, --limit N   of a list: all of it, or so many (100)
  --from CURSOR      of a list: go on from the `next` of an earlier answer
  --key K            the same key with the same input is run once

ends with 0 after a success, 1 after a failure, 2 when the input cannot be used, 3 after an error
"""


def overview() -> Iterator[str]:
    """The help without an action; it imports none."""
    yield USAGE
    for group, names in GROUPS.items():
        yield from _wrapped(f"{group:<11}", " ".join(names))


def listing() -> Iterator[str]:
    """All actions, with what they do and what other products call them."""
    for action in _everything():
        seeds = f" ({', '.join(action.seeds)})" if action.seeds else ""
        mark = "" if not action.asks else "(☠) " if action.name in ASKING_SOMETIMES else "☠ "
        yield f"{action.name:<28}{mark}{action.summary}{seeds}"


def as_data() -> list[dict[str, Any]]:
    """All actions for programs."""
    return [
        {
            "name": one.name,
            "group": one.group,
            "summary": one.summary,
            "seeds": list(one.seeds),
            "operations": [*one.sometimes, *one.operations],
            "scopes": list(one.scopes),
            "is_read": one.is_read,
            "asks": bool(one.asks),
            "fields": [field.alias or name for name, field in one.inputs.model_fields.items()],
        }
        for one in _everything()
    ]


def of_action(name: str) -> Iterator[str]:
    """The help of one action. Raises NoSuchAction."""
    from klaviyo.actions.catalogue import find
    from klaviyo.actions.inputs import Inputs
    from klaviyo.management.console.options import Options, help_of

    action = find(name)
    options = Options(action)
    yield f"usage: manage.py klaviyo {name} --connection N [--field value …]"
    yield ""
    yield from action.description.splitlines()
    yield ""
    facts = {
        "known as": ", ".join(action.seeds),
        "operations": ", ".join([*(f"({id})" for id in action.sometimes), *action.operations]),
        "scopes": ", ".join(action.scopes),
        "asks first": ""
        if not action.asks
        else "for some inputs: it needs --yes then"
        if name in ASKING_SOMETIMES
        else "yes: it needs --yes",
    }
    yield from (line for title, fact in facts.items() if fact for line in _wrapped(f"{title:<11}", fact))
    general = set(Inputs.model_fields)
    for title, wanted in (("fields", False), ("patience", True)):
        yield ""
        yield f"{title}:"
        for option, field_name in options.names.items():
            if (field_name in general) is wanted:
                left, right = help_of(options, option)
                yield from _columns(left, right)
    yield ""
    yield "examples:"
    for given in action.examples:
        words = options.example(given)
        yield f"  manage.py klaviyo {name} --connection 1 {words}".rstrip() + (" --yes" if action.asks else "")
        if words == "--input -":
            yield f"    which reads {_json(given)}"


def _json(given: Any) -> str:
    import json

    return json.dumps(given, ensure_ascii=False)


def _everything() -> Any:
    from klaviyo.actions.catalogue import everything

    return everything()


def _width() -> int:
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))


def _wrapped(left: str, right: str) -> list[str]:
    return textwrap.wrap(
        right,
        _width(),
        initial_indent=f"  {left} ",
        subsequent_indent=" " * (len(left) + 3),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns(left: str, right: str) -> list[str]:
    at = 30
    if len(left) + 4 > at:
        lead, first = [f"  {left}"], " " * at
    else:
        lead, first = [], f"  {left}".ljust(at)
    if not right:
        return [f"  {left}"]
    return lead + textwrap.wrap(right, _width(), initial_indent=first, subsequent_indent=" " * at)
