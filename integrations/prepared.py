"""Statements that are written down once: a process keeps the SQL that Django makes of a query, and only values change.

To write a statement takes Django longer than to have it carried out. This is for the few that every call makes.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db import connection as database
from django.db.models.expressions import DatabaseDefault
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery

AT_ONCE = 1_000  # rows
MOST_PARTS = 2

Row = TypeVar("Row")
Query = models.QuerySet[Any, Any]
Read = Callable[[Sequence[Any]], Any]


class Given(models.Value):
    """The place of a value that is given later: `filter(pk=Given("pk"))`. With a field it is stored as that one's."""

    def __init__(self, name: str, field: Any = None) -> None:
        super().__init__(name, output_field=field or models.TextField())
        self.name, self.stored_as = name, field

    def as_sql(self, *_: Any) -> Any:
        """A place alone, whose value is found by `stored`."""
        return "%s", [self]

    def stored(self, given: Mapping[str, Any], now: Any) -> Any:
        """Its value, for that connection."""
        value = given[self.name]
        return self.stored_as.get_db_prep_save(value, now) if self.stored_as else value


@dataclass(frozen=True)
class _Statement:
    """SQL with its values, some of which are yet to be given; and how its rows are read."""

    sql: str
    places: tuple[Any, ...]
    read: Read = tuple

    def values(self, given: Mapping[str, Any], now: Any) -> list[Any]:
        return [one.stored(given, now) if type(one) is Given else one for one in self.places]


class _Prepared:
    """A statement, written with its first use; `make` is the query that it is made of."""

    def __init__(self, make: Callable[[], Query]) -> None:
        self._make = make
        self._written: dict[str, _Statement] = {}

    def _statement_for(self, vendor: str) -> _Statement:
        if vendor not in self._written:
            self._written[vendor] = self._write()
        return self._written[vendor]

    def _write(self) -> _Statement:
        raise NotImplementedError


class Reading(_Prepared, Generic[Row]):
    """A query that reads, by whatever is `Given` in it."""

    def __init__(self, make: "Callable[[], models.QuerySet[Any, Row]]") -> None:
        super().__init__(make)

    def all(self, **given: Any) -> list[Row]:
        now = connections[DEFAULT_DB_ALIAS]
        statement = self._statement_for(now.vendor)
        with now.cursor() as cursor:
            cursor.execute(statement.sql, statement.values(given, now))
            return [statement.read(row) for row in cursor.fetchall()]

    def first(self, **given: Any) -> Row | None:
        return next(iter(self.all(**given)), None)

    def _write(self) -> _Statement:
        rows = self._make()
        compiler = rows.query.get_compiler(connection=_of_nobody())
        sql, places = compiler.as_sql()
        return _Statement(sql, tuple(places), _reader(compiler, is_model=rows._iterable_class is ModelIterable))


class Changing(_Prepared):
    """An UPDATE of the rows of a query: each of these columns gets the value that is given by its name."""

    def __init__(self, make: Callable[[], Query], columns: Collection[str]) -> None:
        super().__init__(make)
        self._columns = columns

    def save(self, row: models.Model, **given: Any) -> int:
        """Give the columns the values that a row has, by its `pk`."""
        return self.update(**self._of(row), **given)

    def save_with(self, row: models.Model, others: Sequence[models.Model], **given: Any) -> bool:
        """The same, and `others` of one model are written with it, if the row is still one of the query's."""
        if not others:
            return bool(self.save(row, **given))
        if database.vendor != "postgresql" or len(others) > AT_ONCE:
            with transaction.atomic():
                if is_changed := bool(self.save(row, **given)):
                    insert(*others)
                return is_changed
        now = connections[DEFAULT_DB_ALIAS]
        statement, insertion = self._statement_for(now.vendor), _insertion(others[0])
        # One statement is a transaction of its own, and each part of it sees the same moment:
        # https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
        added = _insertion_if(insertion, len(others))
        sql = f"WITH changed AS ({statement.sql} RETURNING 1), added AS ({added}) SELECT count(*) FROM changed"  # noqa: S608
        with now.cursor() as cursor:
            values = statement.values(self._of(row) | given, now)
            cursor.execute(sql, [*values, *_values(others, insertion, now)])
            return bool(cursor.fetchone()[0])

    def update(self, **given: Any) -> int:
        """How many rows were changed."""
        now = connections[DEFAULT_DB_ALIAS]
        statement = self._statement_for(now.vendor)
        with now.cursor() as cursor:
            cursor.execute(statement.sql, statement.values(given, now))
            return int(cursor.rowcount)

    def _of(self, row: models.Model) -> dict[str, Any]:
        fields: list[Any] = [row._meta.get_field(name) for name in self._columns]
        return {"pk": row.pk} | {one.name: getattr(row, one.attname) for one in fields}

    def _write(self) -> _Statement:
        rows = self._make()
        query: Any = rows.query.chain(UpdateQuery)
        fields: list[Any] = [rows.model._meta.get_field(name) for name in self._columns]
        query.add_update_fields([(one, None, Given(one.name, one)) for one in fields])
        sql, places = query.get_compiler(connection=_of_nobody()).as_sql()
        return _Statement(sql, tuple(places))


def insert(*rows: models.Model) -> None:
    """Write new rows, all or none; those of one model stand together. Nobody is told of them by a signal.

    What the database gives the first one by itself is read back.
    """
    parts = list(_parts(rows))
    if database.vendor == "postgresql" and len(parts) <= MOST_PARTS:
        _insert(parts)
        return
    if len(rows) == 1:
        rows[0].save(force_insert=True)
        return
    with transaction.atomic():
        for part in parts:
            if database.vendor == "postgresql":
                _insert([part])
            elif part[0] is rows[0] and len(part) == 1:
                part[0].save(force_insert=True)
            else:
                type(part[0])._default_manager.bulk_create(part)


