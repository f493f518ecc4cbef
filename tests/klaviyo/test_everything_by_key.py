"""All that works over OAuth, over a private key: what is sent, read back, imported, asked, paused and reconciled."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integrations import connections, outbox, pacing
from integrations.models import Connection, Delivery
from klaviyo import account_lists
from klaviyo.delivery.erasure import erase
from klaviyo.models import AccountLists, ConsentWatch, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import polling, turns
from referrals import lifecycle
from referrals.models import Advocate
from tests import consent_screen
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import read_back
from tests.klaviyo.confirmation.test_reconcile import EVEN, reconcile
from tests.klaviyo.imports.walks import backfill, emails, end_imports
from tests.klaviyo.newsletter_cast import choose_newsletter, fate, say_no, say_yes
from tests.klaviyo.story import BEN, CID, TEA, State, choose_list, known, make_due, metrics, states


@pytest.fixture
def connection(sandbox: Sandbox, operator: User) -> Connection:
    """The account that everybody here uses is connected by a key."""
    return consent_screen.keyed_by(operator, sandbox)


def look() -> ConsentWatch:
    ConsentWatch.objects.update(next_look_at=None)
    turns.take_all()
    return ConsentWatch.objects.select_related("connection").get()


def test_events_profiles_and_lists_are_told_and_read_back(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    list_id = choose_list(sandbox)
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="5", currency="EUR")
    drain()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started", "Sorae Conversion", "Sorae Invite Sent"]
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code
    assert list_id in known(sandbox, ann.email).lists
    read_back(2)
    assert State.CONFIRMED in states(kind="event")
    status, said = reconcile(connection)
    assert (status, EVEN in said) == (0, True)


def test_each_request_was_made_with_the_key(
    connection: Connection, ann: Advocate, drain: Drain, sandbox: Sandbox
) -> None:
    sandbox.expire_tokens(TEA)
    drain()
    assert states() == {State.ACCEPTED}
    assert sandbox.requests("oauth_token") == []
    assert {"profiles:write", "events:write"} <= Connection.objects.get().granted


def test_consent_is_given_and_withdrawn(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    choose_newsletter(sandbox)
    yes = say_yes(BEN)
    drain()
    assert fate(yes)[0] == State.ACCEPTED
    assert known(sandbox, BEN).consent == "SUBSCRIBED"
    no = say_no(BEN, scope="everything")
    drain()
    make_due()
    drain()
    assert fate(no)[0] == State.ACCEPTED
    assert known(sandbox, BEN).consent == "UNSUBSCRIBED"


def test_everybody_there_is_is_imported(sandbox: Sandbox, ann: Advocate, setting: StoreSetting) -> None:
    Delivery.objects.all().delete()
    assert "1 of 1" in backfill()
    end_imports()
    assert emails(sandbox) == {ann.email}


def test_an_erased_person_is_deleted_there(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    erase.erase(ann.email, None)
    drain()
    make_due()
    drain()
    assert len(sandbox.requests("request_profile_deletion")) == 1


def test_lists_are_read(sandbox: Sandbox, connection: Connection) -> None:
    choose_list(sandbox, "Tea lovers")
    account_lists.take_all()
    assert [one.name for one in account_lists.kept(AccountLists.objects.get())] == ["Tea lovers"]


def test_without_a_webhook_noes_are_asked_for_each_minute(sandbox: Sandbox, ann: Advocate) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    watch = look()
    assert watch.problem.startswith("Klaviyo lets only OAuth apps have webhooks")
    assert [sandbox.requests(name) for name in ("get_webhook_topics", "get_webhooks", "create_webhook")] == [[], [], []]
    assert not polling.is_due(watch)
    ConsentWatch.objects.update(pulled_until=timezone.now() - polling.EVERY)
    sandbox.flip(TEA, BEN, "unsubscribed")
    look()
    waiting = Delivery.objects.get(send__isnull=False, subject=BEN)
    assert (waiting.state, waiting.reason_code) == (State.CANCELLED, "opted_out_at_klaviyo")


def test_the_webhook_of_the_app_gives_way_to_asking_each_minute(
    sandbox: Sandbox, operator: User, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Klaviyo may take an app's webhooks with it when our access by OAuth ends."""
    monkeypatch.setattr(pacing, "take_all", lambda *_, **__: None)
    connections.disconnect(Connection.objects.get(), operator)
    consent_screen.connected_by(operator, sandbox)
    assert look().webhook_id
    assert not polling.is_due(look())
    consent_screen.keyed_by(operator, sandbox, connection=Connection.objects.get())
    watch = look()
    assert watch.problem
    ConsentWatch.objects.update(pulled_until=timezone.now() - polling.EVERY)
    assert polling.is_due(ConsentWatch.objects.get())
    consent_screen.connected_by(operator, sandbox, again=Connection.objects.get())
    assert look().problem == ""


def test_nothing_goes_out_while_it_is_disconnected_and_all_of_it_afterwards(
    sandbox: Sandbox, operator: User, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    connections.disconnect(connection, operator)
    drain()
    assert states() == {State.HELD}
    assert sandbox.events(TEA) == []
    consent_screen.keyed_by(operator, sandbox)
    drain()
    assert states() == {State.ACCEPTED}


def test_an_account_that_changes_from_oauth_to_a_key_keeps_what_waits(
    sandbox: Sandbox, operator: User, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    connections.disconnect(connection, operator)
    consent_screen.connected_by(operator, sandbox)
    sandbox.uninstall(TEA)
    drain()
    outbox.hold_strays()
    assert states() == {State.HELD}
    consent_screen.keyed_by(operator, sandbox, connection=connection)
    drain()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]


def test_a_pause_holds_for_a_key_too(sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain) -> None:
    sandbox.fault("*", "503", count=1_000)
    drain()
    assert states() == {State.QUEUED}
    assert connections.probe(connection).code == "http_503"
    assert Connection.objects.get().is_connected
    sandbox.clear_faults()
    make_due()
    drain()
    assert states() == {State.ACCEPTED}
