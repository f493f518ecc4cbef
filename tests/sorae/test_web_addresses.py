"""Web addresses of settings: one spelling for each, or words that say what is wrong."""

import pytest

from sorae import configuration, web_addresses
from sorae.web_addresses import Malformed

READ = {
    "HTTPS://X.example": "https://x.example",
    "https://x.example:443/": "https://x.example",
    "https://x.example:8443": "https://x.example:8443",
    "https://x.example.": "https://x.example",
    "https://x.example//": "https://x.example",
    "https://b\u00fccher.example": "https://xn--bcher-kva.example",
    "https://STRA\u00dfE.example": "https://xn--strae-oqa.example",
    "https://XN--strae-oqa.example": "https://xn--strae-oqa.example",
    "https://i\u2764.example": "https://xn--i-7iq.example",
    "https://\U0001f4a9.la": "https://xn--ls8h.la",
    "https://XN--LS8H.la": "https://xn--ls8h.la",
    "https://\uff58\u3002example": "https://x.example",
    "https://a--b.example": "https://a--b.example",
    "https://[2001:DB8:0::7]": "https://[2001:db8::7]",
    "https://203.0.113.7": "https://203.0.113.7",
    "http://LOCALHOST:80": "http://localhost",
    "http://[::1]:8765": "http://[::1]:8765",
}
REFUSED = {
    "https://x.example/app": "has a path.",
    "https://x.example/;a": "has a path.",
    "https://x.example?a=1": "has a query or a fragment.",
    "https://x.example/#top": "has a query or a fragment.",
    "https://ann@x.example": "names a user.",
    "https://ann:secret@x.example": "names a user.",
    "https://@x.example": "names a user.",
    "https://*.x.example": "has a wildcard.",
    "https://*": "has a wildcard.",
    "https://.x.example": "has a wildcard.",
    "https://my_site.example": "has a host name that cannot be read.",
    "https://x..example": "has a host name that cannot be read.",
    "https://-x.example": "has a host name that cannot be read.",
    "https://x%2e.example": "has a host name that cannot be read.",
    "https://203.0.113": "has a host name that cannot be read.",
    "https://0x7f.1": "has a host name that cannot be read.",
    "https://" + "x" * 64 + ".example": "has a host name that cannot be read.",
    "https://" + "x." * 127 + "example": "has a host name that cannot be read.",
    "https://x.example:0": "is not an address.",
    "https://x.example:65536": "is not an address.",
    "https://x.example\\@y.example": "is not an address.",
    "https://x.example y": "is not an address.",
    "https://x.ex\u200bample": "",  # what nobody sees is left out, as browsers do
    "x.example": "is not an address.",
    "ftp://x.example": "is not an address.",
    "http://x.example": "is plain http.",
}


@pytest.mark.parametrize("told", READ)
def test_an_address_has_one_spelling(told: str) -> None:
    assert web_addresses.read(told) == READ[told]
    assert web_addresses.read(READ[told]) == READ[told]


@pytest.mark.parametrize("told", REFUSED)
def test_what_is_more_or_less_than_a_site_is_refused(told: str) -> None:
    if not REFUSED[told]:
        assert web_addresses.read(told) == "https://x.example"
        return
    with pytest.raises(Malformed) as refused:
        web_addresses.read(told)
    assert refused.value.sentence == REFUSED[told]
    assert "example" in refused.value.hint or "localhost" in refused.value.hint or "ALLOWED_HOSTS" in refused.value.hint
    assert "secret" not in str(refused.value)


def test_a_providers_address_may_have_a_path_and_nothing_more() -> None:
    told = "HTTPS://WWW.klaviyo.com:443/OAuth/authorize/"
    assert web_addresses.read(told, has_path=True) == "https://www.klaviyo.com/OAuth/authorize"
    for wrong in ("https://ann@a.klaviyo.com", "https://*.klaviyo.com/oauth", "https://www.klaviyo.com/oauth?a=1"):
        with pytest.raises(Malformed):
            web_addresses.read(wrong, has_path=True)


@pytest.mark.parametrize("told", READ)
def test_a_host_is_written_as_django_compares_it(told: str) -> None:
    from django.http.request import split_domain_port, validate_host

    host = web_addresses.host(READ[told])
    domain, _port = split_domain_port(READ[told].partition("://")[2])
    assert domain
    assert validate_host(domain, [host])


@pytest.fixture
def problems(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the check would show."""
    found: list[object] = []
    monkeypatch.setattr(configuration, "_problems", found)
    return found


def test_other_hosts_are_read_as_browsers_name_them(problems: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    told = "B\u00fccher.example .stra\u00dfe.example ::1 [2001:DB8::7] 10.0.0.1 *"
    monkeypatch.setenv("ALLOWED_HOSTS", told)
    names = ["xn--bcher-kva.example", ".xn--strae-oqa.example", "[::1]", "[2001:db8::7]", "10.0.0.1", "*"]
    assert configuration.hosts("ALLOWED_HOSTS") == names
    assert problems == []


@pytest.mark.parametrize(
    "wrong", ["https://x.example", "x.example:8000", "x.example/app", "my_site", ".", "*.x", "a b_"]
)
def test_other_hosts_that_are_none_are_refused(
    problems: list[object], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", wrong)
    assert configuration.hosts("ALLOWED_HOSTS") == []
    assert "ALLOWED_HOSTS holds what is no host name" in str(problems)
