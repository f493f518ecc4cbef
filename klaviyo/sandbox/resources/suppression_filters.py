"""Suppression filters: people by the reason and time of a suppression, global or for one list."""

from klaviyo.sandbox.protocol.filter_language import parse, wrong
from klaviyo.sandbox.protocol.filters import RANGE, Column, moment

_MARKETING = "subscriptions.email.marketing"
_GLOBAL = "FROM json_each(p.consent, '$.suppressions') s"
_BY_LIST = "FROM json_each(p.consent, '$.list_suppressions') s"
_OF_ONE_GLOBAL = f"EXISTS (SELECT 1 {_GLOBAL} WHERE {{}})"
_OF_ONE_LIST = f"EXISTS (SELECT 1 {_BY_LIST} WHERE {{}})"
_EQUALS = frozenset({"equals"})

FILTERS = {
    f"{_MARKETING}.suppression.reason": Column("s.key", _EQUALS, of_one=_OF_ONE_GLOBAL),
    f"{_MARKETING}.suppression.timestamp": Column("s.value", RANGE, moment, _OF_ONE_GLOBAL),
    f"{_MARKETING}.list_suppressions.reason": Column("json_extract(s.value, '$[0]')", _EQUALS, of_one=_OF_ONE_LIST),
    f"{_MARKETING}.list_suppressions.list_id": Column("s.key", _EQUALS, of_one=_OF_ONE_LIST),
    f"{_MARKETING}.list_suppressions.timestamp": Column("json_extract(s.value, '$[1]')", RANGE, moment, _OF_ONE_LIST),
}
# Somebody with several suppressions stands where the latest of them is.
SORTS = {
    f"{_MARKETING}.suppression.timestamp": f"(SELECT MAX(s.value) {_GLOBAL})",
    f"{_MARKETING}.list_suppressions.timestamp": f"(SELECT MAX(json_extract(s.value, '$[1]')) {_BY_LIST})",
}


def check(text: str | None) -> None:
    """Refusal unless a filter asks for global suppressions or one list's, and of times for at most one range."""
    conditions = parse(text) if text else []
    asked = [one for one in conditions if one.field.startswith(f"{_MARKETING}.")]
    fields = {one.field.removeprefix(f"{_MARKETING}.") for one in asked}
    by_list = {one for one in fields if one.startswith("list_suppressions.")}
    if by_list and fields - by_list:
        raise wrong("Global and list suppressions cannot be combined.")
    if by_list and "list_suppressions.list_id" not in by_list:
        raise wrong("list_suppressions filters need a list_id.")
    bounds = [one.operator.partition("-")[0] for one in asked if one.field.endswith(".timestamp")]
    if len(bounds) != len(set(bounds)):
        raise wrong("At most one date range is allowed.")
