"""Erasing a person from the page: asked twice, told what happens, and left with a receipt that names nobody."""

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Connection, Delivery
from klaviyo.delivery.erasure import erase
from klaviyo.models import Erasure, Send
from referrals import lifecycle
from referrals.models import Advocate, Invite, OptIn
from tests.klaviyo.made_sends import a_send, page, signed_in_with
from tests.klaviyo.story import BEN

ERASE = "/admin/klaviyo/people/erase"
PEOPLE = "/admin/klaviyo/people/"
RECEIPTS = "/admin/klaviyo/erasures/"


def test_first_it_is_said_what_would_go_and_which_accounts_are_asked(
    browser_of_the_operator: Client, ann: Advocate, connection: Connection
) -> None:
    a_send(ann, BEN, "Ben")
    lifecycle.opt_in(ann.program.store, BEN, wording="News, please.", place="join form")
    content = page(browser_of_the_operator, ERASE, {"email": BEN})
    for words in ("Invites received: 1", "Opt-ins: 1", "Sends: 1", "Tea House Ltd", "It cannot be undone"):
        assert words in content
    assert "Orders:" not in content
    assert Invite.objects.get().recipient_email == BEN
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("typed", ["", "cid@friends.test", "ben", BEN + "x"])
def test_another_address_erases_nobody(browser_of_the_operator: Client, ann: Advocate, typed: str) -> None:
    a_send(ann, BEN)
    content = page(browser_of_the_operator, ERASE, {"email": BEN, "again": typed}, status=400)
    assert "Nothing was erased" in content
    assert Invite.objects.get().recipient_email == BEN


def test_the_same_address_in_any_spelling_erases_and_leaves_a_receipt(
    browser_of_the_operator: Client, operator: User, ann: Advocate
) -> None:
    send = a_send(ann, BEN, "Benjamin")
    lifecycle.opt_in(ann.program.store, BEN, wording="News, please.", place="join form")
    response = browser_of_the_operator.post(ERASE, {"email": BEN, "again": f" {BEN.upper()} "})
    erasure = Erasure.objects.get()
    assert response["Location"] == f"{RECEIPTS}{erasure.uid}/"
    assert erasure.requested_by == operator
    assert not OptIn.objects.exists()
    assert Send.objects.get().invite.recipient_name == ""
    for address in (response["Location"], RECEIPTS, f"/admin/klaviyo/sends/{send.pk}/", "/admin/klaviyo/sends/"):
        content = page(browser_of_the_operator, address)
        assert BEN not in content
        assert "Benjamin" not in content
    receipt = page(browser_of_the_operator, response["Location"])
    assert str(erasure.uid) in receipt
    assert "Opt ins" in receipt
    assert "On its way" in receipt


@pytest.mark.parametrize(
    ("state", "words", "whole"),
    [
        ("queued", "Queued", "On its way"),
        ("accepted", "Accepted", "Done"),
        ("confirmed", "Confirmed", "Done"),
        ("held", "Held", "Needs somebody"),
        ("failed", "Failed", "Needs somebody"),
        ("skipped", "Not sent", "Partly done"),
        ("cancelled", "Queued", "On its way"),
    ],
)
def test_a_receipt_says_how_far_each_account_is(
    browser_of_the_operator: Client, operator: User, ann: Advocate, state: str, words: str, whole: str
) -> None:
    erasure = erase.erase(BEN, operator)
    Delivery.objects.filter(source=str(erasure.uid)).update(state=state, reason="Said why.")
    content = page(browser_of_the_operator, f"{RECEIPTS}{erasure.uid}/")
    assert f">{words}</span>" in content
    assert f">{whole}</span>" in content
    assert "Said why." in content
    assert f">{whole}</span>" in page(browser_of_the_operator, RECEIPTS)


def test_an_account_that_is_gone_is_named_as_one_to_do_by_hand(
    browser_of_the_operator: Client, operator: User, ann: Advocate
) -> None:
    Connection.objects.update(state=Connection.State.DISCONNECTED)
    assert "delete the person there" in page(browser_of_the_operator, ERASE, {"email": BEN})
    receipt = f"{RECEIPTS}{erase.erase(BEN, operator).uid}/"
    for address in (receipt, RECEIPTS):
        content = page(browser_of_the_operator, address)
        assert ">Partly done</span>" in content
        assert ">Done</span>" not in content
    content = page(browser_of_the_operator, receipt)
    assert ">Not sent</span>" in content
    assert "told first when it comes back. Until then it is owed: delete the person there by hand." in content


def test_an_account_that_knew_nobody_or_can_know_nobody_is_done(
    browser_of_the_operator: Client, operator: User, ann: Advocate
) -> None:
    erasure = erase.erase(BEN, operator)
    rows = Delivery.objects.filter(source=str(erasure.uid))
    rows.update(state="accepted", reason_code="not_known", reason="Klaviyo knew nobody by this address.")
    content = page(browser_of_the_operator, f"{RECEIPTS}{erasure.uid}/")
    assert ">Not known there</span>" in content
    assert ">Done</span>" in content
    rows.update(state="skipped", reason_code="not_askable")
    assert ">Done</span>" in page(browser_of_the_operator, f"{RECEIPTS}{erasure.uid}/")


@pytest.mark.parametrize("typed", [BEN, "BEN@Friends.test"])
def test_who_looks_for_the_person_is_told_which_accounts_are_still_owed_it(
    browser_of_the_operator: Client, connection: Connection, second_connection: Connection, typed: str
) -> None:
    first, _ = erase.erase(BEN, None), erase.erase(BEN, None)
    Delivery.objects.filter(source=str(first.uid)).update(state="accepted")
    Connection.objects.filter(pk=second_connection.pk).update(state=Connection.State.DISCONNECTED)
    content = page(browser_of_the_operator, PEOPLE, {"email": typed})
    assert "2 accounts have yet to hear of it" in content
    assert content.count("Tea House Ltd") == content.count("Nordlys Coffee") == 1
    assert content.count("delete the person there by hand") == 1
    assert "yet to hear of it" not in page(browser_of_the_operator, PEOPLE, {"email": "cid@friends.test"})
    Delivery.objects.update(state="accepted")
    assert "yet to hear of it" not in page(browser_of_the_operator, PEOPLE, {"email": typed})


def test_who_may_erase(ann: Advocate, operator: User) -> None:
    a_send(ann, BEN)
    receipt = f"{RECEIPTS}{erase.erase('zoe@friends.test', operator).uid}/"
    looker, eraser = signed_in_with("view_send"), signed_in_with("erase")
    assert looker.post(ERASE, {"email": BEN, "again": BEN}).status_code == 403
    assert eraser.get(ERASE).status_code == 405
    for address in (receipt, RECEIPTS):
        assert looker.get(address).status_code == 403
        assert eraser.get(address).status_code == 200
    assert Invite.objects.get().recipient_email == BEN
    response = eraser.post(ERASE, {"email": BEN, "again": BEN})
    assert urlsplit(response["Location"]).path.startswith(RECEIPTS)


def test_what_is_no_address_erases_nobody(browser_of_the_operator: Client, ann: Advocate) -> None:
    assert browser_of_the_operator.post(ERASE, {"email": "ben"})["Location"] == "/admin/klaviyo/people/"


def test_an_unknown_receipt_is_no_page(browser_of_the_operator: Client) -> None:
    page(browser_of_the_operator, f"{RECEIPTS}00000000-0000-4000-8000-000000000000/", status=404)
    assert "Nobody was erased" in page(browser_of_the_operator, RECEIPTS)
