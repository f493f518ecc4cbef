"""Names that `fields[…]` may hold of flows, tags, aggregates and reports."""

from collections.abc import Mapping

FIELDS: Mapping[str, frozenset[str]] = {
    "flow": frozenset({"archived", "created", "definition", "id", "name", "status", "trigger_type", "updated"}),
    "flow-action": frozenset({"created", "definition", "id", "updated"}),
    "tag": frozenset({"id", "name"}),
    "tag-group": frozenset({"default", "exclusive", "id", "name"}),
    "metric-aggregate": frozenset({"data", "dates", "id"}),
    "campaign-values-report": frozenset({"id", "results"}),
    "flow-values-report": frozenset({"id", "results"}),
}
