"""The third step of a sync: who is meant by a row, and what is written of each of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict

from klaviyo.models import Sync
from klaviyo.pages.syncs.preview import Preview, samples
from klaviyo.syncs.columns import document, fields, people
from klaviyo.syncs.columns.suggest import Proposal, suggest
from klaviyo.syncs.columns.texts import TRANSFORMS

Document = dict[str, Any]
PROPERTY = "properties."
OWN = "properties"
MORE = 3  # lines for templates and constants
LONGEST = 500

KINDS = {"email": "E-mail address", "phone_number": "Phone number", "external_id": "External id", "id": "Klaviyo's id"}
FIELD_NAMES = {
    "first_name": "First name",
    "last_name": "Last name",
    "title": "Job title",
    "organization": "Organisation",
    "locale": "Language",
    "image": "Picture",
    "email": "E-mail address",
    "phone_number": "Phone number",
    "external_id": "External id",
    "value": "Value",
    "value_currency": "Currency of the value",
    "location.address1": "Address, line 1",
    "location.address2": "Address, line 2",
    "location.zip": "Postal code",
    "location.ip": "IP address",
    "location.timezone": "Time zone",
}
TYPES = {
    "text": "Text",
    "number": "Number",
    "yes_no": "Yes or no",
    "date": "Date",
    "moment": "Date and time",
    "list": "List",
    "json": "JSON",
}
FORMS = {
    "iso": "2026-03-29",
    "dd/mm/yyyy": "29/03/2026, day first",
    "mm/dd/yyyy": "03/29/2026, month first",
    "excel": "Excel's day number",
    "unix": "Unix seconds",
    "unix_ms": "Unix milliseconds",
}
CHANGES = {"trim": "Trim blanks", "lower": "lower case", "upper": "UPPER CASE", "title": "Title Case"}
CHOOSE_A_FORM = "Day and month could be either way round: choose how the dates are written."


@dataclass(frozen=True)
class Line:
    """One line of the form: what is read (a column, a template or a constant), and where it is written."""

    prefix: str
    column: str = ""
    live: tuple[str, ...] = ()
    source: str = "column"
    written: str = ""
    target: str = ""
    own_name: str = ""
    type: str = "text"
    form: str = "iso"
    decimal: str = ""
    transforms: tuple[str, ...] = ()
    empty_words: str = ""
    when_empty: str = "leave"
    at_noon: bool = False
    is_identity: bool = False
    problems: tuple[str, ...] = ()

    @property
    def has_more(self) -> bool:
        return bool(self.transforms or self.empty_words or self.at_noon or self.decimal)


@dataclass
class Form:
    """The form as it is shown."""

    destination: str
    columns: Sequence[str]
    identity: Mapping[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    metric: Mapping[str, str] = field(default_factory=dict)
    time: Mapping[str, str] = field(default_factory=dict)
    consent: list[dict[str, Any]] = field(default_factory=list)
    consented_at: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return list(KINDS.items())

    @property
    def targets(self) -> list[tuple[str, str]]:
        """Klaviyo's own fields, for which the destination has room."""
        if self.destination == fields.EVENTS:
            names: Sequence[str] = fields.OF_EVENTS
        elif self.destination == fields.SUBSCRIPTIONS:
            names = ("email", "phone_number")
        else:
            names = (*fields.STANDARD, *fields.IDENTIFIERS, *(f"location.{one}" for one in fields.LOCATION))
        return [(name, FIELD_NAMES.get(name) or name.partition(".")[2].capitalize()) for name in names]

    @property
    def has_others(self) -> bool:
        """Whether anything is written that is no column."""
        return any(line.source != "column" and line.target for line in self.lines)

    @property
    def has_properties(self) -> bool:
        return self.destination != fields.SUBSCRIPTIONS

    @property
    def can_clear(self) -> bool:
        return self.destination in (fields.PROFILES, fields.LIST)

    types = tuple(TYPES.items())
    forms = tuple(FORMS.items())
    changes = tuple(CHANGES.items())


