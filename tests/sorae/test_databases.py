"""Database URLs: what one says counts, and what no database can have is refused in words."""

from typing import Any

import pytest

from sorae import databases

POSTGRES = "postgres://sorae:secret@localhost/sorae"
LITE = "sqlite:///lite.sqlite3"


def settings(address: str) -> dict[str, Any]:
    found = databases.read(address)
    assert found is not None
    assert databases.wrong(found) is None
    return found


@pytest.mark.parametrize("name", ["conn_max_age", "CONN_MAX_AGE"])
@pytest.mark.parametrize("address", [POSTGRES, LITE])
@pytest.mark.parametrize(("told", "read"), [("0", 0), ("600", 600), ("None", None)])
def test_how_long_a_connection_stays_open_counts(name: str, address: str, told: str, read: int | None) -> None:
    assert settings(f"{address}?{name}={told}")["CONN_MAX_AGE"] == read


def test_what_is_not_said_is_ours() -> None:
    found = settings(f"{POSTGRES}?sslmode=require&conn_health_checks=False")
    assert (found["CONN_MAX_AGE"], found["OPTIONS"], found["CONN_HEALTH_CHECKS"]) == (60, {"sslmode": "require"}, False)
    assert settings(POSTGRES)["CONN_HEALTH_CHECKS"] is True
    options = settings(f"{LITE}?timeout=5")["OPTIONS"]
    assert (options["timeout"], options["transaction_mode"]) == (5, "IMMEDIATE")
    assert settings(LITE)["OPTIONS"] == databases.SQLITE["OPTIONS"]


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("%2Fvar%2Frun%2Fpostgresql", "/var/run/postgresql"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("one_db,B\u00fccher.example", "one_db,xn--bcher-kva.example"),
        ("[::1]", "::1"),
    ],
)
def test_a_host_is_what_the_library_looks_up(host: str, read: str) -> None:
    assert settings(f"postgres://sorae:secret@{host}/sorae")["HOST"] == read


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (f"{POSTGRES}?conn_max_age=long", "has a conn_max_age that is no number of seconds."),
        (f"{POSTGRES}?conn_max_age=-1", "has a conn_max_age that is no number of seconds."),
        (f"{POSTGRES}?conn_max_age=True", "has a conn_max_age that is no number of seconds."),
        (f"{LITE}?conn_max_age=1.5", "has a conn_max_age that is no number of seconds."),
        (f"{POSTGRES}?conn_health_checks=maybe", "has conn_health_checks that is neither True nor False."),
        (f"{POSTGRES}?atomic_requests=True", "changes what a transaction is."),
        (f"{POSTGRES}?autocommit=False", "changes what a transaction is."),
        (f"{LITE}?transaction_mode=DEFERRED", "changes what a transaction is."),
        (f"{POSTGRES}?isolation_level=3", "changes what a transaction is."),
        (f"{POSTGRES}?pool=true", "asks for a pool, which only another library than ours has."),
        (f"{LITE}?mode=ro", "has an option that SQLite does not take: mode."),
    ],
)
def test_what_no_database_can_have_is_refused(address: str, sentence: str) -> None:
    found = databases.read(address)
    assert found is not None
    told, hint = databases.wrong(found) or ("", "")
    assert told == sentence
    assert hint
