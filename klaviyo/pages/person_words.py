"""Person's words: their opt-ins and opt-outs, why they are not written to, and their erasures; one query for all."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    ExpressionWrapper,
    F,
    JSONField,
    Q,
    QuerySet,
    TextField,
    UUIDField,
    Value,
)
from django.db.models.functions import Lower

from klaviyo.models import Erasure
from klaviyo.pages.permissions import Part
from referrals import person_key, suppressions
from referrals.models import OptIn, OptOut, Suppression

OPT_IN, OPT_OUT, SUPPRESSION, ERASURE = "opt-in", "opt-out", "suppression", "erasure"
NOTHING = Value("", CharField())
NO_TEXT = Value("", TextField())
NO_CHANNELS = Value([], JSONField())
KINDS: dict[str, Any] = {OPT_IN: OptIn.Proof, OPT_OUT: OptOut.Scope, SUPPRESSION: Suppression.Reason}


@dataclass(frozen=True)
class Word:
    """One of them; `kind` is the proof of an opt-in, the scope of an opt-out, and the reason of a suppression."""

    what: str
    pk: int
    uid: uuid.UUID | None
    at: datetime
    kind: str
    store: str | None
    place: str
    channels: Sequence[str]
    wording: str
    has_address: bool

    @property
    def kind_in_words(self) -> str:
        return str(KINDS[self.what](self.kind).label)


@dataclass(frozen=True)
class Words:
    """A person's, newest first. Of an opt-out that is older than an erasure no address is kept."""

    opt_ins: list[Word] = field(default_factory=list)
    opt_outs: list[Word] = field(default_factory=list)
    suppressions: list[Word] = field(default_factory=list)
    erasures: list[Word] = field(default_factory=list)


def of(email: str, open: Collection[Part], most: int) -> Words:
    """Those that are open; of opt-ins the latest."""
    spelled = Q(mailbox__in=suppressions.spellings(email))
    keys = person_key.every(email)
    opt_ins = OptIn.objects.alias(mailbox=Lower("email")).filter(spelled).order_by("-pk").values("pk")[:most]
    opt_outs = OptOut.objects.alias(mailbox=Lower("email")).filter(spelled | person_key.stored("person", keys))
    parts: list[tuple[bool, QuerySet[Any, Any]]] = [
        (Part.OPT_INS in open, _opt_ins(OptIn.objects.filter(pk__in=opt_ins))),
        (Part.OPT_OUTS in open, _opt_outs(opt_outs, spelled)),
        (True, _erasures(Erasure.objects.filter(person_key.stored("mailbox_hash", keys)))),
        (
            Part.SUPPRESSIONS in open,
            _suppressions(Suppression.objects.filter(person_key.stored("mailbox_hash", keys))),
        ),
    ]
    first, *others = [rows for is_open, rows in parts if is_open]
    found = [Word(*row) for row in first.union(*others, all=True)]
    found.sort(key=lambda word: word.pk, reverse=True)
    return Words(*(_all(what, found) for what in (OPT_IN, OPT_OUT, SUPPRESSION, ERASURE)))


def _all(what: str, words: Iterable[Word]) -> list[Word]:
    return [word for word in words if word.what == what]


def _opt_ins(rows: "QuerySet[OptIn]") -> "QuerySet[Any, Any]":
    columns = ("pk", "uid", "occurred_at", "proof", "store__name", "place", "channels", "wording__text")
    return _columns(rows, OPT_IN, *map(F, columns), Value(True))


def _opt_outs(rows: "QuerySet[OptOut]", spelled: Q) -> "QuerySet[Any, Any]":
    columns = ("pk", "uid", "occurred_at", "scope", "store__name", "place")
    has_address = ExpressionWrapper(spelled, BooleanField())
    return _columns(rows, OPT_OUT, *map(F, columns), NO_CHANNELS, NO_TEXT, has_address)


def _erasures(rows: "QuerySet[Erasure]") -> "QuerySet[Any, Any]":
    at = map(F, ("pk", "uid", "requested_at"))
    return _columns(rows, ERASURE, *at, NOTHING, NOTHING, NOTHING, NO_CHANNELS, NO_TEXT, Value(False))


def _suppressions(rows: "QuerySet[Suppression]") -> "QuerySet[Any, Any]":
    said = (F("pk"), Value(None, UUIDField()), F("created_at"), F("reason"), F("store__name"))
    return _columns(rows, SUPPRESSION, *said, NOTHING, NO_CHANNELS, NO_TEXT, Value(False))


def _columns(rows: "QuerySet[Any]", what: str, *columns: Any) -> "QuerySet[Any, Any]":
    return rows.order_by().values_list(Value(what), *columns)
