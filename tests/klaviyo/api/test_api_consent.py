"""Consent, lists, deletion and suppressions through the API, asserted on what Klaviyo knows afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import OperatorRequired, PermanentError, TemporaryError
from integrations.models import Connection
from klaviyo.api import lists, privacy, profiles, subscriptions
from klaviyo.api.client import Client
from klaviyo.api.subscriptions import Subscriber
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.conftest import Connect
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, CID, TEA, known

PHONE = "+358401234567"
EMAIL, SMS = frozenset({"email"}), frozenset({"sms"})
ODD_IDS = ["", "../lists", "a/b", "..", "x" * 65, "a b", "é", "a?b", "a\n"]


@pytest.fixture
def client(connection: Connection) -> Client:
    return Client(connection)


def newsletter(sandbox: Sandbox, process: str = "single_opt_in") -> str:
    [list_id] = sandbox.put_lists(TEA, [SeedList("Newsletter", opt_in_process=process)])
    return list_id


def test_who_asks_for_e_mail_is_subscribed_to_e_mail_only(sandbox: Sandbox, client: Client) -> None:
    list_id = newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=PHONE)])
    subscriptions.subscribe(client, [Subscriber(BEN, EMAIL)], list_id, "The join form")
    ben = known(sandbox, BEN)
    assert (ben.consent, ben.sms_consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")
    assert lists.is_member(client, list_id, BEN)


def test_who_asks_for_text_messages_is_subscribed_to_those_only(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=PHONE)])
    list_id = newsletter(sandbox)
    subscriptions.subscribe(client, [Subscriber(BEN, SMS, phone_number=PHONE)], list_id, "The invite page")
    ben = known(sandbox, BEN)
    assert (ben.consent, ben.sms_consent) == ("NEVER_SUBSCRIBED", "SUBSCRIBED")


def test_a_double_opt_in_waits_for_the_person(sandbox: Sandbox, client: Client) -> None:
    list_id = newsletter(sandbox, "double_opt_in")
    [ben_id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    assert lists.one(client, list_id).opt_in_process == "double_opt_in"
    subscriptions.subscribe(client, [Subscriber(BEN, EMAIL, id=ben_id)], list_id, "The join form")
    assert known(sandbox, BEN).consent == "NEVER_SUBSCRIBED"
    sandbox.confirm(TEA, BEN)
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


@pytest.mark.parametrize(
    "odd",
    [
        Subscriber(BEN, frozenset()),
        Subscriber(BEN, frozenset({"push"})),
        Subscriber(BEN, SMS),
        Subscriber(BEN, EMAIL, id="../x"),
    ],
    ids=["no channel", "another channel", "no phone", "no id"],
)
def test_nobody_is_subscribed_to_what_they_did_not_ask_for(sandbox: Sandbox, client: Client, odd: Subscriber) -> None:
    with pytest.raises(PermanentError):
        subscriptions.subscribe(client, [odd], None, "The join form")
    assert sandbox.profile(TEA, BEN) is None


def test_a_person_leaves_one_list_or_everything(sandbox: Sandbox, client: Client) -> None:
    list_id = newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="SUBSCRIBED", lists=[list_id]) for email in (BEN, CID)])
    subscriptions.unsubscribe(client, BEN, list_id)
    subscriptions.unsubscribe(client, CID, None)
    ben, cid = known(sandbox, BEN), known(sandbox, CID)
    assert (ben.list_suppressions, ben.consent, cid.consent) == ((list_id,), "SUBSCRIBED", "UNSUBSCRIBED")


def test_membership_is_found_whatever_the_case(sandbox: Sandbox, client: Client) -> None:
    list_id = newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email="be.n+tea@friends.test", lists=[list_id]), SeedProfile(email=CID)])
    assert lists.is_member(client, list_id, "Be.N+tea@friends.test")
    assert not lists.is_member(client, list_id, CID)
    assert not lists.is_member(client, list_id, "nobody@friends.test")


@pytest.mark.parametrize("answer", [{"data": None}, {"data": {}}, {"data": "x"}], ids=["null", "object", "text"])
def test_an_odd_answer_is_no_answer_about_a_list(
    sandbox: Sandbox, client: Client, spoil: Spoil, answer: dict[str, Any]
) -> None:
    list_id = newsletter(sandbox)
    spoil("get_profiles_for_list", lambda _: answer)
    with pytest.raises(TemporaryError):
        lists.is_member(client, list_id, BEN)
    spoil("get_list", lambda _: answer)
    with pytest.raises(TemporaryError):
        lists.one(client, list_id)


def test_a_list_that_is_gone_is_refused(client: Client) -> None:
    with pytest.raises(PermanentError) as refused:
        lists.one(client, "Gone12")
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("odd", ODD_IDS)
def test_what_can_be_no_id_never_gets_into_an_address(sandbox: Sandbox, client: Client, odd: str) -> None:
    asked = len(sandbox.requests())
    for ask in (lists.one, profiles.get):
        with pytest.raises(PermanentError):
            ask(client, odd)
    with pytest.raises(PermanentError):
        lists.is_member(client, odd, BEN)
    assert len(sandbox.requests()) == asked


def test_one_person_is_found_by_id_with_their_consent(sandbox: Sandbox, client: Client) -> None:
    [ben_id, cid_id] = sandbox.put_profiles(
        TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED"), SeedProfile(email=CID)]
    )
    ben = profiles.get(client, ben_id)
    assert ben is not None
    assert (ben.id, ben.email) == (ben_id, BEN)
    assert ben.attributes["subscriptions"]["email"]["marketing"]["consent"] == "UNSUBSCRIBED"
    assert profiles.get(client, "01HZZZZZZZZZZZZZZZZZZZZZZZ") is None
    found = profiles.of_ids(client, [ben_id, cid_id, "01HZZZZZZZZZZZZZZZZZZZZZZZ"])
    assert {id: profile.email for id, profile in found.items()} == {ben_id: BEN, cid_id: CID}


def test_who_was_suppressed_lately_is_told_page_by_page_the_earliest_first(sandbox: Sandbox, client: Client) -> None:
    many = [f"friend-{number:03}@friends.test" for number in range(230)]
    sandbox.put_profiles(TEA, [SeedProfile(email=email, suppressions=["USER_SUPPRESSED"]) for email in many])
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    before = timezone.now() - timedelta(minutes=1)
    pages = list(profiles.suppressed_since(client, before))
    assert [len(page.profiles) for page in pages] == [100, 100, 30]
    assert {profile.email for page in pages for profile in page.profiles} == set(many)
    [on, *_] = profiles.suppressed_since(client, before, pages[1].next)
    assert on.profiles == pages[2].profiles
    assert [page.profiles for page in profiles.suppressed_since(client, timezone.now() + timedelta(minutes=1))] == [[]]


def test_klaviyo_deletes_whom_it_knows_and_says_whom_it_does_not(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    assert privacy.request_deletion(client, BEN)
    assert sandbox.profile(TEA, BEN) is None
    assert not privacy.request_deletion(client, "nobody@friends.test")


def test_without_the_scope_a_person_must_reconnect(connect: Connect, sandbox: Sandbox) -> None:
    connect(scope="accounts:read profiles:read")
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    with pytest.raises(OperatorRequired, match="data-privacy:write"):
        privacy.request_deletion(Client(Connection.objects.get()), BEN)
