"""Static files are collected compressed and under their hash; what was not collected is served as it is."""

import os
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.templatetags.static import static
from django.test import override_settings

LOOK = "sorae/look.css"


def test_without_collecting_a_file_goes_by_its_own_name(tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path)):
        assert static(LOOK) == f"/static/{LOOK}"


def test_what_is_collected_has_its_hash_in_its_name_and_is_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path)):
        call_command("collectstatic", interactive=False, verbosity=0)
        name = static(LOOK).removeprefix("/static/")
    assert name.startswith("sorae/look.")
    assert name != LOOK
    assert (tmp_path / name).exists()
    assert (tmp_path / f"{name}.gz").exists()


def test_what_has_changed_since_is_served_from_its_source(tmp_path: Path) -> None:
    source = Path(str(finders.find(LOOK)))
    with override_settings(STATIC_ROOT=str(tmp_path)):
        call_command("collectstatic", interactive=False, verbosity=0)
        older = source.stat().st_mtime - 60
        os.utime(tmp_path / "staticfiles.json", (older, older))
        assert static(LOOK) == f"/static/{LOOK}"
