"""The guard: no action makes known who was erased, or reaches somebody before the account has heard of their no."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.api.outcome import Outcome
from integrations.models import Connection, Delivery, Pause
from integrations.wire.deadline import Deadline
from klaviyo import actions
from klaviyo.actions import catalogue
from klaviyo.actions.named_people import people_in
from klaviyo.actions.retries import Patience
from klaviyo.actions.task import Task
from klaviyo.api import subscriptions
from klaviyo.consent import topics
from klaviyo.models import Notice, StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from klaviyo.sandbox.protocol import scopes
from referrals import lifecycle
from referrals.models import OptOut, Suppression
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import choose_newsletter
from tests.klaviyo.story import BEN, CID, TEA, known, make_due

UNSUBSCRIBE, BULK_DELETE = "bulk_unsubscribe_profiles", "/profile-subscription-bulk-delete-jobs"
URL_OF_TALK = "/api/conversation-messages"
EVENT: dict[str, Any] = {"event_name": "Visited", "profile": {"email": BEN}}
ASKED: dict[str, Any] = {"opt_in": "At our stand"}
RAW: dict[str, Any] = {
    "operation": "create_profile",
    "data": {"data": {"type": "profile", "attributes": {"email": BEN}}},
}
#: Each action that can make somebody known, or reach them, and the operation that does.
MAKING: dict[str, dict[str, Any]] = {
    "suppress_profiles": {"emails": [BEN]},
    "unsubscribe_profiles": {"profiles": [{"email": BEN}], "globally": True},
}
REACHING: dict[str, tuple[dict[str, Any], str]] = {
    "create_profile": ({"email": BEN}, "create_profile"),
    "upsert_profile": ({"email": BEN}, "create_or_update_profile"),
    "bulk_import_profiles": ({"profiles": [{"email": BEN}]}, "bulk_import_profiles"),
    "create_event": (EVENT, "create_event"),
    "bulk_create_events": ({"events": [EVENT]}, "bulk_create_events"),
    "add_profile_to_list": ({"email": BEN, "list_id": "LIST"}, "add_profiles_to_list"),
    "subscribe_profile_to_list": (
        {"email": BEN, "list_id": "LIST", "channels": ["email"], **ASKED},
        "bulk_subscribe_profiles",
    ),
    "subscribe_profiles": (
        {"profiles": [{"email": BEN, "channels": ["email"]}], **ASKED},
        "bulk_subscribe_profiles",
    ),
    "unsuppress_profiles": ({"emails": [BEN]}, "bulk_unsuppress_profiles"),
    "raw_request": (RAW, "create_profile"),
}

Sent = Callable[[], list[Exchange]]


@pytest.fixture(autouse=True)
def house(sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting) -> str:
    """A store is joined to the account, which has granted everything; a list."""
    connection.scopes = " ".join(scopes.ALL)
    connection.access_token = sandbox.connect(TEA).access_token
    connection.save()
    [list_id] = sandbox.put_lists(TEA, [SeedList("News")])
    return list_id


def asked(sent: Sent) -> list[str]:
    return [str(exchange.operation) for exchange in sent()]


def run(name: str, connection: Connection, list_id: str, **more: Any) -> Outcome:
    given: dict[str, Any] = {key: list_id if value == "LIST" else value for key, value in REACHING[name][0].items()}
    return actions.run(name, connection, **given, **more)


def say_no(setting: StoreSetting, scope: str = "everything", email: str = BEN) -> None:
    lifecycle.opt_out(setting.store, email, scope=scope, place="A page")


def codes(outcome: Outcome) -> list[str]:
    return [problem.code for problem in outcome.warnings]


def test_every_action_that_can_reach_somebody_is_tried() -> None:
    declared = {action.name for action in catalogue.everything() if action.reaches}
    assert declared == {*REACHING, *MAKING, "merge_profiles"}


@pytest.mark.parametrize("name", MAKING)
def test_not_even_a_no_makes_the_erased_known_again(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, name: str
) -> None:
    """Klaviyo makes a profile of whom it does not know, to suppress or unsubscribe them."""
    lifecycle.erase(BEN)
    told = actions.run(name, connection, **MAKING[name])
    assert (told.outcome, told.code) == ("failure", "erased"), told
    assert asked(sent) == []
    assert sandbox.profile(TEA, BEN) is None
    assert not OptOut.objects.exists()


@pytest.mark.parametrize("name", REACHING)
def test_who_was_erased_is_refused_before_any_request(
    sent: Sent, sandbox: Sandbox, connection: Connection, house: str, name: str
) -> None:
    lifecycle.erase(BEN)
    told = run(name, connection, house)
    assert (told.outcome, told.code) == ("failure", "erased"), told
    assert asked(sent) == []
    assert sandbox.profile(TEA, BEN) is None


def test_a_mailbox_that_has_confirmed_since_is_back(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    lifecycle.erase(BEN)
    said: dict[str, Any] = {"wording": "News", "place": "A form"}
    lifecycle.opt_in(setting.store, BEN, proof="signed_in", **said)
    assert actions.run("create_profile", connection, email=BEN).code == "erased"
    lifecycle.opt_in(setting.store, BEN, proof="confirmed", **said)
    assert actions.run("create_profile", connection, email=BEN).outcome == "success"


def test_of_several_people_who_was_erased_is_left_out(sandbox: Sandbox, connection: Connection) -> None:
    lifecycle.erase(BEN)
    told = actions.run("bulk_import_profiles", connection, profiles=[{"email": BEN}, {"email": CID}])
    assert (told.outcome, codes(told), told.warnings[0].pointer) == ("success", ["erased"], "/profiles/0")
    events = [EVENT, EVENT | {"profile": {"email": CID}}]
    told = actions.run("bulk_create_events", connection, events=events)
    assert (told.outcome, told.data["accepted"], codes(told)) == ("success", 1, ["erased"])
    assert sandbox.profile(TEA, BEN) is None


def test_who_is_only_told_of_in_properties_is_nobody_to_be_reached(connection: Connection) -> None:
    lifecycle.erase(BEN)
    told = actions.run(
        "create_event", connection, event_name="Invited", profile={"email": CID}, properties={"email": BEN}
    )
    assert told.outcome == "success", told


@pytest.mark.parametrize("name", REACHING)
def test_the_no_that_an_account_is_owed_goes_first(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, name: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    say_no(setting)
    told = run(name, connection, house)
    made = asked(sent)
    assert "no_first" in codes(told)
    assert not known(sandbox, BEN).can_receive
    if REACHING[name][1] == "bulk_subscribe_profiles":
        assert (told.code, REACHING[name][1] in made) == ("has_said_no", False)
    else:
        assert made.index(UNSUBSCRIBE) < made.index(REACHING[name][1])
        assert made.count(UNSUBSCRIBE) == 1
    assert Delivery.objects.filter(kind="unsubscribe", state="queued").exists()


def test_a_no_that_the_account_has_is_not_told_before_but_once_more_after(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    say_no(setting)
    drain()
    before = len(sent())
    told = actions.run("upsert_profile", connection, email=BEN)
    assert (told.outcome, codes(told)) == ("success", [])
    assert asked(sent)[before:] == ["create_or_update_profile"]
    assert Delivery.objects.get(kind="unsubscribe").state == "queued"
    make_due()
    drain()
    assert Delivery.objects.get(kind="unsubscribe").reason_code == "unsubscribed_before"


def test_somebody_whom_klaviyo_knows_by_their_no_alone_is_created_all_the_same(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    say_no(setting)
    told = actions.run("create_profile", connection, email=BEN, first_name="Ben")
    assert told.outcome == "success", told
    ways = ["get_profiles", UNSUBSCRIBE, "create_profile", "get_profiles", "update_profile"]
    assert asked(sent) == ways
    assert (known(sandbox, BEN).first_name, known(sandbox, BEN).can_receive) == ("Ben", False)


def test_whoever_was_there_before_their_no_is_a_duplicate(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    say_no(setting)
    assert actions.run("create_profile", connection, email=BEN).code == "duplicate_profile"


def test_a_no_to_a_list_takes_them_off_it_and_off_nothing_else(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    news = choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", lists=[news])])
    say_no(setting, "newsletter")
    assert actions.run("create_event", connection, **EVENT).outcome == "success"
    assert asked(sent) == ["get_profiles_for_list", UNSUBSCRIBE, "create_event"]
    assert (known(sandbox, BEN).lists, known(sandbox, BEN).consent) == ((), "SUBSCRIBED")


def test_a_no_is_owed_although_it_could_not_be_told(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    say_no(setting)
    Delivery.objects.update(state="cancelled", settled_at=timezone.now())
    sandbox.fault(UNSUBSCRIBE, "500", count=9)
    told = actions.run("create_event", connection, **EVENT, max_retries=0)
    assert (told.outcome, "create_event" in asked(sent)) == ("error", False)
    assert Delivery.objects.get(kind="unsubscribe").state == "queued"


def test_a_dry_run_tells_of_it_and_changes_nothing(sent: Sent, connection: Connection, setting: StoreSetting) -> None:
    say_no(setting)
    Delivery.objects.update(state="cancelled", settled_at=timezone.now())
    told = actions.run("create_event", connection, actions.How(dry=True), **EVENT)
    assert (told.outcome, codes(told), asked(sent)) == ("success", ["no_first"], [])
    assert Delivery.objects.get(kind="unsubscribe").state == "cancelled"
    lifecycle.erase(BEN)
    assert actions.run("create_event", connection, actions.How(dry=True), **EVENT).code == "erased"


@pytest.mark.parametrize("by", ["klaviyo_id", "external_id"])
def test_a_person_who_is_named_by_an_id_is_known_as_far_as_can_be(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, by: str
) -> None:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, external_id="b-1")])
    Notice.objects.create(connection=connection, external_id="1", topic="event:other", profile_id=id, email=BEN)
    say_no(setting)
    who: dict[str, Any] = {by: {"klaviyo_id": id, "external_id": "b-1"}[by]}
    told = actions.run("add_profile_to_list", connection, list_id=house, **who)
    look_up = ["get_profiles"] if by == "external_id" else []
    assert asked(sent) == [*look_up, UNSUBSCRIBE, "add_profiles_to_list"]
    assert told.outcome == "success"


@pytest.mark.parametrize("what", ["erased", "no", "nothing"])
@pytest.mark.parametrize("name", ["bulk_import_profiles", "upsert_profile", "create_event", "raw_request"])
def test_who_has_a_number_beside_an_address_is_looked_up(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, name: str, what: str
) -> None:
    """An address of one and the number of another: the other may have said no, or be erased."""
    number = "+358401234567"
    sandbox.put_profiles(TEA, [SeedProfile(email=CID, phone_number=number)])
    if what == "erased":
        lifecycle.erase(CID)
    if what == "no":
        say_no(setting, email=CID)
    told = actions.run(name, connection, **_of_both(name, {"email": BEN, "phone_number": number}))
    operation = "create_or_update_profile" if name == "raw_request" else REACHING[name][1]
    if what == "erased":
        assert (told.outcome, told.code, asked(sent)) == ("failure", "erased", ["get_profiles"])
    elif what == "no":
        assert asked(sent)[:3] == ["get_profiles", UNSUBSCRIBE, operation]
        assert not known(sandbox, CID).can_receive
    else:
        assert asked(sent) == [operation]


def _of_both(name: str, who: dict[str, Any]) -> dict[str, Any]:
    match name:
        case "bulk_import_profiles":
            return {"profiles": [who]}
        case "create_event":
            return {"event_name": "Visited", "profile": who}
        case "raw_request":
            operation = "create_or_update_profile"
            return {"operation": operation, "data": {"data": {"type": "profile", "attributes": who}}}
    return who


@pytest.mark.parametrize("what", ["erased", "no", "nothing"])
@pytest.mark.parametrize("by", [{"operation": "create_conversation_message"}, {"method": "POST", "url": URL_OF_TALK}])
def test_a_conversation_says_not_whose_it_is_so_once_somebody_has_objected_nobody_is_written_to(
    sent: Sent, connection: Connection, setting: StoreSetting, by: dict[str, str], what: str
) -> None:
    if what == "erased":
        lifecycle.erase(BEN)
    if what == "no":
        say_no(setting)
    related = {"conversation": {"data": {"type": "conversation", "id": "01JABC"}}}
    data = {"data": {"type": "conversation-message", "attributes": {"body": "Hi"}, "relationships": related}}
    told = actions.run("raw_request", connection, **by, data=data)
    written = [exchange.path for exchange in sent() if exchange.method == "POST"]
    if what == "nothing":
        assert written == [URL_OF_TALK]
    else:
        assert (told.outcome, told.code, written) == ("failure", "whose_conversation", [])
        assert "inbox" in told.reason


def test_profiles_that_are_merged_are_known_by_their_ids(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    ids = sandbox.put_profiles(TEA, [SeedProfile(email=BEN), SeedProfile(email=CID)])
    for id, email in zip(ids, (BEN, CID), strict=True):
        Notice.objects.create(connection=connection, external_id=id, topic="event:other", profile_id=id, email=email)
    say_no(setting, email=CID)
    actions.run("merge_profiles", connection, klaviyo_id=ids[0], from_id=ids[1])
    assert [exchange.path for exchange in sent()] == [f"/api{BULK_DELETE}", "/api/profile-merge"]
    lifecycle.erase(CID)
    Notice.objects.create(connection=connection, external_id="x", topic="event:other", profile_id=ids[1], email=CID)
    assert actions.run("merge_profiles", connection, klaviyo_id=ids[0], from_id=ids[1]).code == "erased"


@pytest.mark.parametrize("what", ["nothing", "no", "erased", "complained", "told by Klaviyo"])
@pytest.mark.parametrize("name", ["unsuppress_profiles", "raw_request", "text"])
def test_of_a_list_no_suppression_is_lifted_once_anybody_has_said_no(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, name: str, what: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, lists=[house], suppressions=["USER_SUPPRESSED"])])
    match what:
        case "no":
            say_no(setting, email=CID)
        case "erased":
            lifecycle.erase(CID)
        case "complained":
            lifecycle.suppress(CID, Suppression.Reason.COMPLAINED)
        case "told by Klaviyo":
            Notice.objects.create(connection=connection, external_id="1", topic=topics.SPAM, email=CID)
    related = {"list": {"data": {"type": "list", "id": house}}}
    data: Any = {"data": {"type": "profile-suppression-bulk-delete-job", "attributes": {}, "relationships": related}}
    raw: dict[str, Any] = {"operation": "bulk_unsuppress_profiles", "data": data}
    if name == "text":
        raw |= {"data": json.dumps(data), "headers": {"Content-Type": "application/vnd.api+json"}}
    if name == "unsuppress_profiles":
        told = actions.run(name, connection, list_id=house)
    else:
        told = actions.run("raw_request", connection, **raw)
    if what == "nothing":
        assert (told.outcome, known(sandbox, BEN).can_receive) == ("success", True), told
    else:
        assert (told.outcome, told.code, asked(sent)) == ("failure", "name_the_people", [])
        assert "emails" in told.reason
        assert not known(sandbox, BEN).can_receive


def test_a_raw_lifting_of_a_suppression_lifts_none_of_who_complained(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED)
    profiles = {"data": [{"type": "profile", "attributes": {"email": email}} for email in (BEN.upper(), CID)]}
    body = {"data": {"type": "profile-suppression-bulk-delete-job", "attributes": {"profiles": profiles}}}
    told = actions.run("raw_request", connection, operation="bulk_unsuppress_profiles", data=body)
    assert (told.code, asked(sent)) == ("has_said_no", [])


@pytest.mark.parametrize("is_text", [True, False])
def test_a_raw_subscription_lifts_nothing(
    sent: Sent, sandbox: Sandbox, connection: Connection, house: str, is_text: bool
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, suppressions=["SPAM_COMPLAINT"])])
    one = {"email": BEN, "subscriptions": {"email": {"marketing": {"consent": "SUBSCRIBED"}}}}
    profiles = {"data": [{"type": "profile", "attributes": one}]}
    body: Any = {"data": {"type": "profile-subscription-bulk-create-job", "attributes": {"profiles": profiles}}}
    told = actions.run(
        "raw_request", connection, operation="bulk_subscribe_profiles", data=json.dumps(body) if is_text else body
    )
    assert (told.outcome, told.code, asked(sent)) == ("failure", "has_said_no", ["get_profiles"])


def test_a_raw_request_whose_text_names_somebody_erased_is_refused(sent: Sent, connection: Connection) -> None:
    lifecycle.erase(BEN)
    told = actions.run(
        "raw_request", connection, method="POST", url="/api/profiles", data=f"email={BEN}".replace("@", "%40")
    )
    assert (told.code, asked(sent)) == ("erased", [])


def test_who_has_complained_or_bounced_here_is_reached_by_no_subscription(connection: Connection, house: str) -> None:
    for reason in (Suppression.Reason.COMPLAINED, Suppression.Reason.BOUNCED):
        lifecycle.suppress(BEN, reason)
        given = REACHING["subscribe_profile_to_list"][0] | {"list_id": house, "lift_suppressions": True}
        assert actions.run("subscribe_profile_to_list", connection, **given, proof="confirmed").code == "has_said_no"
        Suppression.objects.all().delete()


def test_what_changes_something_is_never_asked_past_the_guard(connection: Connection) -> None:
    task = Task.over(connection, Patience(0, timedelta(), False), Deadline(5))
    with pytest.raises(TypeError, match="guard"):
        task.doing(subscriptions.BULK_SUBSCRIBE_PROFILES, lambda _: None)


def test_people_are_found_wherever_they_stand() -> None:
    body = {"data": [{"type": "profile", "id": "P1"}, {"attributes": {"profile": {"data": {"email": BEN}}}}]}
    assert people_in(body).emails == {BEN}
    assert people_in(body).profiles == {"P1"}
    assert people_in({"klaviyo_id": "P2", "emails": [CID], "properties": {"email": BEN}}).emails == {CID}


@pytest.mark.parametrize("kind", ["", "event"])
def test_an_account_that_is_left_alone_is_left_alone_by_actions(sent: Sent, connection: Connection, kind: str) -> None:
    code = "frozen" if kind else "not_answering"
    until = timezone.now() + timedelta(minutes=5)
    Pause.objects.create(connection=connection, kind=kind, code=code, sentence="It rests.", until=until)
    told = actions.run("create_event", connection, **EVENT)
    assert (told.outcome, told.code, told.reason, told.is_known) == ("error", code, "It rests.", True)
    assert asked(sent) == []
    listed = actions.run("list_lists", connection)
    assert listed.outcome == ("success" if kind else "error")


@pytest.mark.parametrize("state", ["reconnect", "disconnected", "disconnecting", "undecided"])
def test_without_access_nothing_is_sent_and_no_no_is_lost(
    sent: Sent, connection: Connection, setting: StoreSetting, state: str
) -> None:
    say_no(setting)
    Connection.objects.update(state=state)
    told = actions.run("create_event", connection, **EVENT)
    assert (told.outcome, told.is_known, asked(sent)) == ("error", True, [])
    assert told.reason
    assert Delivery.objects.get(kind="unsubscribe").state == "queued"
