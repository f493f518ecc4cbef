"""Fields of an action's form, made from its typed model: what is required first, and what is rare last."""

import functools
import json
import operator
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs, Listing, aliases_of
from klaviyo.actions.people import Who
from klaviyo.actions.profile_fields import IN_LOCATION
from klaviyo.api.published import Published

LONG = {"html", "text", "amp", "opt_in", "body", "description"}
ABOUT_ONE = "Who it is about: one of these is enough"
FIRST = ("email", "phone_number", "klaviyo_id", "external_id")
RARE = set(Inputs.model_fields) | {"fields", "additional_fields", "include", "sort", "start"} | set(IN_LOCATION)
RARE |= {"image", "locale", "append", "unappend", "clear", "identifier", "profile_handling", "amp", "backfill"}
RARE |= {"event_fields", "metric_fields", "profile_fields", "unique_id", "proof", "lift_suppressions"}
WORDS = {
    "email": "E-mail",
    "klaviyo_id": "Profile's Klaviyo id",
    "from_id": "Profile that goes",
    "external_id": "External id",
    "opt_in": "Where the yes comes from",
    "list_id": "List",
    "segment_id": "Segment",
    "template_id": "Template",
    "campaign_id": "Campaign",
    "coupon_id": "Coupon",
    "metric_id": "Metric",
    "conversion_metric_id": "Metric of the conversion",
    "flow_id": "Flow",
    "tag_id": "Tag",
    "image_id": "Image",
    "webhook_id": "Webhook",
    "code_id": "Coupon code",
    "list_ids": "Lists",
    "segment_ids": "Segments",
    "campaign_ids": "Campaigns",
    "flow_ids": "Flows",
    "profiles": "People",
    "path": "Values in the path",
    "included": "Goes to",
    "excluded": "But not to",
    "all": "All of them",
    "from": "Go on from",
    "zip": "Postal code",
    "ip": "IP address",
    "url": "Path",
    "html": "HTML",
    "amp": "AMP",
    "identifier": "Found by",
    "profile_handling": "If there are several",
    "timeout_seconds": "Seconds until it ends",
    "max_retries": "Tries again, at most",
    "retry_delay_ms": "Milliseconds between tries",
    "exponential_backoff": "Longer and longer between tries",
    "retry_on_all_errors": "Tries again after every error",
    "additional_fields": "Additional fields",
    "globally": "From everything",
    "confirm": "Look what became of it",
    "wait": "Wait for its end",
}
#: Which of the account's things each field names.
THINGS = {
    "list_id": ("list",),
    "segment_id": ("segment",),
    "template_id": ("template",),
    "campaign_id": ("campaign",),
    "coupon_id": ("coupon",),
    "metric_id": ("metric",),
    "conversion_metric_id": ("metric",),
    "flow_id": ("flow",),
    "tag_id": ("tag",),
    "image_id": ("image",),
    "webhook_id": ("webhook",),
    "list_ids": ("list",),
    "segment_ids": ("segment",),
    "campaign_ids": ("campaign",),
    "flow_ids": ("flow",),
    "included": ("list", "segment"),
    "excluded": ("list", "segment"),
    "topics": ("topic",),
}
BY_NAME = "Choose it by its name, or type its id at Klaviyo."
EXAMPLES = {
    "properties": '{"tier": "gold"}',
    "append": '{"tags": ["vip"]}',
    "unappend": '{"tags": ["old"]}',
    "context": '{"first_name": "Ann"}',
    "path": '{"id": "Y6nRLr"}',
    "query_parameters": '{"page[size]": "5"}',
    "headers": '{"revision": "2026-07-15"}',
    "form_data": '{"name": "Cup"}',
    "file_data": '{"file": "iVBORw0K…"}',
    "file_data_file_names": '{"file": "cup.png"}',
    "custom_tracking_params": '[{"type": "static", "name": "utm_source", "value": "klaviyo"}]',
}


@dataclass(frozen=True)
class Field:
    """One field: `name` as in the form's data, with a dot before what is within an object; `kind` says how it is drawn.

    `things` are the kinds of the account's things that it can name; `group` is the object that it is of, `about_group`
    what there is to say of that; `have_channels`: people, each with the channels that they say yes to.
    """

    name: str
    kind: str
    label: str
    help: str = ""
    elsewhere: tuple[str, ...] = ()
    is_required: bool = False
    is_rare: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    things: tuple[str, ...] = ()
    example: str = ""
    group: str = ""
    about_group: str = ""
    have_channels: bool = False

    @property
    def id(self) -> str:
        return f"f-{self.name.replace('.', '-')}"

    @property
    def is_many(self) -> bool:
        """Whether several things fit into it, each in a line of its own."""
        return self.kind == "lines"


def of(action: Action) -> tuple[Field, ...]:
    """All fields of an action's form."""
    is_about_one = issubclass(action.inputs, Who)
    examples = next(iter(action.examples), {})
    found = [_with_example(field, examples) for field in _fields(action.inputs)]
    found = [field for field in (_as_published(one, action) for one in found) if field]
    if is_about_one:
        found = [replace(one, group=ABOUT_ONE) if one.name in FIRST else one for one in found]
        found = [replace(one, is_rare=True) if one.name == "country" else one for one in found]
    return tuple(sorted(found, key=_rank))


def named(action: Action, name: str) -> Field | None:
    """The field that has this name, here or elsewhere; also one that has no place of its own in the form."""
    own = aliases_of(action.inputs).get(name, name)
    for attribute, info in action.inputs.model_fields.items():
        if own in (attribute, info.alias):
            return replace(_field(own, attribute, info, _bare(info.annotation)), name=name)
    return None


