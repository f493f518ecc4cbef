"""What an account has told us counts beside what it answers, which lags behind: here it shows subscribers only."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.models import Connection, Delivery
from klaviyo.consent import gate, topics
from klaviyo.mapping.contents import message_of
from klaviyo.models import Send
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.webhooks import process
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.sending_cast import RECEIVED, flows
from tests.klaviyo.story import BEN, TEA, State, choose_list, fjord
from tests.klaviyo.webhooks.notices import body, item, post, watch_of


@pytest.fixture
def ben_id(sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, spoil: Spoil) -> str:
    """Ben has unsubscribed, which answers do not show yet, and an invite to him waits; his id at Klaviyo."""

    def not_yet(document: Any) -> Any:
        for profile in document.get("data", []):
            marketing = profile["attributes"]["subscriptions"]["email"]["marketing"]
            marketing |= {"consent": "SUBSCRIBED", "can_receive_email_marketing": True}
            marketing |= {"suppression": [], "list_suppressions": []}
        return document

    watch_of(connection)
    drain()
    [ben_id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    spoil("get_profiles", not_yet)
    return ben_id


def tell(*items: dict[str, Any]) -> None:
    assert post(body(*items)) == 200


def attributes(told: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = told["payload"]["data"]["attributes"]
    return known


def test_a_suppression_that_is_lifted_does_not_take_back_the_persons_own_no(
    sandbox: Sandbox, ben_id: str, drain: Drain
) -> None:
    no = item(topics.UNSUBSCRIBED, BEN, ago=timedelta(seconds=60))
    tell(no, item(topics.UNSUPPRESSED, BEN, ago=timedelta(seconds=50)))
    process.all_due()
    drain()
    assert flows(sandbox, BEN) == []


def test_a_no_and_a_yes_of_the_same_second_are_a_no(sandbox: Sandbox, ben_id: str, drain: Drain) -> None:
    no, yes = item(topics.UNSUBSCRIBED, BEN), item(topics.SUBSCRIBED, BEN)
    attributes(yes)["timestamp"] = attributes(no)["timestamp"]
    tell(no)
    tell(yes)
    process.all_due()
    drain()
    assert flows(sandbox, BEN) == []


def test_a_yes_without_a_time_does_not_undo_a_no(sandbox: Sandbox, ben_id: str, drain: Drain) -> None:
    no, yes = item(topics.UNSUBSCRIBED, BEN), item(topics.SUBSCRIBED, BEN)
    del attributes(yes)["timestamp"]
    tell(no)
    tell(yes)
    process.all_due()
    drain()
    assert flows(sandbox, BEN) == []


def test_a_no_that_names_the_profile_alone_counts_before_anybody_has_heeded_it(
    sandbox: Sandbox, ben_id: str, drain: Drain
) -> None:
    tell(item(topics.UNSUBSCRIBED, profile_id=ben_id))
    drain()
    assert flows(sandbox, BEN) == []


def test_a_yes_after_the_no_lets_it_go(sandbox: Sandbox, ben_id: str, drain: Drain) -> None:
    no = item(topics.UNSUBSCRIBED, BEN, ago=timedelta(seconds=60))
    tell(no, item(topics.SUBSCRIBED, BEN, ago=timedelta(seconds=30)))
    process.all_due()
    drain()
    assert flows(sandbox, BEN) == [RECEIVED]


@pytest.mark.parametrize("where", ["at Sorae", "at Klaviyo"])
def test_a_no_of_the_last_moment_is_on_record(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    watch_of(connection)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    look = gate.last_look

    def right_after_a_no(batch: Any, delivery: Delivery) -> None:
        if message_of(delivery) and where == "at Sorae":
            lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="The page")
        elif message_of(delivery):
            tell(item(topics.UNSUBSCRIBED, BEN))
        look(batch, delivery)

    monkeypatch.setattr(gate, "last_look", right_after_a_no)
    drain()
    assert flows(sandbox, BEN) == []
    send = Send.objects.get()
    assert send.delivery.state == State.SKIPPED
    last = send.decisions.first()
    assert last is not None
    assert (last.is_allowed, last.code) == (False, send.delivery.reason_code)


def test_leaving_one_stores_list_closes_no_invite_of_another_store(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    ours = choose_list(sandbox)
    ann.program.store.klaviyo_settings.update(newsletter_list_id=ours)
    [theirs] = sandbox.put_lists(TEA, [SeedList("Oslo")])
    oli = lifecycle.join(fjord(connection, newsletter_list_id=theirs), "oli@oslo.test")
    drain()
    invite = lifecycle.invite(oli, BEN)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", list_suppressions=[ours])])
    lifecycle.invite(ann, BEN)
    drain()
    assert Send.objects.get(store=ann.program.store).delivery.reason_code == "list_suppressed"
    assert Invite.objects.get(pk=invite.pk).closed_at is None
