"""Types: how the cells of a column are read."""

from zoneinfo import ZoneInfo

from klaviyo.syncs.columns import dates, fields, lists, numbers, texts, yes_no
from klaviyo.syncs.columns.cells import Reader
from klaviyo.syncs.columns.document import Field


def reader(field: Field, label: str, zone: ZoneInfo) -> Reader:
    """What reads the cells of a field; warnings name its `label`."""
    change = texts.change_of(field.transforms)
    match field.type:
        case "text":
            return texts.reader(change, fields.CHECKS.get(field.name))
        case "list":
            return lists.lists(label, field.separator, change)
        case "number":
            read = fields.in_range(numbers.reader(label, field.decimal), field.name)
        case "yes_no":
            read = yes_no.read
        case "date":
            read = dates.days(label, zone, field.form, at_noon=field.at_noon)
        case "moment":
            read = dates.moments(label, zone, field.form)
        case _:
            read = lists.objects(label)
    return _trimmed(read) if "trim" in field.transforms else read


def _trimmed(read: Reader) -> Reader:
    def trimmed(value: object, warnings: list[str]) -> object:
        if isinstance(value, str):
            value = value.strip()
        return None if value == "" else read(value, warnings)

    return trimmed