def suggested(sync: Sync, preview: Preview) -> Document:
    """What the columns are likely to be, as a mapping; a person decides."""
    found = suggest(preview.columns, samples(preview), destination=sync.destination)
    by_field = {one.field: one for one in reversed(found)}
    kind = next((one for one in people.KINDS if one in by_field), "")
    made: Document = {"identity": {"kind": kind or "email", "column": by_field[kind].column if kind else ""}}
    made["fields"] = [
        one.as_json()
        for one in found
        if one.field and one.field not in (kind, "time", "metric") and not one.field.startswith("consent.")
    ]
    if sync.destination == fields.EVENTS:
        made["metric"] = {"column": by_field["metric"].column} if "metric" in by_field else {"name": sync.name}
        made |= {"time": _time(by_field["time"])} if "time" in by_field else {}
    if sync.destination == fields.SUBSCRIPTIONS:
        made["fields"] = [one for one in made["fields"] if not fields.problem(one["field"], sync.destination)]
        made["consent"] = _consent(by_field)
    return made


def read(sync: Sync, data: QueryDict) -> Document:
    """The form as a mapping, which may be wrong."""

    def text(name: str) -> str:
        return data.get(name, "").replace("\x00", "")[:LONGEST]

    identity = {"kind": text("identity.kind"), "column": text("identity.column")}
    identity |= {name: text(f"identity.{name}") for name in ("country", "country_column")}
    identity["country"] = identity["country"].strip().upper()
    made: Document = {"identity": {name: value for name, value in identity.items() if value}}
    made["fields"] = [one for prefix in _prefixes(sync) if (one := _field(data, prefix, text))]
    if sync.destination == fields.EVENTS:
        by_column = text("metric.column")
        made["metric"] = {"column": by_column} if by_column else {"name": text("metric.name").strip()}
        if column := text("time.column"):
            made["time"] = {"column": column, "form": text("time.form") or "iso"}
    if sync.destination == fields.SUBSCRIPTIONS:
        consent: Document = {}
        for channel in document.CHANNELS:
            if column := text(f"consent.{channel}.column"):
                ticked = [one[:LONGEST] for one in data.getlist(f"consent.{channel}.yes")]
                more = [one.strip() for one in text(f"consent.{channel}.more").split(",")]
                consent[channel] = {"column": column, "yes": list(dict.fromkeys(one for one in ticked + more if one))}
        if column := text("consent.consented_at.column"):
            consent["consented_at"] = {"column": column, "form": text("consent.consented_at.form") or "iso"}
        made["consent"] = consent
    return made


def shown(sync: Sync, made: Document, preview: Preview, problems: Mapping[str, str]) -> Form:
    """A mapping as a form, with what is wrong beside the field."""
    columns = list(sync.source.columns)
    identity = made.get("identity") or {}
    form = Form(sync.destination, columns, identity, problems=_outside(problems))
    told = list(made.get("fields") or [])
    by_column: dict[str, tuple[int, Document]] = {}
    others = list[tuple[int, Document]]()
    for number, one in enumerate(told):
        column = one.get("column")
        if column in columns and column not in by_column:
            by_column[column] = number, one
        else:
            others.append((number, one))
    for place, column in enumerate(columns):
        number, one = by_column.get(column, (-1, {}))
        line = _line(f"c{place}", one, _of(problems, number), column, tuple(preview.live(column)))
        form.lines.append(replace(line, is_identity=column == identity.get("column") and not one))
    form.lines += [_line(f"m{place}", one, _of(problems, number)) for place, (number, one) in enumerate(others)]
    free = range(len(others), max(MORE, len(others) + 1))
    form.lines += [Line(f"m{place}", source="template") for place in free]
    form.metric = made.get("metric") or {}
    form.time = made.get("time") or {}
    consent = made.get("consent") or {}
    form.consented_at = consent.get("consented_at") or {}
    form.consent = [_channel(name, consent.get(name) or {}, preview) for name in document.CHANNELS]
    return form


def _prefixes(sync: Sync) -> list[str]:
    count = len(sync.mapping.get("fields") or []) + MORE + 1
    return [f"c{place}" for place in range(len(sync.source.columns))] + [f"m{place}" for place in range(count)]


