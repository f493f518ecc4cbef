"""A no that a person says at one account of a store is known to the store: no other account can reach them unawares."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import connections
from integrations.connections import Choice, accounts
from integrations.models import Connection, Delivery
from integrations.outbox.retention import forget
from integrations.signals import account_replaced
from klaviyo import tasks
from klaviyo.api import profiles
from klaviyo.consent import heard_noes, reach, topics
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentWatch, HeardNo, Notice, ServedStore, StoreSetting
from klaviyo.models.policies import Policy
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import polling, process, retention
from referrals import lifecycle, noes
from referrals.models import Advocate, OptOut, Program, Store
from tests import consent_screen, snapshot
from tests.conftest import Drain
from tests.histories.promises import models
from tests.klaviyo.newsletter_cast import UNSUBSCRIBE, choose_newsletter, fate, say_no, say_yes
from tests.klaviyo.sending_cast import let_invite
from tests.klaviyo.story import BEN, CID, TEA, State, fjord, make_due
from tests.klaviyo.webhooks.notices import body, item, post, watch_of

OTHER = "Qk7LmA"
A_DAY, A_MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def watch(connection: Connection, setting: StoreSetting) -> ConsentWatch:
    return watch_of(connection)


@pytest.fixture
def other(setting: StoreSetting, second_connection: Connection) -> StoreSetting:
    """The store has a second account."""
    return join(setting, second_connection)


def join(setting: StoreSetting, connection: Connection) -> StoreSetting:
    return StoreSetting.objects.create(
        store=setting.store,
        connection=connection,
        behaviour=StoreSetting.Behaviour.CREATE,
        invite_policy=Policy.NOT_OPTED_OUT,
    )


def hear(topic: str = topics.UNSUBSCRIBED, email: str = BEN, *, ago: timedelta = A_MINUTE, id: str = "") -> None:
    """The first account tells of it, and that is acted upon."""
    assert post(body(item(topic, email, ago=ago, id=id))) == 200
    process.all_due()


def put(sandbox: Sandbox, account: str, *, said: timedelta = 10 * A_DAY, **told: Any) -> None:
    said_at = (timezone.now() - said).isoformat(timespec="seconds")
    sandbox.put_profiles(account, [SeedProfile(email=BEN, said_at=said_at, **{"consent": "SUBSCRIBED"} | told)])


def live_on(drain: Drain) -> None:
    for _ in range(3):
        drain()
        make_due()


def invite(ann: Advocate) -> None:
    lifecycle.invite(ann, BEN)


def is_reachable(sandbox: Sandbox, account: str) -> bool:
    profile = sandbox.profile(account, BEN)
    return profile is not None and profile.can_receive


def of_invite(connection: Connection) -> tuple[str, str]:
    delivery = Delivery.objects.get(send__isnull=False, connection=connection)
    return delivery.state, delivery.reason_code


@pytest.mark.parametrize(("topic", "is_complaint"), [(topics.UNSUBSCRIBED, False), (topics.SPAM, True)])
def test_the_second_account_of_the_store_is_told_and_the_first_is_not(
    sandbox: Sandbox,
    watch: ConsentWatch,
    other: StoreSetting,
    ann: Advocate,
    drain: Drain,
    topic: str,
    is_complaint: bool,
) -> None:
    put(sandbox, OTHER)
    say_yes()
    hear(topic)
    [no] = noes.standing([BEN])
    assert (no.scope, no.email, no.is_complaint) == (OptOut.Scope.EVERYTHING, BEN, is_complaint)
    live_on(drain)
    assert not is_reachable(sandbox, OTHER)
    states = dict(Delivery.objects.filter(source=str(no.uid)).values_list("connection__account_id", "reason_code"))
    assert states == {TEA: "unsubscribed_before", OTHER: ""}
    assert len(sandbox.requests(UNSUBSCRIBE)) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_an_account_that_comes_in_its_place_sends_no_invite(
    sandbox: Sandbox, operator: User, watch: ConsentWatch, ann: Advocate, drain: Drain, is_known: bool
) -> None:
    hear()
    outcome = accounts.store(*consent_screen.consent(operator, sandbox, OTHER), watch.connection)
    connections.decide(outcome.connection, Choice.REPLACE, operator)
    if is_known:
        put(sandbox, OTHER)
    StoreSetting.objects.update(invite_policy=Policy.NOT_OPTED_OUT)
    invite(ann)
    live_on(drain)
    state, reason = of_invite(Connection.objects.get(account_id=OTHER))
    assert (state, reason) == (State.SKIPPED, "suppressed" if is_known else "opted_out_at_klaviyo")
    assert not is_reachable(sandbox, OTHER)


def test_whom_only_klaviyo_knows_is_told_of_at_once_too(
    sandbox: Sandbox, watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    put(sandbox, OTHER)
    hear()
    live_on(drain)
    assert not is_reachable(sandbox, OTHER)


def test_their_address_is_kept_for_a_while_and_their_no_for_good(
    watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    hear()
    assert set(snapshot.tables_with(BEN, models())) == {one._meta.db_table for one in (Notice, HeardNo, Delivery)}
    live_on(drain)
    later(retention.KEPT_FOR)
    Delivery.objects.exclude(settled_at=None).update(settled_at=F("settled_at") - 10 * retention.KEPT_FOR)
    retention.drop_old()
    forget()
    assert snapshot.tables_with(BEN, models()) == []
    assert len(noes.standing([BEN])) == 1


def test_whom_only_klaviyo_knew_is_unsubscribed_before_a_purchase_makes_them_known(
    sandbox: Sandbox, watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    hear()
    lifecycle.convert(ann, order_id="1", friend_email=BEN, total="20", currency="EUR")
    live_on(drain)
    assert sandbox.profile(OTHER, BEN) is not None
    assert not is_reachable(sandbox, OTHER)


@pytest.mark.parametrize("topic", [topics.SUPPRESSED, topics.BOUNCED, topics.DROPPED])
def test_a_bounce_and_what_the_shop_has_suppressed_are_nobodys_no(
    sandbox: Sandbox, watch: ConsentWatch, topic: str
) -> None:
    put(sandbox, TEA)
    hear(topic)
    assert not OptOut.objects.exists()


def test_told_again_it_is_one_no(watch: ConsentWatch, other: StoreSetting, ann: Advocate) -> None:
    for _ in range(3):
        hear()
    hear(ago=A_MINUTE + timedelta(seconds=3))
    assert OptOut.objects.count() == 1


def test_told_again_after_they_took_it_back_it_stays_taken_back(watch: ConsentWatch, ann: Advocate) -> None:
    hear(ago=A_MINUTE)
    say_yes()
    hear(ago=A_MINUTE)
    assert noes.standing([BEN]) == []


def test_a_no_after_a_yes_counts(watch: ConsentWatch, ann: Advocate) -> None:
    hear(ago=A_DAY / 48)
    say_yes()
    hear(ago=timedelta(0))
    assert len(noes.standing([BEN])) == 1


def test_a_no_that_comes_late_undoes_no_later_yes(watch: ConsentWatch, ann: Advocate) -> None:
    yes = say_yes(ago=timedelta(minutes=10))
    hear(ago=timedelta(minutes=50))
    assert noes.standing([BEN]) == []
    assert not noes.said_after(yes)


def test_what_an_account_was_told_it_tells_back_and_nothing_follows(
    sandbox: Sandbox, watch: ConsentWatch, ann: Advocate, drain: Drain
) -> None:
    fjord(watch.connection)  # another store of the account, to which they have said nothing
    put(sandbox, TEA)
    no = say_no(scope="everything")
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    hear(ago=timedelta(0))
    polling.poll(ConsentWatch.objects.get())
    assert list(OptOut.objects.values_list("uid", flat=True)) == [no.uid]


def test_it_stands_at_each_store_of_the_account(watch: ConsentWatch, ann: Advocate) -> None:
    oslo = fjord(watch.connection).store
    hear()
    assert {no.store_id for no in noes.standing([BEN])} == {ann.program.store_id, oslo.pk}


@pytest.mark.parametrize(
    ("how", "noted"), [("unsubscribed", [False]), ("spam", [True]), ("bounced", []), ("suppressed", [])]
)
def test_without_a_webhook_it_is_seen_when_the_account_is_asked(
    sandbox: Sandbox, watch: ConsentWatch, how: str, noted: list[bool]
) -> None:
    put(sandbox, TEA)
    sandbox.flip(TEA, BEN, how)
    for _ in range(2):
        polling.poll(ConsentWatch.objects.get())
    assert [no.is_complaint for no in noes.standing([BEN])] == noted


@pytest.mark.parametrize(
    "said_at",
    ["0001-01-01T00:00:00Z", "1999-12-31T23:59:59+00:00", "2199-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", "?"],
)
def test_of_a_no_whose_time_cannot_be_true_the_time_is_that_of_hearing_it(
    watch: ConsentWatch, ann: Advocate, said_at: str
) -> None:
    told = {"reason": "UNSUBSCRIBE", "timestamp": said_at}
    marketing = {"consent": "UNSUBSCRIBED", "can_receive_email_marketing": False, "suppression": [told]}
    attributes = {"email": BEN, "subscriptions": {"email": {"marketing": marketing}}}
    profile = profiles.Profile("01JABC", attributes)
    for _ in range(2):
        heard_noes.note_suppressed(watch.connection, [profile])
    [no] = noes.standing([BEN])
    assert timezone.now() - A_MINUTE < no.occurred_at <= timezone.now()


@pytest.mark.parametrize(
    "email", ["b" * 300 + "@friends.test", "b\0en@friends.test", "\ud800@friends.test", "ben", "@", ""]
)
def test_a_no_of_whoever_is_kept_without_fail(
    watch: ConsentWatch, other: StoreSetting, ann: Advocate, email: str
) -> None:
    heard_noes.note(watch.connection, email, is_complaint=False, happened_at=None)
    assert len(HeardNo.objects.get().email) <= 254
    assert OptOut.objects.count() == 1


def test_a_later_yes_at_the_other_account_counts_there(
    sandbox: Sandbox, watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    put(sandbox, OTHER, said=timedelta(minutes=10))
    hear(ago=timedelta(minutes=40))
    invite(ann)
    live_on(drain)
    assert of_invite(other.connection)[0] == State.ACCEPTED
    assert is_reachable(sandbox, OTHER)


def test_within_the_margin_of_clocks_the_no_wins(
    sandbox: Sandbox, watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    put(sandbox, OTHER, said=timedelta(minutes=38))
    hear(ago=timedelta(minutes=40))
    invite(ann)
    live_on(drain)
    assert of_invite(other.connection)[0] == State.SKIPPED
    assert not is_reachable(sandbox, OTHER)


def test_a_complaint_that_an_account_told_of_is_undone_from_the_mailbox_only(
    sandbox: Sandbox, watch: ConsentWatch, other: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    choose_newsletter(sandbox)
    other.delete()
    hear(topics.SPAM, ago=timedelta(minutes=30))
    yes = say_yes()
    assert len(noes.standing([BEN])) == 1
    live_on(drain)
    assert set(Delivery.objects.filter(source=str(yes.uid)).values_list("reason_code", flat=True)) == {"not_proved"}
    assert not is_reachable(sandbox, TEA)


def test_others_are_left_alone(watch: ConsentWatch, other: StoreSetting, ann: Advocate) -> None:
    hear()
    assert noes.standing([CID]) == []


# Stores that are joined later


def later(by: timedelta) -> None:
    """As if all that was heard had been so long ago."""
    Notice.objects.update(processed_at=F("processed_at") - by)
    HeardNo.objects.update(heard_at=F("heard_at") - by, happened_at=F("happened_at") - by)


def join_oslo(connection: Connection, second: Connection) -> Program:
    """The program of another store, which is joined to both accounts and may invite whoever has not opted out."""
    program = fjord(connection, invite_policy=Policy.NOT_OPTED_OUT)
    join(StoreSetting.objects.get(store=program.store), second)
    return program


def standing_at(store: Store) -> int:
    return len(noes.standing([BEN], [store.pk]))


def work(drain: Drain) -> None:
    for _ in range(3):
        tasks.tell_noes()
        live_on(drain)


@pytest.mark.parametrize("topic", [topics.UNSUBSCRIBED, topics.SPAM])
@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=400)])
def test_a_store_that_is_joined_later_takes_in_what_the_account_has_told(
    sandbox: Sandbox,
    watch: ConsentWatch,
    second_connection: Connection,
    ann: Advocate,
    drain: Drain,
    topic: str,
    is_named: bool,
    ago: timedelta,
) -> None:
    if is_named:
        say_yes(ago=500 * A_DAY)
    put(sandbox, OTHER, said=500 * A_DAY)
    hear(topic)
    later(ago)
    retention.drop_old()
    oslo = join_oslo(watch.connection, second_connection).store
    work(drain)
    [no] = noes.standing([BEN], [oslo.pk])
    assert no.is_complaint is (topic == topics.SPAM)
    assert is_reachable(sandbox, OTHER) is (bool(ago) and not is_named), "whose address nobody knows is not told of"
    known = Delivery.objects.get(source=str(no.uid), connection=watch.connection)
    assert (known.subject, known.reason_code) == ("", "unsubscribed_before")


def test_whose_address_nobody_knows_any_more_is_told_of_before_a_purchase_makes_them_reachable(
    sandbox: Sandbox, watch: ConsentWatch, second_connection: Connection, ann: Advocate, drain: Drain
) -> None:
    put(sandbox, OTHER, said=500 * A_DAY)
    hear()
    later(400 * A_DAY)
    retention.drop_old()
    lou = lifecycle.join(join_oslo(watch.connection, second_connection), "lou@example.com")
    work(drain)
    lifecycle.convert(lou, order_id="1", friend_email=BEN, total="20", currency="NOK")
    work(drain)
    assert not is_reachable(sandbox, OTHER)


def test_nobody_is_invited_before_the_store_has_taken_it_in(
    sandbox: Sandbox, watch: ConsentWatch, second_connection: Connection, ann: Advocate, drain: Drain
) -> None:
    put(sandbox, OTHER, said=500 * A_DAY)
    hear()
    oslo = join_oslo(watch.connection, second_connection)
    StoreSetting.objects.filter(store=oslo.store, connection=watch.connection).update(is_enabled=False)
    let_invite(lifecycle.join(oslo, "lou@example.com"), Program.Inviter.KLAVIYO)
    lifecycle.invite(Advocate.objects.get(program=oslo), BEN)
    live_on(drain)
    assert standing_at(oslo.store) == 0
    assert of_invite(second_connection) == (State.SKIPPED, "opted_out_at_klaviyo")


def test_the_account_that_takes_anothers_place_brings_what_it_has_told(
    watch: ConsentWatch, second_connection: Connection, ann: Advocate, drain: Drain
) -> None:
    hear()
    oslo = fjord(second_connection).store
    account_replaced.send(sender=Connection, old=second_connection, new=watch.connection)
    work(drain)
    assert standing_at(oslo) == 1


def test_a_yes_since_to_a_store_of_the_account_counts(
    sandbox: Sandbox, watch: ConsentWatch, second_connection: Connection, ann: Advocate, drain: Drain
) -> None:
    hear(ago=timedelta(minutes=50))
    say_yes(ago=timedelta(minutes=10))
    oslo = join_oslo(watch.connection, second_connection).store
    work(drain)
    assert standing_at(oslo) == 0


def test_of_somebody_erased_the_no_is_kept_and_nothing_else(
    watch: ConsentWatch, second_connection: Connection, operator: User, ann: Advocate, drain: Drain
) -> None:
    hear()
    erase.erase(BEN, operator)
    assert HeardNo.objects.get().email == ""
    oslo = join_oslo(watch.connection, second_connection).store
    work(drain)
    assert standing_at(oslo) == 1
    gone = Delivery.objects.exclude(kind="erase").filter(subject__icontains=BEN)
    assert not gone.exists()


def test_all_that_was_told_is_taken_in_some_at_a_time_and_once(
    watch: ConsentWatch, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard_noes, "AT_ONCE", 2)
    people = [f"p{number}@friends.test" for number in range(5)]
    for email in people:
        hear(email=email)
    oslo = fjord(watch.connection).store
    tasks.tell_noes()
    assert len(noes.standing(people, [oslo.pk])) == 5
    lifecycle.opt_in(oslo, people[0], wording="Yes.", place="form", proof="signed_in")
    tasks.tell_noes()
    assert len(noes.standing(people, [oslo.pk])) == 4
    assert not heard_noes.due().exists()


def test_which_stores_an_account_has_served_is_found_without_its_deliveries(
    connection: Connection, setting: StoreSetting, drain: Drain
) -> None:
    oslo = fjord(connection)
    StoreSetting.objects.filter(store=oslo.store).delete()
    with CaptureQueriesContext(database) as asked:
        assert reach.served(connection) == sorted([setting.store_id, oslo.store_id])
        assert reach.standing(connection, [BEN]) == []
        reach.has_anybody_objected(connection)
    statements = [one["sql"] for one in asked]
    assert [one for one in statements if Delivery._meta.db_table in one] == []
    assert "SCAN" not in str([ServedStore.objects.filter(connection=connection).explain()])
