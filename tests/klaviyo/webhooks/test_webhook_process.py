"""What an account has told us is acted on: once, in whatever order it comes, and never more is sent for it."""

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations import outbox, reasons
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from klaviyo.consent import opt_outs, topics
from klaviyo.models import ConsentWatch, Notice, StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.webhooks import process
from referrals import lifecycle
from referrals.models import Advocate
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, CID, KARI, TEA, State
from tests.klaviyo.webhooks.notices import body, item, post, watch_of
from tests.stopwatch import Stopwatch


@pytest.fixture
def watch(connection: Connection) -> ConsentWatch:
    return watch_of(connection)


def invite(ann: Advocate, *emails: str) -> None:
    for email in emails:
        lifecycle.invite(ann, email)


def tell(*items: dict[str, Any]) -> None:
    assert post(body(*items)) == 200


def of(email: str) -> tuple[str, str]:
    """The state and the reason of what was to be sent to somebody."""
    delivery = Delivery.objects.get(send__isnull=False, subject__iexact=email)
    return delivery.state, delivery.reason_code


def let_the_pauses_pass() -> None:
    Notice.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


CANCELLED = (State.CANCELLED, "opted_out_at_klaviyo")
WAITING = (State.QUEUED, "")


@pytest.mark.parametrize("topic", [topics.UNSUBSCRIBED, topics.SUPPRESSED, topics.SPAM])
def test_who_says_no_gets_nothing_of_what_waits_and_the_others_do(
    watch: ConsentWatch, ann: Advocate, topic: str
) -> None:
    invite(ann, BEN, CID)
    tell(item(topic, BEN))
    assert process.all_due() == 1
    assert of(BEN) == (State.CANCELLED, topics.OPT_OUTS[topic].code)
    assert of(CID) == WAITING
    notice = Notice.objects.get()
    assert notice.processed_at is not None
    assert (notice.outcome, notice.payload) == ("Messages cancelled: 1.", {})
    assert process.all_due() == 0


@pytest.mark.parametrize("told", ["Ben@Friends.test", "BEN@FRIENDS.TEST"])
def test_the_case_of_an_address_hides_nobody(watch: ConsentWatch, ann: Advocate, told: str) -> None:
    invite(ann, "bEn@friends.test", "jo@bücher.example")
    tell(item(email=told), item(email="Jo@xn--bcher-kva.example"))
    process.all_due()
    assert of("ben@friends.test") == of("jo@xn--bcher-kva.example") == CANCELLED


def test_what_is_held_is_cancelled_as_well(watch: ConsentWatch, ann: Advocate) -> None:
    invite(ann, BEN)
    Delivery.objects.update(state=State.HELD)
    tell(item(email=BEN))
    process.all_due()
    assert of(BEN) == CANCELLED


def test_facts_about_the_person_are_told_all_the_same(watch: ConsentWatch, ann: Advocate) -> None:
    tell(item(email=ann.email))
    process.all_due()
    told = Delivery.objects.exclude(kind="unsubscribe")  # that the account knows of the no is on record
    assert set(told.values_list("state", flat=True)) == {State.QUEUED}


def test_another_accounts_messages_are_its_own(
    watch: ConsentWatch, second_connection: Connection, ann: Advocate, setting: StoreSetting
) -> None:
    StoreSetting.objects.create(store=setting.store, connection=second_connection)
    invite(ann, BEN)
    tell(item(email=BEN))
    process.all_due()
    sends = Delivery.objects.filter(send__isnull=False)
    assert sends.get(connection=watch.connection).state == State.CANCELLED
    assert sends.get(connection=second_connection).state == State.QUEUED


def test_a_person_who_is_told_by_id_is_looked_up_together_with_the_others(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate
) -> None:
    emails = [f"friend-{number}@friends.test" for number in range(120)]
    ids = sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="UNSUBSCRIBED") for email in emails])
    invite(ann, emails[5], emails[117])
    tell(*(item(profile_id=id) for id in ids), item(profile_id="01HZZZZZZZZZZZZZZZZZZZZZZZ"))
    assert process.all_due() == 121
    assert of(emails[5]) == of(emails[117]) == CANCELLED
    assert len(sandbox.requests("get_profiles")) == 2
    assert Notice.objects.filter(outcome="Nobody is known by it any more.").count() == 1
    assert set(opt_outs.has_recent_notice(watch.connection, emails)) == set(emails)


