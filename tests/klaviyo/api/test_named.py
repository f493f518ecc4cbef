"""Names of people in what is kept of a run: however they are written, and whatever else stands around them."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo.api import addresses, named

ANN = "ann@shop.example"
PIECES = ("ann", ".b", "@", "%40", "%", "\\u0040", "\\", "+", "358401234567", " ", "'", "=", "/", "\u00e4", ANN)
PLAIN = "the week of the tea festival"


@pytest.mark.parametrize(
    "value",
    [
        ANN,
        {ANN: 1},
        {"data": [{"attributes": {"email": ANN}}, PLAIN]},
        {"filter": f'equals(email,"{ANN}")'},
        ("a", [{"b": {"c": [f"to {ANN}, please"]}}]),
        "https://a.klaviyo.com/api/profiles?filter=ann%40shop.example",
        "ann%40shop.example",
        "ann\\u0040shop.example",
        base64.b64encode(ANN.encode()).decode(),
        base64.b64encode(b"ann%40shop.example").decode(),
    ],
)
def test_an_address_is_found_however_it_is_written(value: Any) -> None:
    assert ANN in named.names_in(value)


def test_numbers_and_ids_are_found_and_ids_of_other_things_are_not() -> None:
    told = {
        "data": {"type": "profile", "id": "01ANN", "attributes": {"external_id": "7", "note": "call +358401234567"}},
        "included": [{"type": "list", "id": "LIST01"}],
    }
    assert named.names_in(told) == {"01ANN", "7", "+358401234567"}


@settings(database=None, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=60))
def test_no_text_is_passed_over_that_names_somebody(text: str) -> None:
    assert set(addresses.within(text)) == set(addresses._found(text))