def _rank(field: Field) -> tuple[int, int]:
    last = field.name.rpartition(".")[2]
    if field.is_rare:
        return 3, 1 if field.name in Listing.model_fields or field.name == "from" else 0
    if field.is_required:
        return 0, 0
    return (1, FIRST.index(last)) if last in FIRST else (2, 0)


def _fields(model: type[BaseModel], prefix: str = "", group: str = "", about: str = "") -> Iterator[Field]:
    for attribute, info in model.model_fields.items():
        if attribute == "location" and "city" in model.model_fields:
            continue  # the same, flat
        name = f"{prefix}{info.alias or attribute}"
        bare = _bare(info.annotation)
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            label = _label(attribute)
            known = ", ".join(_elsewhere(info, label))
            said = f"{info.description or ''} {f'Elsewhere: {known}.' if known else ''}".strip()
            yield from _fields(bare, f"{name}.", f"{group}: {label}" if group else label, said)
        else:
            found = _field(name, attribute, info, bare)
            if attribute in IN_LOCATION and (whole := model.model_fields.get("location")):
                found = replace(found, elsewhere=(*found.elsewhere, *_elsewhere(whole, found.label)))
            yield replace(found, group=group, about_group=about)


def _field(name: str, attribute: str, info: FieldInfo, bare: Any) -> Field:
    kind = _kind(attribute, info, bare)
    return Field(
        name=name,
        kind=kind,
        label=_label(info.alias or attribute),
        help=BY_NAME if attribute in THINGS and kind == "line" else info.description or "",
        elsewhere=_elsewhere(info, _label(info.alias or attribute)),
        is_required=info.is_required(),
        is_rare=attribute in RARE,
        default=_default(info),
        choices=_choices(kind, bare),
        things=THINGS.get(attribute, ()),
        example=EXAMPLES.get(attribute, "") if kind.startswith("json") else "",
        have_channels=kind == "people" and _need_channels(bare),
    )


def _need_channels(people: Any) -> bool:
    """Whether each of these people has channels, and must."""
    channels = _bare(get_args(people)[0]).model_fields.get("channels")
    return channels is not None and channels.is_required()


def _bare(annotation: Any) -> Any:
    """The type without what is said about it, and without None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            rest = [one for one in get_args(annotation) if one is not types.NoneType]
            if len(rest) != 1:
                return functools.reduce(operator.or_, map(_bare, rest))
            annotation = rest[0]
        else:
            return annotation


def _kind(attribute: str, info: FieldInfo, bare: Any) -> str:
    simple = {bool: "boolean", int: "number", float: "number", datetime: "moment", date: "date"}
    if bare in simple:
        return simple[bare]
    match get_origin(bare):
        case origin if origin is Literal:
            return "choice"
        case origin if origin is list:
            item = _bare(get_args(bare)[0])
            if isinstance(item, type) and issubclass(item, BaseModel) and "phone_number" in item.model_fields:
                return "people"
            return "many" if get_origin(item) is Literal else "lines" if item is str else "json"
        case origin if origin in (Union, types.UnionType):
            return "json or text" if str in get_args(bare) else "json"
    if bare is not str:
        return "json"
    extra = info.json_schema_extra
    if isinstance(extra, dict) and extra.get("contentEncoding") == "base64":
        return "file"
    return "secret" if attribute == "secret_key" else "text" if attribute in LONG else "line"


def _choices(kind: str, bare: Any) -> tuple[tuple[str, str], ...]:
    if kind == "many":
        bare = _bare(get_args(bare)[0])
    elif kind != "choice":
        return ()
    return tuple((str(value), str(value).replace("_", " ")) for value in get_args(bare))


def _default(info: FieldInfo) -> str:
    """What counts where it is left, in words."""
    default = info.default
    if default is None or default is PydanticUndefined or isinstance(default, dict | list | BaseModel):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return str(default)


def _elsewhere(info: FieldInfo, own: str) -> tuple[str, ...]:
    extra = info.json_schema_extra
    labels: Any = extra.get("seed", ()) if isinstance(extra, dict) else ()
    return tuple(str(label) for label in labels if _same(str(label)) != _same(own))


def _same(label: str) -> str:
    return "".join(filter(str.isalnum, label.lower()))


def _label(name: str) -> str:
    words = WORDS.get(name) or name.removeprefix("is_").replace("_", " ").replace("sms", "SMS")
    return words[:1].upper() + words[1:]


def _with_example(field: Field, examples: dict[str, Any]) -> Field:
    if (field.kind == "people" or field.kind.startswith("json")) and not field.example and field.name in examples:
        return replace(field, example=_json(examples[field.name]))
    return field


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_published(field: Field, action: Action) -> Field | None:
    """With the words that Klaviyo knows; None where the operation has no such thing."""
    asked = action.main
    if asked is None or field.name not in ("fields", "additional_fields", "include", "filter", "sort"):
        return field
    if field.name == "filter":
        if not action.is_listing:
            return field
        return replace(field, help=f"{field.help} By: {', '.join(asked.filters)}.") if asked.filters else None
    known = _known(field.name, asked)
    if not known:
        return None
    if field.name == "sort":
        return replace(field, kind="choice", choices=tuple((word, word) for word in known))
    return replace(field, help=f"{field.help} One in a line: {', '.join(known[:40])}.")


def _known(name: str, asked: Published) -> list[str]:
    stem = name.replace("_", "-")
    found = [words or () for parameter, words in asked.query.items() if parameter.partition("[")[0] == stem]
    return list(dict.fromkeys(word for words in found for word in words))
