"""Merge tags: each property of the catalogue with its type, an example, and what to write in a template at Klaviyo.

https://help.klaviyo.com/hc/en-us/articles/115005084927
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from klaviyo.mapping import catalogue, examples
from klaviyo.mapping.catalogue import Metric

PREFIX = "sorae_"
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Property:
    """One property; `example` as text, from the made-up story or, where `is_live`, of a person's own."""

    name: str
    meaning: str
    type: str
    example: str
    tag: str
    is_live: bool = False


@dataclass(frozen=True)
class Told:
    """A metric with its properties; those that stand on every event apart."""

    metric: Metric
    properties: tuple[Property, ...]


def of_events(live: Mapping[str, Mapping[str, Any]]) -> list[Told]:
    """Every metric; `live` has a person's own properties, by the metric's key."""
    stories = {event.metric.key: examples.properties(event) for event in examples.told()}
    return [
        Told(metric, tuple(_of(metric.properties, stories[metric.key], live.get(metric.key, {}))))
        for metric in catalogue.CATALOGUE
    ]


def everywhere(live: Mapping[str, Mapping[str, Any]]) -> list[Property]:
    """What stands on every event; `live` as of `of_events`, of which the last one counts."""
    first = next(examples.told())
    last: Mapping[str, Any] = next(reversed(list(live.values())), {})
    return list(_of(catalogue.EVERY_EVENT, examples.properties(first), last))


def of_profile(live: Mapping[str, Any]) -> list[Property]:
    """What stands on an advocate's profile. `live` has a person's own, by the whole name."""
    meanings = {f"{PREFIX}{name}": meaning for name, meaning in catalogue.PROFILE.items()}
    return list(_of(meanings, examples.profile(), live, of="person"))


def _of(
    meanings: Mapping[str, str], story: Mapping[str, Any], live: Mapping[str, Any], of: str = "event"
) -> Iterator[Property]:
    for name, meaning in meanings.items():
        is_live = name in live
        value = live[name] if is_live else story.get(name)
        yield Property(name, meaning, _type(story.get(name)), _text(value), _tag(of, name, value), is_live)


def _tag(of: str, name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{{% for item in {of}|lookup:'{name}' %}}{{{{ item.name }}}}{{% endfor %}}"
    if of == "person":
        return f"{{{{ person|lookup:'{name}' }}}}"
    return f"{{{{ {of}.{name} }}}}" if PLAIN.fullmatch(name) else f"{{{{ {of}|lookup:'{name}' }}}}"


def _type(value: Any) -> str:
    match value:
        case bool():
            return "yes or no"
        case int() | float():
            return "number"
        case list():
            return "list"
        case str() if re.match(r"\d{4}-\d{2}-\d{2}T", value):
            return "time"
    return "text"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
