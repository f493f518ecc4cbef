"""Malformed requests to any address, by anybody: an answer in plain words, and never a fault of ours."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klaviyo.models import StoreSetting
from tests.faults import oddities, whole_site
from tests.faults.whole_site import PARAMETER, Route

OF_STRANGERS, OF_OPERATORS = 400, 600
BOUNDED = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PAIRS = st.lists(st.tuples(st.sampled_from(oddities.FIELDS), st.sampled_from(oddities.QUOTED)), max_size=4)
QUERIES = PAIRS.map(lambda pairs: "&".join(f"{name}={word}" for name, word in pairs))
LONG = st.sampled_from(oddities.FIELDS).map(lambda name: f"{name}=" + "a" * oddities.HUGE)
FORMS = (QUERIES | LONG).map(lambda body: (body.encode(), "application/x-www-form-urlencoded"))
FEW_WORDS = (
    *oddities.RAW[2:5],
    *map(quote, ("²", oddities.TOO_MANY_DIGITS, oddities.BEYOND_ANY_COLUMN)),
)
SHOWS_OUR_INSIDES = (b"Traceback", b"site-packages", b"/templates/", b"Exception Type", b"DJANGO_SETTINGS")


@pytest.fixture(autouse=True)
def _refusals_are_not_logged() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def stranger() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def somebody_signed_in(operator: User) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(operator)
    return browser


class NothingStays(Exception):
    """Each request meets the same house."""


def ask(browser: Client, address: str, query: str, method: str, **more: Any) -> HttpResponse:
    body, kind = more["body"]
    try:
        with transaction.atomic():
            answer = browser.generic(method, address, body, kind, headers=more["headers"], QUERY_STRING=query)
            getattr(answer, "getvalue", bytes)()  # what is sent bit by bit is made now
            raise NothingStays
    except NothingStays:
        return answer  # type: ignore[return-value]


def is_in_order(answer: HttpResponse, address: str, *asked: Any) -> None:
    said = b"" if answer.streaming else answer.content
    assert answer.status_code < 500, (address, *asked)
    assert not [word for word in SHOWS_OUR_INSIDES if word in said]


def places() -> st.SearchStrategy[str]:
    """An address of the site: one that leads somewhere, or one with an odd word in each of its places."""
    return st.sampled_from(whole_site.routes()).flatmap(_addresses)


def _addresses(route: Route) -> st.SearchStrategy[str]:
    odd = st.fixed_dictionaries({name: st.sampled_from(oddities.QUOTED) for name in PARAMETER.findall(route.pattern)})
    return st.just(whole_site.address(route)) | odd.map(lambda words: route.address(**words))


REQUEST = st.fixed_dictionaries(
    {
        "query": QUERIES,
        "method": st.sampled_from(("GET", "POST")) | st.sampled_from(oddities.METHODS),
        "body": FORMS | st.sampled_from(oddities.BODIES),
        "headers": st.just({}) | st.sampled_from(oddities.HEADERS),
    }
)


def test_strangers_get_an_answer_to_anything(house: StoreSetting, stranger: Client) -> None:
    @settings(BOUNDED, max_examples=OF_STRANGERS)
    @given(places(), REQUEST)
    def anything(address: str, request: dict[str, Any]) -> None:
        is_in_order(ask(stranger, address, **request), address, request)

    anything()


def test_operators_get_an_answer_to_anything(house: StoreSetting, somebody_signed_in: Client) -> None:
    @settings(BOUNDED, max_examples=OF_OPERATORS)
    @given(places(), REQUEST)
    def anything(address: str, request: dict[str, Any]) -> None:
        is_in_order(ask(somebody_signed_in, address, **request), address, request)

    anything()


def test_no_odd_word_in_any_field_of_an_address_breaks_a_page(house: StoreSetting, somebody_signed_in: Client) -> None:
    """All fields hold the same word at once, so that each page meets it in its own."""
    for route in whole_site.routes():
        if route.model and route.model.__name__ not in ("Advocate", "User", "Store"):
            continue
        for word in FEW_WORDS:
            query = "&".join(f"{name}={word}" for name in oddities.FIELDS)
            answer = ask(somebody_signed_in, whole_site.address(route), query, "GET", body=(b"", ""), headers={})
            is_in_order(answer, str(route), word[:100])
