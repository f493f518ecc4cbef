"""Template rendering: `{{ name }}` and `{{ person.name|default:"friend" }}`; other tags stay as they are."""

import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"{{\s*([\w.]+)\s*(?:\|\s*default:\s*(?:\"([^\"]*)\"|'([^']*)')\s*)?}}")


def rendered(text: str | None, context: Mapping[str, Any]) -> str | None:
    """A variable without a value outputs nothing, or its default."""
    if text is None:
        return None
    return _TAG.sub(lambda tag: _text(_value(context, tag[1]), tag[2] or tag[3] or ""), text)


def _value(context: Mapping[str, Any], path: str) -> Any:
    found: Any = context
    for name in path.split("."):
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(value: Any, default: str) -> str:
    return default if value is None or value is False or value == "" else str(value)
