"""Each international domain has one name, and no two domains have the same (UTS 46, not transitional)."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.api import values
from referrals import domains, person_key, suppressions, text

WITH_JOINER, WITHOUT = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.test", "\u0646\u0627\u0645\u0647\u0627\u06cc.test"
IN_ASCII = {
    "stra\u00dfe.test": "xn--strae-oqa.test",
    "STRA\u1e9eE.test": "xn--strae-oqa.test",
    "XN--STRAE-OQA.test": "xn--strae-oqa.test",
    "strasse.test": "strasse.test",
    "fa\u00df.de": "xn--fa-hia.de",
    "\u03b2\u03cc\u03bb\u03bf\u03c2.test": "xn--nxasmm1c.test",
    "\u03b2\u03cc\u03bb\u03bf\u03c3.test": "xn--nxasmq6b.test",
    "\u0392\u038c\u039b\u039f\u03a3.test": "xn--nxasmq6b.test",
    WITH_JOINER: "xn--mgba3gch31f060k.test",
    WITHOUT: "xn--mgba3gch31f.test",
    "M\u00dcNCHEN.test": "xn--mnchen-3ya.test",
    "mu\u0308nchen.test": "xn--mnchen-3ya.test",
    "\uff46riends\u3002test": "friends.test",
    "\u0131rmak.test": "xn--rmak-kza.test",
    "IRMAK.test": "irmak.test",
    "\u2615.test": "xn--53h.test",
    "a_b.test": "a_b.test",
    "\U0001f4a9.la": "xn--ls8h.la",  # beyond the basic plane: IDNA 2008 has none of these, and browsers go there
    "XN--LS8H.la": "xn--ls8h.la",
    "i\u2764.ws": "xn--i-7iq.ws",
    "\U00020bb7.test": "xn--7l3i.test",
    "\U0001d400.test": "a.test",
}
TWO = [
    ("stra\u00dfe.test", "strasse.test"),
    ("\u03b2\u03cc\u03bb\u03bf\u03c2.test", "\u03b2\u03cc\u03bb\u03bf\u03c3.test"),
    (WITH_JOINER, WITHOUT),
    ("\u0131rmak.test", "irmak.test"),
]


@pytest.mark.parametrize(("domain", "plain"), IN_ASCII.items())
def test_a_domain_has_one_name(domain: str, plain: str) -> None:
    assert domains.in_ascii(domain) == plain
    assert domains.in_ascii(domains.in_unicode(domain)) == plain
    assert values.address(f"anna@{domain}").lower() == person_key.mailbox(f"anna@{domain}") == f"anna@{plain}"


@pytest.mark.parametrize(("domain", "plain"), IN_ASCII.items())
def test_an_address_is_taken_in_either_form_and_is_one_person(domain: str, plain: str) -> None:
    if "_" in domain:
        return  # no name of a host
    one, other = text.email(f"anna@{domain}"), text.email(f"anna@{plain}")
    assert (values.email_problem(one), values.email_problem(other)) == ("", "")
    assert values.address(one) == values.address(other) == f"anna@{plain}"
    assert person_key.of(one) == person_key.of(other)
    assert suppressions.spellings(one) & suppressions.spellings(other) >= {one, other}


@pytest.mark.parametrize(
    "domain", ["\U0001f4a9", "\U0001f4a9.123", "\U0001f4a9..la", "-\U0001f4a9 .la", "a.\U0001f4a9" * 60]
)
def test_a_sign_makes_no_name_of_what_is_none(domain: str) -> None:
    with pytest.raises(ValidationError):
        text.email(f"anna@{domain}")
    assert values.email_problem(f"anna@{domain}").startswith("The e-mail address is")


@pytest.mark.parametrize("pair", TWO)
def test_two_domains_stay_two(pair: tuple[str, str]) -> None:
    one, other = (text.email(f"anna@{domain}") for domain in pair)
    for name in (values.address, person_key.mailbox, person_key.of, text.email):
        assert name(one) != name(other)
    assert not suppressions.spellings(one) & suppressions.spellings(other)
    assert not person_key.every(one) <= person_key.every(other)
    assert {domains.mapped(pair[0]), domains.in_ascii(pair[0])} <= {
        spelt.partition("@")[2] for spelt in suppressions.spellings(values.address(one))
    }


@pytest.mark.parametrize(
    "domain", ["a\u200cb.test", "a\u200d.test", "ab\u00ad.test", "\U0001f468\u200d\U0001f469.test"]
)
def test_what_is_hidden_and_tells_nothing_apart_is_refused(domain: str) -> None:
    with pytest.raises(ValidationError):
        text.email(f"anna@{domain}")


@pytest.mark.parametrize("domain", ["a\u200cb.test", "\ufffd.test", "\u00fc" * 60 + ".test"])
def test_what_is_no_domain_is_never_sent_to(domain: str) -> None:
    with pytest.raises(UnicodeError):
        domains.in_ascii(domain)
    assert values.email_problem(f"anna@{domain}").startswith("The e-mail address is malformed")
    assert person_key.mailbox(f"anna@{domain}")


@given(st.text(st.characters(), max_size=80))
def test_any_text_is_read_or_refused(words: str) -> None:
    assert domains.mapped(domains.mapped(words)) == domains.mapped(words)
    try:
        plain = domains.in_ascii(words)
    except UnicodeError:
        return
    assert plain.isascii()
    assert domains.in_ascii(plain) == plain
    assert domains.in_ascii(domains.in_unicode(words)) == plain
