"""Each part of a person's record needs its own permission, and no page leads to one that is closed."""

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from klaviyo.models import Erasure
from klaviyo.pages import operators
from klaviyo.pages.permissions import Part
from referrals import lifecycle
from referrals.models import Advocate
from tests.klaviyo.made_sends import SENDS, State, a_send, page, signed_in_with, state_of
from tests.klaviyo.story import BEN

PEOPLE = "/admin/klaviyo/people/"
ERASE = f"{PEOPLE}erase"
WORDING = "News of tea, please."
SHOWN = {
    Part.MEMBERSHIPS: ("In no program.", "Places in programs are not open to you."),
    Part.ORDERS: ("Order 1001", "not open to you"),
    Part.REWARDS: ("Store credit", "Rewards are not open to you."),
    Part.OPT_INS: ("Yes to e-mail", "Opt-ins are not open to you."),
    Part.OPT_OUTS: ("No to the newsletter", "Opt-outs are not open to you."),
    Part.SUPPRESSIONS: ("Reported as spam", "Whether Sorae writes to this address is not open to you."),
    Part.DELIVERIES: ("Invite received", "Deliveries are not open to you."),
    Part.ATTEMPTS: ("None.", "Requests are not open to you."),
    Part.RUNS: ("No action has named them.", "Runs of actions are not open to you."),
}


@pytest.fixture
def ben(ann: Advocate) -> str:
    """He was invited, has bought, and has said yes and no."""
    a_send(ann, BEN, "Ben")
    order = lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    lifecycle.reward(ann, recipient="friend", kind="credit", amount="5", currency="EUR", conversion=order)
    lifecycle.opt_in(ann.program.store, BEN, wording=WORDING, place="join form")
    lifecycle.opt_out(ann.program.store, BEN, scope="newsletter", place="preference page")
    lifecycle.suppress(BEN, "complained")
    return BEN


def codenames(*parts: Part) -> list[str]:
    return [part.partition(".")[2] for part in parts]


def test_with_sends_alone_nothing_else_of_a_person_is_shown(ben: str) -> None:
    content = page(signed_in_with("view_send"), PEOPLE, {"email": ben})
    assert "Invited by" in content
    for secret in ("1001", "49.90", "Store credit", WORDING, "Yes to", "No to", "Reported as spam", "Invite received"):
        assert secret not in content, secret
    for closed in ("Places in programs", "Orders and rewards", "Opt-ins and opt-outs", "Deliveries", "Requests"):
        assert f"{closed} are not open to you." in content, closed


@pytest.mark.parametrize("part", list(Part), ids=lambda part: part.name.lower())
def test_each_part_is_opened_by_its_permission_and_by_no_other(ben: str, part: Part) -> None:
    words, instead = SHOWN[part]
    with_it = page(signed_in_with("view_send", *codenames(part)), PEOPLE, {"email": ben})
    assert words in with_it
    others = [other for other in Part if other != part]
    without = page(signed_in_with("view_send", *codenames(*others)), PEOPLE, {"email": ben})
    assert words not in without
    assert instead in without


def test_a_wording_needs_its_permission(ben: str) -> None:
    looker = signed_in_with("view_send", "view_optin")
    assert "The wording is not open to you." in page(looker, PEOPLE, {"email": ben})
    assert WORDING in page(signed_in_with("view_send", "view_optin", "view_wording"), PEOPLE, {"email": ben})


def test_whom_the_open_parts_do_not_know_may_be_known_to_others(ann: Advocate) -> None:
    lifecycle.opt_in(ann.program.store, "cid@friends.test", wording=WORDING, place="join form")
    content = page(signed_in_with("view_send", "erase"), PEOPLE, {"email": "cid@friends.test"})
    assert "Nothing is known that is open to you" in content
    assert "Nobody here knows" not in content
    assert "Erase …" in content


def test_the_operators_see_all_of_a_person(ben: str) -> None:
    user = User.objects.create_user("olga", is_staff=True)
    operators.ensure_groups()
    user.groups.add(Group.objects.get(name=operators.NAME))
    browser = Client()
    browser.force_login(user)
    content = page(browser, PEOPLE, {"email": ben})
    assert "not open to you" not in content
    assert WORDING in content


def test_whoever_may_only_erase_finds_each_page_on_the_way_open(ben: str) -> None:
    eraser = signed_in_with("erase")
    content = page(eraser, PEOPLE)
    assert f'action="{ERASE}"' in content
    assert eraser.post(PEOPLE, {"email": ben}).status_code == 403
    for typed, status in ((ben, 200), ("ben", 302)):
        answer = eraser.post(ERASE, {"email": typed})
        assert answer.status_code == status
    assert eraser.get(answer["Location"]).status_code == 200
    done = eraser.post(ERASE, {"email": ben, "again": ben})
    assert eraser.get(done["Location"]).status_code == 200
    assert str(Erasure.objects.get().uid) in page(eraser, "/admin/klaviyo/erasures/")
    assert f'href="{PEOPLE}"' in page(eraser, "/admin/klaviyo/erasures/")


@pytest.mark.parametrize("action", ["/admin/klaviyo/sends/retry", "/admin/integrations/deliveries/retry"])
@pytest.mark.parametrize("back", ["", "/admin/klaviyo/sends/", "/admin/integrations/deliveries/"])
def test_whoever_may_only_retry_is_not_shown_a_closed_door_afterwards(ann: Advocate, action: str, back: str) -> None:
    held = a_send(ann, state=State.HELD, code="list_gone")
    retrier = signed_in_with("retry")
    answer = retrier.post(action, {"send": held.pk, "delivery": held.delivery_id, "back": back})
    assert state_of(held) == ("queued", "")
    assert retrier.get(answer["Location"]).status_code == 200


def test_whoever_sees_sends_goes_back_to_them(ann: Advocate) -> None:
    held = a_send(ann, state=State.HELD, code="list_gone")
    back = f"{SENDS}{held.pk}/"
    answer = signed_in_with("retry", "view_send").post(f"{SENDS}retry", {"send": held.pk, "back": back})
    assert urlsplit(answer["Location"]).path == back
