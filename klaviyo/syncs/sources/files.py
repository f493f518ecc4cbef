"""Files as tables: delimited ones and JSON lines."""

from klaviyo.syncs.sources.contents import Content
from klaviyo.syncs.sources.delimited import DelimitedTable
from klaviyo.syncs.sources.json_lines import JsonLinesTable
from klaviyo.syncs.sources.readings import JSON_LINES, Reading
from klaviyo.syncs.sources.table import Table


def table(content: Content, reading: Reading, *, first: int | None = None) -> Table:
    """The file as it is read that way. Raises SourceError; so does iterating. `first`: so many rows are wanted."""
    if reading.delimiter == JSON_LINES:
        return JsonLinesTable(content, reading, first)
    return DelimitedTable(content, reading)
