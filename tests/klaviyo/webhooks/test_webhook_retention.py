"""Who was erased stays so, whatever accounts still tell of them; and what is long done with is not kept."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Connection
from klaviyo.consent import topics
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentWatch, Notice
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import process, retention, turns
from referrals import lifecycle
from referrals.models import Advocate
from tests.klaviyo.story import BEN, CID, TEA
from tests.klaviyo.webhooks.notices import body, item, post, signed, watch_of

PROFILE = "01JCBEN0000000000000000000"


@pytest.fixture
def watch(connection: Connection) -> ConsentWatch:
    return watch_of(connection)


def kept() -> str:
    """All that is stored of what accounts have told."""
    return json.dumps(list(Notice.objects.values("email", "profile_id", "payload", "outcome")))


def test_what_is_told_again_after_an_erasure_brings_nobody_back(watch: ConsentWatch, ann: Advocate) -> None:
    lifecycle.invite(ann, BEN, recipient_name="Ben")
    raw = body(item(email=BEN, profile_id=PROFILE, id="e-1"))
    headers = signed(raw)
    assert post(raw, headers) == 200
    erase.erase(BEN, None)
    assert not Notice.objects.exists()
    assert [post(raw, headers), post(raw, headers)] == [200, 200]
    assert BEN not in kept()
    assert PROFILE not in kept()
    notice = Notice.objects.get()
    assert (notice.external_id, notice.topic) == ("e-1", topics.UNSUBSCRIBED)
    assert notice.processed_at is not None


@pytest.mark.parametrize("told", ["BEN@friends.test", " Ben@Friends.test"])
def test_an_erased_person_is_known_in_any_spelling_and_the_others_are_kept(watch: ConsentWatch, told: str) -> None:
    erase.erase(BEN, None)
    assert post(body(item(email=told), item(email=CID))) == 200
    assert list(Notice.objects.exclude(email="").values_list("email", flat=True)) == [CID]
    assert "friends.test" not in kept().replace(CID, "")


def test_an_erased_person_who_is_told_by_id_alone_is_not_named(
    watch: ConsentWatch, sandbox: Sandbox, ann: Advocate
) -> None:
    [ben] = sandbox.put_profiles(TEA, [SeedProfile(BEN)])
    erase.erase(BEN, None)
    assert post(body(item(profile_id=ben))) == 200
    assert process.all_due() == 1
    assert BEN not in kept()
    assert ben not in kept()
    assert Notice.objects.get().processed_at is not None


def test_what_was_stored_while_the_person_was_being_erased_goes_when_it_is_heeded(watch: ConsentWatch) -> None:
    erase.erase(BEN, None)
    late = Notice.objects.create(
        connection=watch.connection,
        external_id="late",
        topic=topics.UNSUBSCRIBED,
        email=BEN,
        payload={"email": BEN},
        next_try_at=timezone.now() - timedelta(seconds=1),
    )
    process.all_due()
    assert BEN not in kept()
    late.refresh_from_db()
    assert late.processed_at is not None


@pytest.mark.parametrize("way", ["joined", "opted in"])
def test_somebody_who_has_come_back_since_is_heard_of_again(watch: ConsentWatch, ann: Advocate, way: str) -> None:
    erase.erase(BEN, None)
    if way == "joined":
        lifecycle.join(ann.program, "Ben@friends.test", first_name="Ben")
    else:
        lifecycle.opt_in(ann.program.store, BEN, wording="News, please.", place="join form")
    assert post(body(item(email=BEN, profile_id=PROFILE))) == 200
    notice = Notice.objects.get()
    assert (notice.email, notice.profile_id, notice.processed_at) == (BEN, PROFILE, None)


def test_any_other_reason_not_to_write_to_somebody_is_none_to_forget_them(watch: ConsentWatch) -> None:
    lifecycle.suppress(BEN, "complained")
    assert post(body(item(email=BEN))) == 200
    assert Notice.objects.get().email == BEN


def test_what_was_settled_a_month_ago_is_dropped_by_the_watch(
    watch: ConsentWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(turns, "ROTA", replace(turns.ROTA, turn=lambda _: None))
    old, recent = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=29)
    Notice.objects.bulk_create(
        Notice(connection=watch.connection, external_id=f"{number}", topic="t", processed_at=processed_at)
        for number, processed_at in enumerate([old, None, old, recent, old])
    )
    left = []
    for _ in range(3):
        turns.take_all()
        left.append(sorted(Notice.objects.values_list("external_id", flat=True)))
    assert left == [["1", "3", "4"], ["1", "3"], ["1", "3"]]
