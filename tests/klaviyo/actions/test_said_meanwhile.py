"""What somebody says while a run waits, or under another name, counts as if it had been said before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations import reasons
from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from klaviyo import actions
from klaviyo.actions import catalogue, guard, retries, subscription, suppression
from klaviyo.api import bulk
from klaviyo.models import ServedStore, StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import OptOut, Suppression
from tests.conftest import Drain
from tests.klaviyo.actions.test_guard import EVENT, UNSUBSCRIBE, asked, codes, say_no
from tests.klaviyo.actions.test_guard import house as house
from tests.klaviyo.story import BEN, CID, TEA, known, make_due

Sent = Callable[[], list[Exchange]]
PHONE = "+358401234567"


def subscription_of(who: dict[str, Any], channel: str, list_id: str) -> dict[str, Any]:
    one = who | {"subscriptions": {channel: {"marketing": {"consent": "SUBSCRIBED"}}}}
    data = {
        "type": "profile-subscription-bulk-create-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": one}]}},
        "relationships": {"list": {"data": {"type": "list", "id": list_id}}},
    }
    return {"data": data}


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Something happens in the first pause of a run."""

    def during(do: Callable[[], Any]) -> None:
        left = [do]
        monkeypatch.setattr(retries, "sleep", lambda *_: left.pop()() if left else None)

    return during


