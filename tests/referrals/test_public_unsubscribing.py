"""Unsubscribing works for people and mail programs (RFC 8058), for ever, and only by a POST."""

from typing import Any

import pytest
from django.test import Client

from referrals import lifecycle, messages, suppressions
from referrals.models import Advocate, Invite, OptOut, Store, Suppression

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def invite(ann: Advocate) -> Invite:
    return lifecycle.invite(ann, "ben@example.com")


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def way_out(invite: Invite, settings: Any) -> str:
    return messages.unsubscribe_address(invite).removeprefix(settings.SITE_URL)


def said() -> list[tuple[str, str, str]]:
    return list(OptOut.objects.order_by("pk").values_list("email", "scope", "place"))


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_link_changes_nothing(strict: Client, invite: Invite, settings: Any, method: str) -> None:
    answer = getattr(strict, method)(way_out(invite, settings), ONE_CLICK)
    assert answer.status_code == 200
    assert not OptOut.objects.exists()


def test_the_page_shows_enough_of_the_address_and_two_buttons(strict: Client, invite: Invite, settings: Any) -> None:
    page = strict.get(way_out(invite, settings)).content.decode()
    assert "b…@e….com" in page
    assert "ben@example.com" not in page
    assert "No more invites from Tea House" in page
    assert "No e-mail at all from Tea House" in page


STUCK = [
    ".",
    ")",
    ").",
    ",",
    "!",
    "…",
    "%22",
    "%3E",
    "]",
    "*",
    "_",
    "-",
    "__",
    "%20",
    "%0A",
    "/",
    "&gt;",
    "=",
    "です",
    "。",
    ".Thanks",
]


@pytest.mark.parametrize("stuck", STUCK)
@pytest.mark.parametrize("form", [{"scope": "everything"}, ONE_CLICK])
def test_what_sticks_to_the_link_keeps_nobody_from_saying_no(
    strict: Client, invite: Invite, settings: Any, stuck: str, form: dict[str, str]
) -> None:
    address = way_out(invite, settings) + stuck
    assert strict.get(address).status_code == 200
    assert strict.post(address, form).status_code == 200
    assert OptOut.objects.get().email == "ben@example.com"


@pytest.mark.parametrize("stuck", ["x", "0", "A."])
def test_a_token_with_more_in_it_is_another_one(strict: Client, invite: Invite, settings: Any, stuck: str) -> None:
    assert strict.get(way_out(invite, settings) + stuck).status_code == 404


@pytest.mark.parametrize("scope", ["invites", "everything"])
def test_each_button_does_what_it_says_once(
    strict: Client, invite: Invite, tea_house: Store, settings: Any, scope: str
) -> None:
    pages = [strict.post(way_out(invite, settings), {"scope": scope}) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].content == pages[1].content
    assert b"Done" in pages[0].content
    assert said() == [("ben@example.com", scope, "unsubscribe link")]
    (held,) = suppressions.of(tea_house.pk, ["ben@example.com"]).values()
    assert held.reason == Suppression.Reason.UNSUBSCRIBED
    invite.refresh_from_db()
    assert invite.closed_by == Invite.Closing.OPTED_OUT


@pytest.mark.parametrize("is_multipart", [True, False])
def test_one_click_unsubscribes_from_invites(strict: Client, invite: Invite, settings: Any, is_multipart: bool) -> None:
    address = way_out(invite, settings)
    if is_multipart:
        answer = strict.post(address, ONE_CLICK)
    else:
        form = "application/x-www-form-urlencoded"
        answer = strict.post(address, "List-Unsubscribe=One-Click", content_type=form)
    assert answer.status_code == 200
    assert said() == [("ben@example.com", "invites", "one-click")]


def test_one_click_is_never_limited(strict: Client, invite: Invite, settings: Any) -> None:
    answers = {strict.post(way_out(invite, settings), ONE_CLICK).status_code for _ in range(60)}
    assert answers == {200}


@pytest.mark.parametrize(
    "form", [{}, {"scope": ""}, {"scope": "newsletter"}, {"scope": "all\0"}, {"List-Unsubscribe": "no"}]
)
def test_a_post_that_says_nothing_changes_nothing(
    strict: Client, invite: Invite, settings: Any, form: dict[str, str]
) -> None:
    answer = strict.post(way_out(invite, settings), form)
    assert answer.status_code == 400
    assert b"No more invites" in answer.content
    assert not OptOut.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_forged_or_unknown_link_is_not_found(strict: Client, invite: Invite, settings: Any, method: str) -> None:
    address = way_out(invite, settings)
    uid, signature = address.removeprefix("/u/").split(".")
    deleted = lifecycle.invite(invite.advocate, "cid@example.com")
    gone = way_out(deleted, settings)
    Invite.objects.filter(pk=deleted.pk).delete()
    for forged in (
        f"/u/{uid}",
        f"/u/{uid}.",
        f"/u/x{uid}.{signature}",
        f"{address}x",
        address[:-1],
        "/u/.",
        f"/u/{invite.uid}",
        gone,
    ):
        answer = getattr(strict, method)(forged, ONE_CLICK)
        assert answer.status_code == 404, forged
        assert b"This link leads nowhere" in answer.content
    assert not OptOut.objects.exists()


def test_the_link_survives_a_new_secret_key(strict: Client, invite: Invite, settings: Any) -> None:
    address = way_out(invite, settings)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-secret", [settings.SECRET_KEY]
    assert way_out(invite, settings) != address
    assert strict.post(address, ONE_CLICK).status_code == 200
    assert len(said()) == 1


def test_the_link_never_expires(strict: Client, invite: Invite, settings: Any, time_machine: Any) -> None:
    address = way_out(invite, settings)
    time_machine.move_to("2046-01-01T00:00Z")
    assert strict.post(address, ONE_CLICK).status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_was_erased_hears_that_it_is_done_already(
    strict: Client, invite: Invite, settings: Any, method: str
) -> None:
    address = way_out(invite, settings)
    lifecycle.erase("ben@example.com")
    answer = getattr(strict, method)(address, ONE_CLICK)
    assert answer.status_code == 200
    assert b"done already" in answer.content
    assert b"erased" not in answer.content
    assert not OptOut.objects.exists()


@pytest.mark.parametrize("form", [None, ONE_CLICK, {"scope": "everything"}])
def test_the_answer_leaves_no_trace(strict: Client, invite: Invite, settings: Any, form: dict[str, str] | None) -> None:
    address = way_out(invite, settings)
    answer = strict.post(address, form) if form else strict.get(address)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
