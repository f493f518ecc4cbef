"""One mailbox has one plainest form and one hash, however its address is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals import person_key, suppressions


@pytest.mark.parametrize(
    ("written", "plainest"),
    [
        ("Ben.Lee+Tea@Example.COM", "ben.lee+tea@example.com"),
        ("ben@MÜNCHEN.example", "ben@xn--mnchen-3ya.example"),
        ("ben@mu\u0308nchen.example", "ben@xn--mnchen-3ya.example"),
        ("ben@XN--MNCHEN-3YA.example", "ben@xn--mnchen-3ya.example"),
        ("ben@例え.テスト", "ben@xn--r8jz45g.xn--zckzah"),
        ("ben@" + "ü" * 80 + ".example", "ben@" + "ü" * 80 + ".example"),
        ("ben@..example", "ben@..example"),
        ("Nobody", "nobody"),
        ("@", "@"),
        ("", ""),
        ("\ud800@\ud800", "\ud800@\ud800"),
    ],
)
def test_the_plainest_form_of_an_address(written: str, plainest: str) -> None:
    assert person_key.mailbox(written) == plainest
    assert person_key.of(written) == person_key.of(plainest)


def test_the_hash_is_sha_256_of_the_mailbox() -> None:
    known = "f871a76fb7b15231306b634dd91b385c48e9298974308e28e161d845e3e6f060"
    assert person_key.of("Ben@example.com") == known


@given(st.text(st.characters(), max_size=120))
def test_any_text_has_a_mailbox_a_hash_and_spellings(words: str) -> None:
    plain = person_key.mailbox(words)
    assert len(person_key.of(words)) == 64
    assert plain in suppressions.spellings(words)


@given(st.emails())
def test_a_mailbox_is_its_own(address: str) -> None:
    plain = person_key.mailbox(address)
    assert person_key.mailbox(plain) == person_key.mailbox(address.upper()) == plain


@pytest.mark.parametrize("written", ["Ben@münchen.example", "ben@XN--mnchen-3ya.example", "ben@MÜNCHEN.example"])
def test_an_international_domain_is_spelled_in_unicode_and_in_ascii(written: str) -> None:
    assert {"ben@münchen.example", "ben@xn--mnchen-3ya.example"} <= suppressions.spellings(written)


@pytest.mark.parametrize("written", ["ben@example.com", "ben@xn--\x80.example", "ben@xn--99999999999.example"])
def test_what_cannot_be_spelled_otherwise_is_left(written: str) -> None:
    assert suppressions.spellings(written) == {written}