def _field(data: QueryDict, prefix: str, text: Any) -> Document | None:
    target = text(f"{prefix}.target")
    if not target:
        return None
    name = f"{PROPERTY}{text(f'{prefix}.own').strip()}" if target == OWN else target
    made: Document = {"field": name}
    source = text(f"{prefix}.source") or "column"
    if source == "column":
        made["column"] = text(f"{prefix}.column")
    else:
        written = text(f"{prefix}.written")
        if not written:
            return None
        made[source if source in ("template", "constant") else "template"] = written
    if target == OWN:
        made["type"] = text(f"{prefix}.type") or "text"
    elif name in fields.NUMBERS:
        made["type"] = "number"
    type = made.get("type", "text")
    if type in ("date", "moment"):
        made["form"] = text(f"{prefix}.form") or "iso"
    if type == "number" and text(f"{prefix}.decimal") in (".", ","):
        made["decimal"] = text(f"{prefix}.decimal")
    changes = [one for one in data.getlist(f"{prefix}.transforms") if one in TRANSFORMS]
    if type not in ("text", "list"):
        changes = [one for one in changes if one == "trim"]
    if changes:
        made["transforms"] = changes
    if words := [one.strip() for one in text(f"{prefix}.empty_words").split(",") if one.strip()]:
        made["empty_words"] = words
    if text(f"{prefix}.when_empty") == "clear":
        made["when_empty"] = "clear"
    if type == "date" and f"{prefix}.at_noon" in data:
        made["at_noon"] = True
    return made


def _line(prefix: str, one: Document, problems: tuple[str, ...], column: str = "", live: tuple[str, ...] = ()) -> Line:
    name = str(one.get("field", ""))
    is_own = name.startswith(PROPERTY)
    source = next((kind for kind in ("template", "constant") if kind in one), "column" if column else "template")
    return Line(
        prefix=prefix,
        column=column or str(one.get("column", "")),
        live=live,
        source="column" if "column" in one and not column else source,
        written=str(one.get("template", one.get("constant", "")) or ""),
        target=OWN if is_own else name,
        own_name=name.removeprefix(PROPERTY) if is_own else column.strip(),
        type=str(one.get("type", "text")),
        form=str(one.get("form", "iso")),
        decimal=str(one.get("decimal") or ""),
        transforms=tuple(one.get("transforms") or ()),
        empty_words=", ".join(one.get("empty_words") or ()),
        when_empty=str(one.get("when_empty", "leave")),
        at_noon=bool(one.get("at_noon")),
        problems=problems,
    )


def _channel(name: str, told: Document, preview: Preview) -> dict[str, Any]:
    words = preview.words(told["column"]) if told.get("column") else []
    yes = list(told.get("yes") or [])
    return {
        "name": name,
        "title": "E-mail" if name == "email" else "Text messages",
        "column": told.get("column", ""),
        "words": [(one, one in yes) for one in dict.fromkeys([*words, *yes])],
    }


def _of(problems: Mapping[str, str], number: int) -> tuple[str, ...]:
    """What is wrong with the field of that number."""
    if number < 0:
        return ()
    at = f"fields.{number}"
    found = [
        CHOOSE_A_FORM if where == f"{at}.form" and "must be one of" in sentence else sentence
        for where, sentence in problems.items()
        if where == at or where.startswith(f"{at}.")
    ]
    return tuple(found)


def _outside(problems: Mapping[str, str]) -> dict[str, str]:
    """What is wrong elsewhere, by where it is, with dots as a template cannot read them."""
    return {
        where.replace(".", "_"): CHOOSE_A_FORM if where.endswith(".form") else sentence
        for where, sentence in problems.items()
        if not where.startswith("fields.")
    }


def _time(one: Proposal) -> Document:
    return {"column": one.column, "form": one.form or "iso"}


def _consent(found: Mapping[str, Proposal]) -> Document:
    made: Document = {}
    for channel in document.CHANNELS:
        if one := found.get(f"consent.{channel}"):
            made[channel] = {"column": one.column, "yes": list(one.yes)}
    if one := found.get("consent.consented_at"):
        made["consented_at"] = _time(one)
    return made
