"""Facts older than an erasure: they count, and say nothing of the person; what is newer is of somebody new."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from referrals import erased, lifecycle, person_key, standing, suppressions
from referrals.lifecycle import erasure
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Reward, Suppression
from tests.referrals.test_referrals_erasure import everything

Heard = list[tuple[str, Any]]

BEN = "ben@example.com"
YESTERDAY = timedelta(days=-1)


def erase(ago: timedelta = timedelta()) -> None:
    """As if it had been so long ago."""
    lifecycle.erase(BEN)
    Suppression.objects.filter(reason="erased").update(created_at=timezone.now() - ago)


def told(at: timedelta = YESTERDAY) -> dict[str, Any]:
    return {"occurred_at": timezone.now() + at}


def order(ann: Advocate, **more: Any) -> Conversion:
    lines = [
        {"sku": "A", "name": "Tea", "quantity": 1, "price": 9},
        {"sku": "B", "name": "Mug for Benedict", "quantity": 1, "price": 9},
        {"sku": "C", "name": "Vesper tin", "quantity": 1, "price": 6},
    ]
    named: dict[str, Any] = {
        "friend_first_name": "Benedict",
        "friend_last_name": "Vespermann",
        "friend_phone": "030 77",
    }
    return lifecycle.convert(
        ann, order_id="1", friend_email=BEN, total="24", currency="EUR", lines=lines, **named, **more
    )


def test_an_order_counts_without_the_friend(ann: Advocate, heard: Heard) -> None:
    erase()
    heard.clear()
    made = order(ann, **told())
    assert [name for name, _ in heard] == ["conversion_recorded"]
    assert suppressions.is_erased(made.friend_email)
    assert (made.friend_first_name, made.friend_last_name, made.friend_phone) == ("", "", "")
    assert [line["name"] for line in made.lines] == ["Tea", "Vesper tin"]
    assert standing.of([ann.pk])[ann.pk].conversions == 1
    assert order(ann, **told()) == made
    back = lifecycle.refund(made, refund_id="R", total=1, **told())
    given = lifecycle.reward(
        ann, kind="credit", amount=5, currency="EUR", conversion=made, recipient="friend", recipient_email=BEN, **told()
    )
    assert suppressions.is_erased(back.friend_email)
    assert suppressions.is_erased(given.recipient_email)
    assert not any(word in everything().lower() for word in (BEN, "benedict", "vespermann", "030 77"))


def test_an_invite_is_kept_closed_and_once(ann: Advocate, heard: Heard) -> None:
    erase()
    made = lifecycle.invite(ann, BEN, recipient_name="Benedict", **told())
    assert lifecycle.invite(ann, BEN.upper(), **told()) == made
    assert (made.closed_by, made.recipient_name) == ("erased", "")
    assert lifecycle.remind(made, 1).invite == made
    lifecycle.visit(
        ann, invite=made, landing_page="https://t.example/?u=benedict", referrer="https://benedict.example/"
    )
    assert [name for name, _ in heard if name == "invite_sent"] == ["invite_sent"]
    assert not any(word in everything().lower() for word in (BEN, "benedict"))


def test_an_invite_that_was_erased_is_not_made_again(ann: Advocate) -> None:
    made = lifecycle.invite(ann, BEN)
    erase()
    assert lifecycle.invite(ann, BEN, **told()) == made
    assert Invite.objects.count() == 1


def test_somebody_who_joined_before_is_nobody(ann: Advocate) -> None:
    erase()
    details: dict[str, Any] = {
        "first_name": "Benedict",
        "last_name": "B",
        "phone": "030 77",
        "locale": "de",
        "tier": "Gold",
    }
    joined = lifecycle.join(ann.program, BEN, **details, **told())
    assert lifecycle.join(ann.program, BEN, **told()) == joined
    assert suppressions.is_erased(joined.email)
    assert str(joined) == joined.referral_code
    assert Advocate.objects.count() == 2
    assert not any(word in everything().lower() for word in (BEN, "benedict", "030 77", "gold"))
    again = lifecycle.join(ann.program, BEN, first_name="Ben")
    assert (again.email, again == joined) == (BEN, False)


def test_a_member_who_was_erased_stands_for_themselves(ann: Advocate) -> None:
    member = lifecycle.join(ann.program, BEN)
    erase()
    assert lifecycle.join(ann.program, BEN, **told()) == member


def test_a_friends_reward_names_nobody(ann: Advocate) -> None:
    erase()
    given = lifecycle.reward(
        ann, kind="cash", amount=5, currency="EUR", recipient="friend", recipient_email=BEN, **told()
    )
    assert suppressions.is_erased(given.recipient_email)
    own = lifecycle.reward(ann, kind="cash", amount=5, currency="EUR", **told())
    assert own.recipient_email == ann.email


def test_a_yes_is_heard_by_nobody_and_a_no_stays_a_no(ann: Advocate, heard: Heard) -> None:
    store = ann.program.store
    erase()
    heard.clear()
    phone: dict[str, Any] = {"phone": "030 77", "channels": ["email", "sms"], "first_name": "Benedict"}
    yes = lifecycle.opt_in(store, BEN, wording="Yes", place="form", **phone, occurred_at=timezone.now() + YESTERDAY)
    at = timezone.now() + YESTERDAY
    no = lifecycle.opt_out(store, BEN, scope="everything", place="a message", occurred_at=at)
    assert lifecycle.opt_out(store, BEN, scope="everything", place="a message", occurred_at=at) == no
    assert [name for name, _ in heard] == ["suppressed"]
    assert suppressions.is_erased(yes.email)
    assert suppressions.is_erased(no.email)
    assert Suppression.objects.get(store=store).mailbox_hash == person_key.of(BEN)
    assert (OptIn.objects.count(), OptOut.objects.count()) == (1, 1)
    assert not any(word in everything().lower() for word in (BEN, "benedict", "030 77"))


Verb = Callable[[Advocate, dict[str, Any]], str]
VERBS: dict[str, Verb] = {
    "join": lambda ann, at: lifecycle.join(ann.program, BEN, **at).email,
    "invite": lambda ann, at: lifecycle.invite(ann, BEN, **at).recipient_email,
    "convert": lambda ann, at: order(ann, **at).friend_email,
    "reward": lambda ann, at: (
        lifecycle.reward(
            ann, kind="cash", amount=5, currency="EUR", recipient="friend", recipient_email=BEN, **at
        ).recipient_email
    ),
    "opt_in": lambda ann, at: lifecycle.opt_in(ann.program.store, BEN, wording="Yes", place="form", **at).email,
    "opt_out": lambda ann, at: (
        lifecycle.opt_out(ann.program.store, BEN, scope="newsletter", place="a message", **at).email
    ),
}
HOUR = timedelta(hours=1)
MOMENTS = [  # when it occurred after the erasure, and whether the erasure wins
    (-erased.MARGIN * 2, True),
    (erased.MARGIN - timedelta(seconds=2), True),
    (erased.MARGIN + timedelta(seconds=2), False),
    (HOUR, False),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("after", "is_older"), MOMENTS)
def test_within_minutes_the_erasure_wins(ann: Advocate, verb: str, after: timedelta, is_older: bool) -> None:
    erase(ago=2 * HOUR)
    address = VERBS[verb](ann, {"occurred_at": timezone.now() - 2 * HOUR + after})
    assert suppressions.is_erased(address) == is_older
    assert (address == BEN) != is_older


@pytest.mark.parametrize("verb", VERBS)
def test_what_happens_now_is_of_somebody_new(ann: Advocate, verb: str) -> None:
    erase()
    assert VERBS[verb](ann, {}) == BEN


@pytest.mark.parametrize("verb", VERBS)
def test_a_time_to_come_counts_as_now(ann: Advocate, verb: str) -> None:
    erase()
    address = VERBS[verb](ann, told(timedelta(days=30)))
    assert suppressions.is_erased(address)
    Suppression.objects.filter(reason="erased").update(created_at=timezone.now() - HOUR)
    Advocate.objects.exclude(pk=ann.pk).delete()
    for model in (Invite, Reward, Conversion, OptIn, OptOut):
        model._default_manager.all().delete()
    assert VERBS[verb](ann, told(timedelta(days=30))) == BEN


def test_erased_again_the_second_time_counts(ann: Advocate) -> None:
    erase(ago=timedelta(days=9))
    back = lifecycle.join(ann.program, BEN, **told(timedelta(days=-3)))
    assert back.email == BEN
    first = Suppression.objects.get(reason="erased").created_at
    second = lifecycle.erase(BEN).at
    assert Suppression.objects.get(reason="erased").created_at == second > first
    assert suppressions.is_erased(order(ann, **told(timedelta(days=-2))).friend_email)


def test_one_who_was_never_erased_is_as_before(ann: Advocate) -> None:
    lifecycle.erase("cid@example.com")
    lifecycle.suppress(BEN, "complained")
    lifecycle.suppress(BEN, "unsubscribed", ann.program.store)
    assert order(ann, **told()).friend_email == BEN


def test_what_came_meanwhile_goes_and_who_is_back_stays(ann: Advocate, heard: Heard) -> None:
    came = lifecycle.invite(ann, BEN, recipient_name="Benedict")
    at = timezone.now()
    suppressed_at = {"mailbox_hash": person_key.of(BEN), "reason": "erased", "created_at": at}
    Suppression.objects.create(**suppressed_at)
    back = lifecycle.join(ann.program, BEN, first_name="Ben")
    words = [
        lifecycle.opt_in(ann.program.store, BEN, wording="Yes", place="form"),
        lifecycle.opt_out(ann.program.store, BEN, scope="newsletter", place="a message"),
    ]
    for row in (back, *words):
        type(row)._default_manager.filter(pk=row.pk).update(created_at=at + erased.MARGIN + timedelta(seconds=1))
    heard.clear()
    assert erasure.erase_what_came_meanwhile(BEN, at) == [came.uid]
    assert heard == [("person_erased", BEN)]
    came.refresh_from_db()
    back.refresh_from_db()
    assert suppressions.is_erased(came.recipient_email)
    assert (back.email, back.first_name) == (BEN, "Ben")
    assert [type(word)._default_manager.get().email for word in words] == [BEN, BEN]
    assert Suppression.objects.get().created_at == at
    heard.clear()
    assert erasure.erase_what_came_meanwhile(BEN, at) == []
    assert heard == []


def test_who_is_kept_without_their_name_by_an_older_reading_is_the_same(ann: Advocate) -> None:
    anna = "anna@stra\u00dfe.test"
    lifecycle.erase(anna)
    stand_in = f"erased-{person_key.digest(1, anna)[:16]}-{uuid4().hex}@{suppressions.NOBODY}"
    known = Invite.objects.create(advocate=ann, recipient_email=stand_in)
    assert erased.stands_in(stand_in, anna)
    assert lifecycle.invite(ann, anna, **told()) == known
