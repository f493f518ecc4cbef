"""Query parameters of an API call: sparse fields, extra fields, includes, order, pages and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.protocol import campaign_fields, flow_fields
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid_parameter
from klaviyo.sandbox.protocol.paging import Sort


def _words(text: str | None, mark: str = ",") -> frozenset[str]:
    return frozenset(word.strip() for word in (text or "").split(mark) if word.strip())


_PROFILE = _words(
    "created email external_id first_name id image last_event_date last_name locale location organization "
    "phone_number predictive_analytics properties subscriptions title updated",
    " ",
)
_SUPPRESSION = _words("completed_at completed_count created_at id skipped_count status total_count", " ")

FIELDS: Mapping[str, frozenset[str]] = {
    "account": _words(
        "contact_information id industry locale preferred_currency public_api_key test_account timezone", " "
    ),
    "profile": _PROFILE,
    "event": _words("datetime event_properties id timestamp uuid", " "),
    "metric": _words("created id integration name updated", " "),
    "list": _words("created id name opt_in_process profile_count updated", " "),
    "segment": _words("created definition id is_active is_processing is_starred name profile_count updated", " "),
    "profile-bulk-import-job": _words(
        "completed_at completed_count created_at expires_at failed_count id started_at status total_count", " "
    ),
    "profile-suppression-bulk-create-job": _SUPPRESSION,
    "profile-suppression-bulk-delete-job": _SUPPRESSION,
    "webhook": _words("created_at description enabled endpoint_url id name updated_at", " "),
    "webhook-topic": frozenset({"id"}),
    **flow_fields.FIELDS,
    "import-error": _words("code detail id original_payload source title", " "),
    **campaign_fields.FIELDS,
}
_NESTED = frozenset(
    {"contact_information", "location", "predictive_analytics", "subscriptions", "definition", "source"}
)
_PASSED_OVER = frozenset({"conversation", "push-token", "flow", "tag", "attribution"})


@dataclass(frozen=True)
class Rules:
    """What a call's query may say.

    `words` are the names that `fields[…]` of a kind may hold where it has its own; `others` are parameters of this
    operation alone.
    """

    fields: tuple[str, ...] = ()
    additional: Mapping[str, frozenset[str]] | None = None
    include: frozenset[str] = frozenset()
    sort: frozenset[str] = frozenset()
    page: tuple[int, int] | None = None
    cursor: bool = False
    filter: bool = False
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def names(self) -> Iterable[str]:
        yield from (f"fields[{kind}]" for kind in (*self.fields, *_PASSED_OVER))
        yield from (f"additional-fields[{kind}]" for kind in self.additional or {})
        paging = ("page[size]", "page[cursor]") if self.page else ("page[cursor]",) if self.cursor else ()
        yield from (*paging, *self.others)
        yield from (
            name for name, there in (("include", self.include), ("sort", self.sort), ("filter", self.filter)) if there
        )


@dataclass(frozen=True)
class Query:
    """What a call's query says, checked against the rules of its operation."""

    rules: Rules
    given: Mapping[str, str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], rules: Rules) -> Query:
        query = cls(rules, dict(pairs))
        allowed = set(rules.names())
        wrong = [
            invalid_parameter(f"'{name}' is not a valid parameter for this operation.", name)
            for name in query.given
            if name not in allowed
        ]
        wrong += [problem for name in query.given if name in allowed for problem in query._wrong_names(name)]
        if wrong:
            raise Refusal(*wrong)
        return query

    @property
    def filter(self) -> str | None:
        return self.given.get("filter")

    @property
    def cursor(self) -> str | None:
        return self.given.get("page[cursor]") or None

    @property
    def include(self) -> frozenset[str]:
        return _words(self.given.get("include"))

    def additional(self, kind: str) -> frozenset[str]:
        return _words(self.given.get(f"additional-fields[{kind}]"))

    def page_size(self) -> int:
        default, most = self.rules.page or (200, 200)
        text = self.given.get("page[size]", str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            detail = f"Page size must be an integer between 1 and {most}."
            raise Refusal(invalid_parameter(detail, "page[size]"))
        return int(text)

    def sort(self, columns: Mapping[str, str], default: str) -> Sort:
        asked = self.given.get("sort", default)
        name = asked.removeprefix("-")
        if name not in columns:
            detail = f"'{asked}' is not a valid sort. Use one of: {', '.join(columns)}."
            raise Refusal(invalid_parameter(detail, "sort"))
        return Sort(columns[name], asked.startswith("-"))

    def sparse(self, kind: str, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes that `fields[kind]` and `additional-fields[kind]` ask for, or all without the first."""
        asked = self.given.get(f"fields[{kind}]")
        if asked is None:
            return attributes
        kept: dict[str, Any] = {}
        paths = _words(asked)
        named = {path.partition(".")[0] for path in paths}
        for path in paths | (self.additional(kind) - named):
            _copy(attributes, kept, path.split("."))
        return kept

    def _wrong_names(self, name: str) -> Iterable[Problem]:
        words = _words(self.given[name])
        if name == "include":
            allowed = self.rules.include
        elif name.startswith("additional-fields["):
            allowed = (self.rules.additional or {}).get(name[18:-1], frozenset())
        elif name.startswith("fields[") and (name[7:-1] not in _PASSED_OVER or name[7:-1] in FIELDS):
            allowed = self.rules.words.get(name[7:-1]) or FIELDS.get(name[7:-1], frozenset()) | {"joined_group_at"}
            if not any("." in word for word in allowed):
                words = frozenset(word.split(".")[0] if word.split(".")[0] in _NESTED else word for word in words)
        else:
            return
        for word in sorted(words - allowed):
            detail = f"'{word}' is not a valid value for '{name}'. Use one of: {', '.join(sorted(allowed))}."
            yield invalid_parameter(detail, name.partition("[")[0] if name == "include" else name)


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    if rest and isinstance(source[name], dict):
        _copy(source[name], target.setdefault(name, {}), rest)
    else:
        target[name] = source[name]