def test_a_no_in_the_pause_of_a_subscription_stands(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    setting: StoreSetting,
    house: str,
    drain: Drain,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    sandbox.fault("bulk_subscribe_profiles", "429", count=1, retry_after="1")

    def no_and_all_of_it_told() -> None:
        say_no(setting)
        drain()

    meanwhile(no_and_all_of_it_told)
    given: dict[str, Any] = {"email": BEN, "list_id": house, "channels": ["email"], "opt_in": "x"}
    told = actions.run("subscribe_profile_to_list", connection, **given)
    assert (told.outcome, told.code) == ("failure", "has_said_no"), told
    assert asked(sent).count("bulk_subscribe_profiles") == 1
    make_due()
    drain()
    assert known(sandbox, BEN).consent == "UNSUBSCRIBED"


def test_an_erasure_in_the_pause_of_an_event_stands(
    sent: Sent, sandbox: Sandbox, connection: Connection, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    sandbox.fault("create_event", "429", count=1, retry_after="1")
    meanwhile(lambda: lifecycle.erase(BEN))
    told = actions.run("create_event", connection, **EVENT)
    assert (told.code, asked(sent), sandbox.profile(TEA, BEN)) == ("erased", ["create_event"], None)
    assert told.attempts == 1


def test_a_no_in_the_pause_of_an_event_goes_first(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    setting: StoreSetting,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    sandbox.fault("create_event", "429", count=1, retry_after="1")
    meanwhile(lambda: say_no(setting))
    told = actions.run("create_event", connection, **EVENT)
    assert (told.outcome, codes(told)) == ("success", ["no_first"])
    assert asked(sent) == ["create_event", UNSUBSCRIBE, "create_event"]


@pytest.fixture
def before_part(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str, Callable[[], Any]], None]:
    """Something happens right before the guard looks at a bulk request for the so many-th time."""

    def at(number: int, operation: str, do: Callable[[], Any]) -> None:
        sees, looks = guard.Guard.before, []

        def before(self: guard.Guard, task: Any, asked: Any, body: Any) -> None:
            looks.append(asked.id)
            if asked.id == operation and looks.count(operation) == number:
                do()
            sees(self, task, asked, body)

        monkeypatch.setattr(guard.Guard, "before", before)

    return at


DORA = "dora@friends.test"
PEOPLE: dict[str, dict[str, Any]] = {
    "bulk_create_events": {"events": [EVENT | {"profile": {"email": email}} for email in (BEN, CID, DORA, BEN)]},
    "bulk_import_profiles": {"profiles": [{"email": email} for email in (BEN, CID, DORA, BEN)]},
    "subscribe_profiles": {
        "profiles": [{"email": email, "channels": ["email"]} for email in (BEN, CID, DORA, BEN)],
        "opt_in": "x",
        "list_id": "LIST",
    },
    "unsuppress_profiles": {"emails": [BEN, CID, DORA, BEN]},
}


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("name", PEOPLE)
def test_of_a_part_who_is_erased_meanwhile_is_left_out_alone(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    house: str,
    before_part: Callable[[int, str, Callable[[], Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    part: int,
) -> None:
    monkeypatch.setattr(bulk, "MOST_EVENTS", 3)
    monkeypatch.setattr(bulk, "MOST_PROFILES", 3)
    monkeypatch.setattr(subscription, "SUBSCRIBED_AT_ONCE", 3)
    monkeypatch.setattr(suppression, "SUPPRESSED_AT_ONCE", 3)
    operation = catalogue.find(name).operations[-1]
    before_part(part, operation, lambda: lifecycle.erase(BEN))
    given = {key: house if value == "LIST" else value for key, value in PEOPLE[name].items()}
    told = actions.run(name, connection, **given)
    field = next(iter(given))
    late = [0, 3] if part == 1 else [3]
    assert told.outcome == "success", told
    assert [(one.code, one.pointer) for one in told.warnings] == [("erased", f"/{field}/{at}") for at in late]
    bodies = [exchange.body.decode() for exchange in sent() if str(exchange.operation) == operation]
    assert [body.count(BEN) for body in bodies] == ([0] if part == 1 else [1])
    assert [body.count(CID) for body in bodies] == [1]
    if name == "bulk_create_events":
        assert (told.data["accepted"], len(told.data["unique_ids"])) == (4 - len(late), 4 - len(late))
    if name == "subscribe_profiles":
        assert (told.data["count"], told.data["left_out"]) == (4 - len(late), len(late))


def test_of_a_subscription_who_says_no_meanwhile_is_left_out_alone(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    setting: StoreSetting,
    house: str,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])])
    sandbox.fault("bulk_subscribe_profiles", "429", count=1, retry_after="1")
    meanwhile(lambda: say_no(setting))
    people = [{"email": email, "channels": ["email"]} for email in (BEN, CID, DORA)]
    proved: dict[str, Any] = {"opt_in": "x", "proof": "confirmed", "lift_suppressions": True}
    told = actions.run("subscribe_profiles", connection, profiles=people, list_id=house, **proved)
    left_out = [(one.code, one.pointer) for one in told.warnings if one.pointer]
    assert (told.outcome, told.data["count"], left_out) == ("success", 2, [("has_said_no", "/profiles/0")]), told
    assert asked(sent).count("bulk_subscribe_profiles") == 2
    assert [known(sandbox, email).consent for email in (CID, DORA)] == ["SUBSCRIBED"] * 2


def test_whose_no_cannot_be_told_is_left_out_alone(
    sent: Sent, connection: Connection, setting: StoreSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_no(setting)
    say_no(setting, email=DORA)
    tells = guard.Guard._tell

    def tell(self: guard.Guard, task: Any, one: Any) -> None:
        if one.email == BEN:
            raise PermanentError(reasons.of("invalid", "Klaviyo refuses it."))
        tells(self, task, one)

    monkeypatch.setattr(guard.Guard, "_tell", tell)
    told = actions.run("bulk_create_events", connection, **PEOPLE["bulk_create_events"])
    assert (told.outcome, told.data["accepted"]) == ("success", 2), told
    assert [(one.code, one.pointer) for one in told.warnings if one.pointer] == [
        ("no_first", "/events/0"),
        ("no_first", "/events/3"),
    ]
    assert BEN not in sent()[-1].body.decode()


def test_a_raw_subscription_lifts_no_no_to_its_list(sandbox: Sandbox, connection: Connection, house: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", lists=[house])])
    ends = guard.ends([guard.of_mail(BEN)], house)
    actions.run("raw_request", connection, operation="bulk_unsubscribe_profiles", data=ends)
    body = subscription_of({"email": BEN}, "email", house)
    told = actions.run("raw_request", connection, operation="bulk_subscribe_profiles", data=body)
    assert (told.code, known(sandbox, BEN).lists) == ("has_said_no", ())


def test_the_noes_that_are_owed_go_before_a_campaign_and_a_live_flow(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    StoreSetting.objects.update(noes_told_at=timezone.now() + timedelta(hours=1))
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", lists=[house])])
    made = actions.run("create_campaign", connection, name="Q", included=[house], messages=[{"subject": "q"}]).data
    say_no(setting)
    actions.run("send_campaign", connection, campaign_id=made["id"])
    assert asked(sent)[-2:] == [UNSUBSCRIBE, "send_campaign"]
    say_no(setting, email=CID)
    told = actions.run("update_flow_status", connection, flow_id="NONE", status="draft")
    assert asked(sent)[-2:] == ["send_campaign", "update_flow"]
    told = actions.run("update_flow_status", connection, flow_id="NONE", status="live")
    assert (codes(told), asked(sent)[-1]) == (["no_first"], "update_flow")
    assert asked(sent).count(UNSUBSCRIBE) >= 2


@pytest.mark.parametrize("what", ["no", "erased"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("create_event", {"event_name": "x", "profile": {"external_id": "b-1"}}),
        ("create_event", {"event_name": "x", "profile": {"phone_number": PHONE}}),
        ("create_event", {"event_name": "x", "klaviyo_id": "ID"}),
        ("upsert_profile", {"external_id": "b-1", "first_name": "B"}),
        ("bulk_import_profiles", {"profiles": [{"external_id": "b-1"}]}),
        ("add_profile_to_list", {"klaviyo_id": "ID", "list_id": "LIST"}),
        ("update_profile", {"klaviyo_id": "ID", "first_name": "B"}),
        ("merge_profiles", {"klaviyo_id": "OTHER", "from_id": "ID"}),
    ],
)
def test_by_whatever_name_a_person_is_the_same(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    setting: StoreSetting,
    house: str,
    what: str,
    name: str,
    given: dict[str, Any],
) -> None:
    ben = SeedProfile(email=BEN, external_id="b-1", phone_number=PHONE, consent="SUBSCRIBED")
    ids = sandbox.put_profiles(TEA, [ben, SeedProfile(email=CID)])
    places = {"ID": ids[0], "OTHER": ids[1], "LIST": house}
    given = {key: places.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    if what == "erased":
        lifecycle.erase(BEN)
        assert actions.run(name, connection, **given).code == "erased"
        assert set(asked(sent)) == {"get_profiles"}
    else:
        say_no(setting)
        assert codes(actions.run(name, connection, **given)) == ["no_first"]
        assert asked(sent).index(UNSUBSCRIBE) == len(asked(sent)) - 2


def test_an_account_that_a_store_has_left_still_hears_its_noes(
    sandbox: Sandbox, connection: Connection, second_connection: Connection, setting: StoreSetting, house: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", lists=[house])])
    StoreSetting.objects.filter(pk=setting.pk).update(connection=second_connection)
    say_no(setting)
    given: dict[str, Any] = {"email": BEN, "list_id": house, "channels": ["email"], "opt_in": "x"}
    assert actions.run("subscribe_profile_to_list", connection, **given).code == "has_said_no"


@pytest.mark.parametrize("is_told", [True, False])
def test_an_account_that_a_store_has_left_takes_and_gives_its_noes(
    sent: Sent,
    sandbox: Sandbox,
    connection: Connection,
    second_connection: Connection,
    setting: StoreSetting,
    drain: Drain,
    is_told: bool,
) -> None:
    say_no(setting, email=DORA)  # by which it is known that the account was the store's
    StoreSetting.objects.filter(pk=setting.pk).update(connection=second_connection)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    if is_told:
        told = actions.run("unsubscribe_profiles", connection, profiles=[{"email": BEN}])
        assert told.outcome == "success"
        assert OptOut.objects.filter(email=BEN, store=setting.store, scope="everything").exists()
        assert Delivery.objects.filter(subject=BEN, connection=second_connection, kind="unsubscribe").exists()
    else:
        say_no(setting)
        told = actions.run("create_event", connection, **EVENT)
        assert (told.outcome, codes(told)) == ("success", ["no_first"])
        assert asked(sent)[-2:] == [UNSUBSCRIBE, "create_event"]
        assert known(sandbox, BEN).consent == "UNSUBSCRIBED"


def test_a_no_in_an_account_that_was_no_stores_is_said_to_be_kept_there_alone(
    connection: Connection, setting: StoreSetting
) -> None:
    setting.delete()
    ServedStore.objects.all().delete()
    told = actions.run("unsubscribe_profiles", connection, profiles=[{"email": BEN}])
    assert (told.outcome, codes(told)) == ("success", ["kept_at_klaviyo"])
    assert not OptOut.objects.exists()


@pytest.mark.parametrize("is_text", [True, False])
@pytest.mark.parametrize("where", ["everything", "newsletter"])
def test_a_no_that_a_raw_request_tells_stands_here_as_well(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, where: str, is_text: bool
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED", lists=[house])])
    data: Any = guard.ends([guard.of_mail(BEN)], house if where == "newsletter" else None)
    data["data"]["attributes"]["profiles"]["data"].append(
        {"type": "profile", "attributes": {"phone_number": PHONE, "subscriptions": {"sms": {}}}}
    )
    headers = {"Content-Type": "application/vnd.api+json"}
    raw: dict[str, Any] = {"data": json.dumps(data), "headers": headers} if is_text else {"data": data}
    actions.run("raw_request", connection, operation="bulk_unsubscribe_profiles", **raw)
    no = OptOut.objects.get()
    assert (no.email, no.store, no.scope) == (BEN, setting.store, where)


def test_a_no_that_could_not_be_told_is_refused_and_not_lost(sent: Sent, connection: Connection) -> None:
    with pytest.raises(actions.BadInput):
        actions.run("unsubscribe_profiles", connection, profiles=[{"phone_number": PHONE, "channels": ["email"]}])
    assert asked(sent) == []


def test_an_id_that_stands_beside_a_number_says_the_address(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    person = {"id": id, "phone_number": PHONE, "channels": ["email"]}
    assert actions.run("unsubscribe_profiles", connection, profiles=[person]).outcome == "success"
    assert (known(sandbox, BEN).consent, OptOut.objects.count()) == ("UNSUBSCRIBED", 1)


def test_a_number_that_stands_beside_an_id_is_looked_up_as_well(
    sent: Sent, sandbox: Sandbox, connection: Connection, house: str
) -> None:
    ben = SeedProfile(email=BEN, phone_number=PHONE, sms_consent="UNSUBSCRIBED", consent="UNSUBSCRIBED")
    ids = sandbox.put_profiles(TEA, [SeedProfile(email=CID), ben])
    person = {"id": ids[0], "phone_number": PHONE, "channels": ["sms"]}
    told = actions.run("subscribe_profiles", connection, list_id=house, opt_in="x", profiles=[person])
    assert (told.code, "bulk_subscribe_profiles" in asked(sent)) == ("has_said_no", False)


def test_a_warning_points_at_the_place_in_the_input(sandbox: Sandbox, connection: Connection, house: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])])
    lifecycle.erase(BEN)
    people = [{"email": email, "channels": ["email"]} for email in (BEN, CID, "dan@friends.test")]
    told = actions.run("subscribe_profiles", connection, list_id=house, opt_in="x", profiles=people)
    assert [(one.code, one.pointer) for one in told.warnings] == [
        ("erased", "/profiles/0"),
        ("has_said_no", "/profiles/1"),
    ]
    assert (told.data["count"], told.data["left_out"]) == (1, 2)


def test_whoever_complained_here_stays_suppressed(sent: Sent, sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, suppressions=["USER_SUPPRESSED"])])
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED)
    told = actions.run("unsuppress_profiles", connection, emails=[BEN])
    assert (told.code, asked(sent)) == ("has_said_no", [])
    told = actions.run("unsuppress_profiles", connection, emails=[CID, BEN])
    assert [one.pointer for one in told.warnings] == ["/emails/1"]


def test_an_address_that_is_given_to_another_profile_brings_its_no(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, drain: Drain
) -> None:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="SUBSCRIBED")])
    say_no(setting)
    drain()
    told = actions.run("update_profile", connection, klaviyo_id=id, identifier="klaviyo_id", email=BEN)
    assert codes(told) == ["no_first"]
    assert asked(sent)[-2:] == [UNSUBSCRIBE, "update_profile"]
    assert Delivery.objects.filter(kind="unsubscribe", state="queued").exists()


@pytest.mark.parametrize("form", ["<{}>", "mailto:{}", " MAILTO:{} ", "\u2039{}\u203a"])
def test_what_stands_around_an_address_hides_nobody(sent: Sent, connection: Connection, form: str) -> None:
    lifecycle.erase(BEN)
    data = {"data": {"type": "profile", "attributes": {"email": form.format(BEN)}}}
    told = actions.run("raw_request", connection, operation="create_profile", data=data)
    assert (told.code, asked(sent)) == ("erased", [])


@pytest.mark.parametrize("path", ["/./profiles", "/profile%73", "/%70rofiles", "/profiles/.", "/x/../profiles"])
def test_a_path_goes_as_it_was_read(sent: Sent, connection: Connection, path: str) -> None:
    with pytest.raises(actions.BadInput):
        actions.run("raw_request", connection, method="POST", url=f"/api{path}", data={})
    assert asked(sent) == []
