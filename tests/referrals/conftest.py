"""The cast: Tea House is the store, Ann the advocate, Ben the friend; and an ear for signals."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from referrals import lifecycle, signals
from referrals.models import Advocate, Program, Store

SIGNALS = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}


@pytest.fixture
def tea_house(db: None) -> Store:
    return Store.objects.create(
        slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE", currency="EUR"
    )


@pytest.fixture
def program(tea_house: Store) -> Program:
    return Program.objects.create(store=tea_house, slug="friends", name="Friends", offer="5 EUR off the first tea")


@pytest.fixture
def ann(program: Program) -> Advocate:
    return lifecycle.join(program, "ann@example.com", first_name="Ann", last_name="Lee")


@pytest.fixture
def heard(ann: Advocate) -> Iterator[list[tuple[str, Any]]]:
    """What the signals say from now on: (signal, fact) in order; of somebody erased, the address."""
    told: list[tuple[str, Any]] = []
    receivers: list[tuple[Signal, Callable[..., None]]] = []
    for name, signal in SIGNALS.items():

        def listen(sender: type, name: str = name, **told_with: Any) -> None:
            told_with.pop("signal")
            fact = next(iter(told_with.values()))
            assert isinstance(fact, sender) or name == "person_erased"
            told.append((name, fact))

        signal.connect(listen)
        receivers.append((signal, listen))
    yield told
    for signal, listen in receivers:
        signal.disconnect(listen)