def _parts(rows: Sequence[models.Model]) -> Iterator[list[models.Model]]:
    """Of one model each, and no more at once than are quickly read."""
    for _, alike in groupby(rows, type):
        some = list(alike)
        yield from (some[at : at + AT_ONCE] for at in range(0, len(some), AT_ONCE))


def _insert(parts: Sequence[Sequence[models.Model]]) -> None:
    """One statement is a transaction of its own: https://www.postgresql.org/docs/current/queries-with.html"""
    now, first = connections[DEFAULT_DB_ALIAS], parts[0][0]
    insertions = [_insertion(part[0]) for part in parts]
    is_read_back = len(parts[0]) == 1 and bool(insertions[0].left_out)
    sql = _insertion_sql(tuple(insertions), tuple(map(len, parts)), is_read_back)
    pairs = zip(parts, insertions, strict=True)
    values = [value for part, insertion in pairs for value in _values(part, insertion, now)]
    with now.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone() if is_read_back else ()
    for field, value in zip(insertions[0].left_out, found, strict=bool(found)):
        setattr(first, field.attname, value)
    for part in parts:
        for row in part:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@dataclass(frozen=True)
class _Insertion:
    """Into which columns of a table a row is written, and which the database fills."""

    table: str
    given: tuple[Any, ...]
    left_out: tuple[Any, ...]


def _insertion(row: models.Model) -> _Insertion:
    """What the database fills: https://docs.djangoproject.com/en/5.2/ref/models/fields/#db-default"""
    said = row.__dict__
    left_out = [
        field.attname
        for field in row._meta.concrete_fields
        if isinstance(said.get(field.attname), DatabaseDefault) or (field.primary_key and row.pk is None)
    ]
    return _known_insertion(type(row), tuple(left_out))


@cache
def _known_insertion(model: type[models.Model], left_out: tuple[str, ...]) -> _Insertion:
    fields: list[Any] = list(model._meta.concrete_fields)
    given = tuple(field for field in fields if field.attname not in left_out)
    return _Insertion(model._meta.db_table, given, tuple(field for field in fields if field not in given))


@lru_cache(maxsize=256)  # as many as there are numbers of rows at once
def _insertion_sql(insertions: tuple[_Insertion, ...], numbers: tuple[int, ...], is_read_back: bool) -> str:
    first, *others = map(_insertion_of, insertions, numbers)
    if is_read_back:
        first += f" RETURNING {', '.join(database.ops.quote_name(field.column) for field in insertions[0].left_out)}"
    if not others:
        return first
    named = ", ".join(f"part_{number} AS ({one})" for number, one in enumerate([first, *others]))
    return f"WITH {named} SELECT {'* FROM part_0' if is_read_back else '1'}"  # noqa: S608  (places alone)


def _insertion_of(insertion: _Insertion, number: int) -> str:
    return f"{_into(insertion)} VALUES {_places(insertion, number)}"


@lru_cache(maxsize=256)
def _insertion_if(insertion: _Insertion, number: int) -> str:
    """Where something was changed by the same statement."""
    typed = ", ".join(f"%s{_cast(field.db_type(database))}" for field in insertion.given)
    rows = f"(VALUES {', '.join([f'({typed})'] * number)}) AS rows"
    return f"{_into(insertion)} SELECT rows.* FROM {rows} WHERE EXISTS (SELECT FROM changed)"  # noqa: S608  (as above)


def _cast(kind: str) -> str:
    """What a value is, as NULL alone does not say; a text says it, and would be cut off by a cast."""
    return "" if kind.startswith("varchar") else f"::{kind}"


def _into(insertion: _Insertion) -> str:
    name = database.ops.quote_name
    return f"INSERT INTO {name(insertion.table)} ({', '.join(name(field.column) for field in insertion.given)})"


def _places(insertion: _Insertion, number: int) -> str:
    return ", ".join([f"({', '.join(['%s'] * len(insertion.given))})"] * number)


def _values(rows: Sequence[models.Model], insertion: _Insertion, now: Any) -> list[Any]:
    return [field.get_db_prep_save(field.pre_save(row, add=True), now) for row in rows for field in insertion.given]


def _of_nobody() -> Any:
    """A connection to the database that nothing is asked by: what is written down outlives the one of its thread."""
    return connections.create_connection(DEFAULT_DB_ALIAS)


def _reader(compiler: Any, *, is_model: bool) -> Read:
    """What makes of a row what Django's own querysets make of it: see its ModelIterable and SQLCompiler."""
    select, about, annotations = compiler.select, compiler.klass_info, compiler.annotation_col_map or {}
    converters = list(compiler.get_converters([expression for expression, *_ in select]).items())
    if not is_model:
        return lambda row: tuple(_converted(row, converters))
    own = slice(about["select_fields"][0], about["select_fields"][-1] + 1)
    names = [expression.target.attname for expression, *_ in select[own]]
    others = get_related_populators(about, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]

    def read(row: Sequence[Any]) -> Any:
        row = _converted(row, converters)
        found = about["model"].from_db(DEFAULT_DB_ALIAS, names, row[own])
        for other in others:
            other.populate(row, found)
        for name, at in annotations.items():
            setattr(found, name, row[at])
        return found

    return read


def _converted(row: Sequence[Any], converters: Sequence[Any]) -> list[Any]:
    values = list(row)
    for at, (each, expression) in converters:
        for convert in each:
            values[at] = convert(values[at], expression, database)
    return values
