"""What the README claims is true: its code runs, and what it names is there."""

import re
from pathlib import Path

import pytest
from django.dispatch import Signal

from integrations.models import Connection
from klaviyo.mapping import catalogue
from referrals import signals
from referrals.models import Conversion, Invite, OptIn, OptOut, Program, Reward

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_its_code_makes_the_facts_that_it_speaks_of(spring: Program, connection: Connection) -> None:
    names: dict[str, object] = {"program": spring, "store": spring.store, "message_id": "<1@example.org>"}
    names["connection"] = connection
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 5
    for block in blocks:
        exec(block, names)
    assert Invite.objects.count() == 1
    assert Conversion.objects.get().order_id == "1001"
    assert OptOut.objects.get().email == OptIn.objects.get().email
    assert set(Reward.objects.values_list("kind", flat=True)) == {"discount", "credit"}


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:referrals|integrations|klaviyo|tests|templates)/[\w/.]*)`", README))
    named |= set(re.findall(r"\]\(([^)#:]+)\)", README))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("metric", [metric.name for metric in catalogue.CATALOGUE])
def test_every_metric_stands_in_its_table_of_signals(metric: str) -> None:
    assert f"*{metric}*" in README


def test_every_signal_stands_in_its_table() -> None:
    sent = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert {name for name in sent if f"| `{name}` |" in README} == sent