@pytest.mark.parametrize("shape", [{"email": BEN}, {"profile_id": "ben"}], ids=["by address", "by id"])
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "out of order"])
def test_a_later_yes_counts_in_whatever_order_it_comes(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, shape: dict[str, str], turned: bool
) -> None:
    [ben_id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    shape = {name: ben_id if name == "profile_id" else value for name, value in shape.items()}
    invite(ann, BEN)
    no = item(topics.UNSUBSCRIBED, **shape, ago=timedelta(minutes=20))
    yes = item(topics.SUBSCRIBED, **shape, ago=timedelta(minutes=10))
    tell(*([yes, no] if turned else [no, yes]))
    process.all_due()
    assert of(BEN) == WAITING
    tell(item(topics.UNSUBSCRIBED, **shape, ago=timedelta(minutes=15)))
    process.all_due()
    assert of(BEN) == WAITING
    tell(item(topics.UNSUBSCRIBED, **shape, ago=timedelta(minutes=5)))
    process.all_due()
    assert of(BEN) == CANCELLED


@pytest.mark.parametrize(("consent", "then"), [("SUBSCRIBED", WAITING), ("UNSUBSCRIBED", CANCELLED)])
def test_an_old_no_is_held_against_what_the_account_says_by_now(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, consent: str, then: tuple[str, str]
) -> None:
    [ben_id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent=consent)])
    invite(ann, BEN)
    tell(item(topics.UNSUBSCRIBED, BEN, ben_id, ago=timedelta(days=2)))
    process.all_due()
    assert of(BEN) == then


@pytest.mark.parametrize("topic", topics.HINTS)
def test_a_hint_alone_cancels_nothing(sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, topic: str) -> None:
    [ben_id, cid_id] = sandbox.put_profiles(
        TEA, [SeedProfile(email=BEN, consent="NEVER_SUBSCRIBED"), SeedProfile(email=CID, suppressions=["HARD_BOUNCE"])]
    )
    invite(ann, BEN, CID)
    tell(item(topic, BEN, ben_id), item(topic, CID, cid_id))
    process.all_due()
    assert (of(BEN), of(CID)) == (WAITING, CANCELLED)


def test_who_leaves_the_stores_list_gets_nothing_for_it_and_another_list_does_not_matter(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, setting: StoreSetting
) -> None:
    ours, other = sandbox.put_lists(TEA, [SeedList("Newsletter"), SeedList("Other")])
    StoreSetting.objects.update(newsletter_list_id=ours)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, list_suppressions=[ours])])
    sandbox.put_profiles(TEA, [SeedProfile(email=CID, list_suppressions=[other])])
    invite(ann, BEN, CID)
    tell(item(topics.LEFT_A_LIST, BEN), item(topics.LEFT_A_LIST, CID))
    process.all_due()
    assert (of(BEN), of(CID)) == (CANCELLED, WAITING)


def pending_opt_in(connection: Connection, email: str, **values: Any) -> Delivery:
    told = {"state": State.ACCEPTED, "reason_code": "pending_opt_in", "settled_at": timezone.now()}
    return Delivery.objects.create(
        connection=connection,
        kind="subscribe",
        key=f"subscribe:{email}",
        subject=email,
        occurred_at=timezone.now(),
        **told | values,
    )


def test_a_click_in_the_confirmation_mail_confirms_the_opt_in(sandbox: Sandbox, watch: ConsentWatch) -> None:
    [cid_id] = sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="SUBSCRIBED")])
    ben, cid = pending_opt_in(watch.connection, BEN), pending_opt_in(watch.connection, CID)
    kari = pending_opt_in(watch.connection, KARI)
    tell(item(topics.SUBSCRIBED, BEN.upper()), item(topics.JOINED_A_LIST, profile_id=cid_id))
    process.all_due()
    for delivery in (ben, cid, kari):
        delivery.refresh_from_db()
    assert (ben.state, cid.state, kari.state) == (State.CONFIRMED, State.CONFIRMED, State.ACCEPTED)


def test_a_yes_of_yesterday_confirms_no_opt_in_of_today(watch: ConsentWatch) -> None:
    ben = pending_opt_in(watch.connection, BEN)
    tell(item(topics.SUBSCRIBED, BEN, ago=timedelta(days=1)))
    process.all_due()
    ben.refresh_from_db()
    assert ben.state == State.ACCEPTED


@pytest.mark.parametrize("topic", ["event:klaviyo.merged_profile", "event:shop.placed_order", "x"])
def test_other_topics_are_stored_and_done(sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, topic: str) -> None:
    invite(ann, BEN)
    tell(item(topic, BEN))
    assert process.all_due() == 1
    assert of(BEN) == WAITING
    assert not sandbox.requests("get_profiles")


