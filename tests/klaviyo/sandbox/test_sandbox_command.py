"""`manage.py sandbox` refuses in one sentence what it cannot do."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

from klaviyo.sandbox import Sandbox


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    with Sandbox() as other:
        port = urlsplit(other.url).port
        with pytest.raises(CommandError, match=f"^Port {port} is taken; choose another with --port.$"):
            call_command("sandbox", port=port, state=tmp_path / "sandbox.sqlite3", stdout=StringIO())


def test_a_state_file_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state), pytest.raises(CommandError, match="is in use by another sandbox"):
        call_command("sandbox", port=0, state=state, stdout=StringIO())
