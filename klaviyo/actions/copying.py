"""Copies of a run for other ways to make it: a command, a call by curl, and Python. People are in no argument."""

import json
import keyword
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from django.conf import settings

from klaviyo.actions import checking
from klaviyo.actions.declaration import Action
from klaviyo.actions.exchanges import without_secrets

END = "END"


def as_command(action: Action, connection_id: int, given: Mapping[str, Any]) -> str:
    """For a shell: the input is read from a here-document, as arguments can be seen by everybody on a machine."""
    words = f".venv/bin/python manage.py klaviyo {action.name} --connection {connection_id}"
    words += " --yes" if _asks(action, given) else ""
    return f"{words} --input - <<'{END}'\n{_text(given)}\n{END}"


def as_curl(action: Action, connection_id: int, given: Mapping[str, Any]) -> str:
    """For a shell that has a token in `$TOKEN`."""
    told = dict(given) | ({"confirm": True} if _asks(action, given) else {})
    address = f"{settings.SITE_URL}/api/v1/connections/{connection_id}/actions/{action.name}"
    return (
        f"curl --silent --show-error {address} \\\n"
        '  --header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json" \\\n'
        f"  --data-binary @- <<'{END}'\n{_text(told)}\n{END}"
    )


def as_python(action: Action, connection_id: int, given: Mapping[str, Any]) -> str:
    """For a program of the product, or its shell."""
    told = without_secrets(dict(given))
    named = [f"    {name}={_literal(value)}," for name, value in told.items() if _is_argument(name)]
    others = {name: value for name, value in told.items() if not _is_argument(name)}
    lines = [*named, *([f"    **{_literal(others)},"] if others else [])]
    return "\n".join(
        [
            "from integrations.models import Connection",
            "from klaviyo import actions",
            "",
            f"connection = Connection.objects.get(pk={connection_id})",
            f'outcome = actions.run(\n    "{action.name}",\n    connection,',
            *lines,
            ")",
        ]
    )


def _text(given: Mapping[str, Any]) -> str:
    return json.dumps(without_secrets(dict(given)), indent=2, ensure_ascii=False)


def _literal(value: Any) -> str:
    return pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _is_argument(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _asks(action: Action, given: Mapping[str, Any]) -> bool:
    try:
        return bool(action.question(checking.checked(action, given)))
    except checking.BadInput:
        return bool(action.asks)
