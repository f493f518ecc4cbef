"""Databases for syncs are named by the variables that hold their addresses."""

from pathlib import Path

import pytest

from sorae import configuration

PATTERN = "SYNC_DATABASE_URL_NAME"


@pytest.fixture(autouse=True)
def problems(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(configuration, "problem", lambda name, sentence, hint: found.append(f"{name} {sentence}"))
    return found


def test_each_is_known_by_its_name_in_small_letters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problems: list[str]
) -> None:
    (tmp_path / "address").write_text("sqlite:////data/shop.sqlite3\n")
    monkeypatch.setenv("SYNC_DATABASE_URL_WAREHOUSE", "postgres://reader:p@host:5433/shop")
    monkeypatch.setenv("SYNC_DATABASE_URL_MY_SHOP_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("SYNC_DATABASE_URL_SNOW", "snowflake://reader:p@account/db")
    monkeypatch.setenv("SYNC_DATABASE_URL_OLD", "mysql+pymysql://reader:p@host/db")
    monkeypatch.setenv("SYNC_DATABASE_URL_NONE", "")
    found = configuration.named_databases(PATTERN)
    assert sorted(found) == ["my_shop", "old", "snow", "warehouse"]
    assert (found["warehouse"]["PORT"], found["my_shop"]["NAME"]) == (5433, "/data/shop.sqlite3")
    assert found["old"] == {"URL": "mysql+pymysql://reader:p@host/db"}
    assert problems == []


@pytest.mark.parametrize("address", ["host/db", "postgres://", "postgresql://host/db?conn_max_age=soon"])
def test_what_is_none_goes_to_the_checks(address: str, monkeypatch: pytest.MonkeyPatch, problems: list[str]) -> None:
    monkeypatch.setenv("SYNC_DATABASE_URL_IT", address)
    assert configuration.named_databases(PATTERN) == {}
    assert len(problems) == 1
    assert problems[0].startswith("SYNC_DATABASE_URL_IT ")
