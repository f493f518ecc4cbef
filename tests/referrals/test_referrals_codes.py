"""Referral codes are random, readable and read as people type them."""

from collections import Counter
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals import codes


def test_a_code_has_sixty_random_bits() -> None:
    assert len(set(codes.ALPHABET)) == 32
    assert codes.LENGTH * log2(len(codes.ALPHABET)) == 60


def test_codes_differ_and_use_the_whole_alphabet_at_every_place() -> None:
    drawn = [codes.new() for _ in range(5_000)]
    assert len(set(drawn)) == 5_000
    for place in range(codes.LENGTH):
        letters = Counter(code[place] for code in drawn)
        assert set(letters) == set(codes.ALPHABET)
        assert max(letters.values()) < 3 * min(letters.values())


def test_a_code_has_no_letter_that_is_mistaken_for_another() -> None:
    assert not set("ILOU") & set(codes.ALPHABET)


def test_a_code_is_read_however_it_is_typed() -> None:
    assert codes.read("0123456789AB") == "0123456789AB"
    assert codes.read("oi23456789ab") == "0123456789AB"
    assert codes.read("OL23456789aB") == "0123456789AB"


OTHER_ALPHABETS = ["\uff21" * 8, "\u017f" * 8, "\u212a" * 8, "ABCDEFG\u00e9", "\u0660" * 8]


@pytest.mark.parametrize("typed", ["", "ABCDEFG", "A" * 33, "A" * 1_000_000, "../../etc", *OTHER_ALPHABETS])
@pytest.mark.parametrize("tail", ["", "\n", "\0", " ", "-", "U"])
def test_what_cannot_be_a_code_is_none(typed: str, tail: str) -> None:
    assert codes.read(typed + tail) is None
    assert codes.read(f"ABCDEFGH{tail}") is None or not tail


@given(st.text(max_size=40))
def test_whatever_is_read_is_of_the_alphabet(typed: str) -> None:
    code = codes.read(typed)
    assert code is None or set(code) <= set(codes.ALPHABET)