def test_one_that_fails_is_tried_again_later_and_keeps_nobody_waiting(
    watch: ConsentWatch, ann: Advocate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    invite(ann, BEN, CID)
    cancel = opt_outs.cancel

    def fail_for_ben(connection: Connection, email: str, why: reasons.Reason) -> int:
        if email == BEN:
            raise RuntimeError(BEN)
        return cancel(connection, email, why)

    monkeypatch.setattr(opt_outs, "cancel", fail_for_ben)
    tell(item(email=BEN), item(email=CID))
    assert process.all_due() == 1
    assert (of(BEN), of(CID)) == (WAITING, CANCELLED)
    assert BEN not in caplog.text
    for _ in process.PAUSES[1:]:
        let_the_pauses_pass()
        assert process.all_due() == 0
    let_the_pauses_pass()
    assert process.all_due() == 1
    assert Notice.objects.get(email=BEN).outcome.startswith("Given up:")


def test_while_the_account_cannot_be_asked_who_can_be_named_is_served(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate
) -> None:
    [cid_id] = sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="UNSUBSCRIBED")])
    invite(ann, BEN, CID)
    sandbox.fault("get_profiles", "500", count=1)
    tell(item(email=BEN), item(profile_id=cid_id))
    assert process.all_due() == 1
    assert (of(BEN), of(CID)) == (CANCELLED, WAITING)
    let_the_pauses_pass()
    assert process.all_due() == 1
    assert of(CID) == CANCELLED


def test_an_id_that_the_account_refuses_keeps_the_others_from_nothing(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, spoil: Spoil
) -> None:
    [ben_id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    invite(ann, BEN)
    error = b'{"errors": [{"code": "invalid", "title": "Invalid input.", "detail": "", "id": "1"}]}'
    spoil("get_profiles", lambda _: (400, error))
    tell(item(profile_id="odd"), item(profile_id=ben_id))
    process.all_due()
    assert of(BEN) == CANCELLED


def test_what_a_dead_worker_had_claimed_is_done_by_the_next(watch: ConsentWatch, ann: Advocate) -> None:
    invite(ann, BEN)
    tell(item(email=BEN))
    assert len(process._claim()) == 1
    assert process.all_due() == 0
    Notice.objects.update(next_try_at=F("next_try_at") - process.CLAIMED_FOR)
    assert process.all_due() == 1
    assert of(BEN) == CANCELLED


def test_three_hundred_noes_are_heeded_in_one_go(
    watch: ConsentWatch, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "monotonic", Stopwatch().seconds)
    emails = [f"friend-{number}@friends.test" for number in range(300)]
    invite(ann, *emails[::15])
    told = [item(email=email) for email in emails]
    random.Random(3).shuffle(told)
    tell(*told)
    assert process.all_due() == 300
    assert Delivery.objects.filter(state=State.CANCELLED).count() == 20


def test_many_workers_settle_each_notice_once(watch: ConsentWatch, ann: Advocate) -> None:
    emails = [f"friend-{number}@friends.test" for number in range(300)]
    invite(ann, *emails[::10])
    tell(*(item(email=email) for email in emails))
    settled: list[int] = []

    def work() -> None:
        try:
            settled.append(process.all_due())
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(settled) == 300
    assert set(Notice.objects.values_list("tries", flat=True)) == {1}
    assert Delivery.objects.filter(state=State.CANCELLED).count() == 30


def test_a_message_in_a_workers_hands_is_left_to_it_and_the_worker_can_see_the_no(
    watch: ConsentWatch, ann: Advocate
) -> None:
    invite(ann, BEN)
    outbox.claim(watch.connection)
    tell(item(email=BEN))
    assert process.all_due() == 1
    assert of(BEN)[0] == State.SENDING
    assert opt_outs.has_recent_notice(watch.connection, [BEN.upper(), CID]).keys() == {BEN}


def test_only_a_no_of_the_last_hour_speaks_louder_than_the_account(watch: ConsentWatch) -> None:
    tell(item(email=BEN, ago=timedelta(minutes=50)), item(email=CID, ago=timedelta(minutes=70)))
    tell(item(topics.BOUNCED, KARI), item(topics.SUPPRESSED, "x@friends.test"))
    said = opt_outs.has_recent_notice(watch.connection, [BEN, CID, KARI, "x@friends.test"])
    assert said.keys() == {BEN, "x@friends.test"}
    assert said[BEN].topic == topics.UNSUBSCRIBED


def test_cancelling_takes_back_invites_only(watch: ConsentWatch, ann: Advocate) -> None:
    invite(ann, BEN)
    order = Order("profile", "other", timezone.now(), subject=BEN)
    with transaction.atomic():
        outbox.add(watch.connection_id, [order])
    assert opt_outs.cancel(watch.connection, BEN, reasons.of("opted_out_at_klaviyo", "No.")) == 1
    assert Delivery.objects.get(key="other").state == State.QUEUED
