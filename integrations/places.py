"""Places: each delivery's row of the queue's own table, kept in step by triggers of the database.

So nobody can write a state, by whatever way, that the queue does not know of; and what a state's change costs is one
narrow row with its indexes, while the delivery's own row is changed where it lies.
"""

from collections.abc import Iterable

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

COLUMNS = {
    "delivery_id": "{row}.id",
    "connection_id": "{row}.connection_id",
    "kind": "{row}.kind",
    "state": "{row}.state",
    "is_alone": "({row}.attempts_made >= {row}.shared_tries)",
    "lane": "{row}.lane",
    "suspects": "CASE WHEN {row}.state = 'queued' THEN {row}.lease END",
    "next_try_at": "{row}.next_try_at",
    "not_after": "{row}.not_after",
    "settled_at": "{row}.settled_at",
    "is_named": "({row}.subject <> '')",
}
DELIVERY, PLACE = "integrations_delivery", "integrations_place"
NAMES = ("places_added", "places_changed", "places_removed")


def install(editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers, in place of those that may be there."""
    remove(editor)
    for statement in _postgresql() if editor.connection.vendor == "postgresql" else _sqlite():
        editor.execute(statement)


def remove(editor: BaseDatabaseSchemaEditor) -> None:
    for name in NAMES:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {DELIVERY}")
            editor.execute(f"DROP FUNCTION IF EXISTS {name}()")
        else:
            editor.execute(f"DROP TRIGGER IF EXISTS {name}")


def keep(editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers anew where a table was made anew without them, and what places were missed."""
    with editor.connection.cursor() as cursor:
        if not {DELIVERY, PLACE} <= set(editor.connection.introspection.table_names(cursor)):
            return
        cursor.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [DELIVERY])
        if cursor.fetchone()[0] == len(NAMES):
            return
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {DELIVERY}")
        last = cursor.fetchone()[0]
    install(editor)
    editor.execute(fill(1, last))


def fill(first: int, last: int) -> str:
    """The statement that makes the places which are missing of these deliveries, by id."""
    rows = f"FROM {DELIVERY} AS d WHERE d.id BETWEEN {first} AND {last}"  # a WHERE, or SQLite reads ON as a join's
    return f"INSERT INTO {PLACE} ({', '.join(COLUMNS)}) SELECT {_of('d')} {rows} ON CONFLICT DO NOTHING"


def _postgresql() -> Iterable[str]:
    """Once for each statement, with all rows that it has written as a table.

    https://www.postgresql.org/docs/current/sql-createtrigger.html. However old the statistics are by which the
    function's plans were made, each row is found by its key.
    """
    by_key = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off"
    changes = ", ".join(f"{name} = {one.format(row='r')}" for name, one in COLUMNS.items() if name != "delivery_id")
    mine = ", ".join(f"p.{name}" for name in COLUMNS if name != "delivery_id")
    theirs = ", ".join(one.format(row="r") for name, one in COLUMNS.items() if name != "delivery_id")
    bodies = {
        "places_added": f"INSERT INTO {PLACE} ({', '.join(COLUMNS)}) SELECT {_of('r')} FROM told AS r "
        "ON CONFLICT DO NOTHING",
        "places_changed": f"UPDATE {PLACE} AS p SET {changes} FROM told AS r "
        f"WHERE p.delivery_id = r.id AND ({mine}) IS DISTINCT FROM ({theirs})",
        "places_removed": f"DELETE FROM {PLACE} AS p USING told AS r WHERE p.delivery_id = r.id",
    }
    events = {"places_added": "INSERT", "places_changed": "UPDATE", "places_removed": "DELETE"}
    for name, body in bodies.items():
        table = "OLD" if events[name] == "DELETE" else "NEW"
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {by_key} "
            f"AS $$ BEGIN {body}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {name} AFTER {events[name]} ON {DELIVERY} REFERENCING {table} TABLE AS told "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _sqlite() -> Iterable[str]:
    """Once for each row: https://www.sqlite.org/lang_createtrigger.html"""
    changes = ", ".join(f"{name} = {one.format(row='NEW')}" for name, one in COLUMNS.items() if name != "delivery_id")
    yield (
        f"CREATE TRIGGER places_added AFTER INSERT ON {DELIVERY} BEGIN "
        f"INSERT OR IGNORE INTO {PLACE} ({', '.join(COLUMNS)}) VALUES ({_of('NEW')}); END"
    )
    yield (
        f"CREATE TRIGGER places_changed AFTER UPDATE ON {DELIVERY} BEGIN "
        f"UPDATE {PLACE} SET {changes} WHERE delivery_id = NEW.id; END"
    )
    yield (
        f"CREATE TRIGGER places_removed AFTER DELETE ON {DELIVERY} BEGIN "
        f"DELETE FROM {PLACE} WHERE delivery_id = OLD.id; END"
    )


def _of(row: str) -> str:
    return ", ".join(one.format(row=row) for one in COLUMNS.values())
