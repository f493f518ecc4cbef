"""Actions on consent: what Klaviyo is asked and in which order, who is left out, and what stands in Sorae after."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.api.outcome import Outcome
from integrations.models import Connection, Delivery
from klaviyo import actions
from klaviyo.actions import subscription
from klaviyo.actions.task import Task
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from klaviyo.sandbox.protocol import scopes
from referrals import lifecycle
from referrals.models import OptIn, OptOut, Store, Suppression
from tests.klaviyo.story import BEN, CID, TEA, known

DAN = "dan@friends.test"
NUMBER = "+358401234567"
ASKED: dict[str, Any] = {"opt_in": "At our stand in Helsinki, 2026-08-01"}
SUBSCRIBE, UNSUBSCRIBE = "bulk_subscribe_profiles", "bulk_unsubscribe_profiles"

Sent = Callable[[], list[Exchange]]


@pytest.fixture
def news(sandbox: Sandbox) -> str:
    [list_id] = sandbox.put_lists(TEA, [SeedList("News", opt_in_process="single_opt_in")])
    return list_id


@pytest.fixture(autouse=True)
def all_scopes(sent: Sent, sandbox: Sandbox, connection: Connection) -> None:
    """Whatever the product asks for, this account has granted everything; and it is watched."""
    connection.scopes = " ".join(scopes.ALL)
    connection.access_token = sandbox.connect(TEA).access_token
    connection.save()


def asked(sent: Sent) -> list[str]:
    """The operations that Klaviyo was asked for, in order."""
    return [str(exchange.operation) for exchange in sent()]


def codes(outcome: Outcome) -> list[str]:
    return [problem.code for problem in outcome.warnings]


def put(sandbox: Sandbox, email: str = BEN, **told: Any) -> str:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=email, **told)])
    return id


def subscribe(connection: Connection, *emails: str, **more: Any) -> Outcome:
    people = [{"email": email, "channels": ["email"]} for email in emails]
    return actions.run("subscribe_profiles", connection, profiles=people, **ASKED | more)


def test_one_person_is_subscribed_to_a_list(sent: Sent, sandbox: Sandbox, connection: Connection, news: str) -> None:
    told = actions.run(
        "subscribe_profile_to_list", connection, list_id=news, email=BEN, channels=["email"], confirm=True, **ASKED
    )
    assert (told.outcome, told.data["accepted"], told.data["subscribed"]) == ("success", True, 1)
    assert asked(sent) == ["get_profiles", SUBSCRIBE, "get_profiles"]
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).lists) == ("SUBSCRIBED", (news,))


@pytest.mark.parametrize("by", ["klaviyo_id", "external_id", "phone_number"])
def test_a_person_is_found_by_whatever_names_them(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str, by: str
) -> None:
    id = put(sandbox, external_id="b-1", phone_number=NUMBER)
    who: dict[str, Any] = {by: {"klaviyo_id": id, "external_id": "b-1", "phone_number": NUMBER}[by]}
    channels = ["sms"] if by == "phone_number" else ["email", "sms"]
    told = actions.run("subscribe_profile_to_list", connection, list_id=news, channels=channels, **who, **ASKED)
    assert told.outcome == "success", told
    assert asked(sent)[-1] == SUBSCRIBE
    assert known(sandbox, BEN).sms_consent == "SUBSCRIBED"
    assert known(sandbox, BEN).consent == ("NEVER_SUBSCRIBED" if by == "phone_number" else "SUBSCRIBED")


def test_without_a_list_whom_klaviyo_does_not_know_is_made_first(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    put(sandbox, CID)
    told = subscribe(connection, BEN, CID)
    assert (told.outcome, told.data["count"]) == ("success", 2)
    assert asked(sent)[-2:] == ["create_or_update_profile", SUBSCRIBE]
    assert known(sandbox, BEN).consent == known(sandbox, CID).consent == "SUBSCRIBED"


@pytest.mark.parametrize(
    "said",
    [
        {"consent": "UNSUBSCRIBED"},
        {"suppressions": ["USER_SUPPRESSED"]},
        {"suppressions": ["SPAM_COMPLAINT"]},
        {"suppressions": ["HARD_BOUNCE"]},
    ],
)
def test_who_has_said_no_at_klaviyo_is_left_out(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str, said: dict[str, Any]
) -> None:
    put(sandbox, **said)
    before = known(sandbox, BEN).suppressions
    alone = subscribe(connection, BEN, list_id=news)
    assert (alone.outcome, alone.code) == ("failure", "has_said_no")
    assert asked(sent) == ["get_profiles"]
    told = subscribe(connection, BEN, CID, list_id=news)
    assert (told.outcome, told.data["count"], codes(told)) == ("success", 1, ["has_said_no"])
    assert told.warnings[0].pointer == "/profiles/0"
    assert (known(sandbox, BEN).suppressions, known(sandbox, CID).consent) == (before, "SUBSCRIBED")


def test_a_proved_yes_undoes_an_unsubscribe_and_nothing_else(
    sandbox: Sandbox, connection: Connection, news: str
) -> None:
    put(sandbox, consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])
    put(sandbox, CID, consent="UNSUBSCRIBED", suppressions=["SPAM_COMPLAINT"])
    put(sandbox, DAN, suppressions=["HARD_BOUNCE"])
    with pytest.raises(actions.BadInput):
        subscribe(connection, BEN, list_id=news, lift_suppressions=True)
    told = subscribe(connection, BEN, CID, DAN, list_id=news, lift_suppressions=True, proof="confirmed")
    assert (told.data["count"], codes(told)) == (1, ["has_said_no"] * 2)
    assert known(sandbox, BEN).can_receive
    assert not known(sandbox, CID).can_receive
    assert "SPAM_COMPLAINT" in known(sandbox, CID).suppressions


def test_a_no_to_a_store_or_on_our_own_list_counts_as_well(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, news: str
) -> None:
    lifecycle.opt_out(setting.store, BEN, scope="newsletter", place="A page")
    lifecycle.suppress(CID, Suppression.Reason.BOUNCED)
    lifecycle.suppress(DAN, Suppression.Reason.COMPLAINED, setting.store)
    told = subscribe(connection, BEN, CID, DAN, list_id=news)
    assert (told.outcome, told.code) == ("failure", "has_said_no")
    assert SUBSCRIBE not in asked(sent)
    lifted = subscribe(connection, BEN, CID, DAN, list_id=news, lift_suppressions=True, proof="signed_in")
    assert lifted.data["count"] == 1
    assert known(sandbox, BEN).consent == "SUBSCRIBED"
    yes = OptIn.objects.get()
    assert (yes.email, yes.proof, yes.wording.text) == (BEN, "signed_in", ASKED["opt_in"])
    assert not Delivery.objects.filter(kind="subscribe").exists()


def test_a_yes_that_was_lifted_is_not_undone_by_the_no_before(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, news: str, drain: Callable[[], None]
) -> None:
    lifecycle.opt_out(setting.store, BEN, scope="everything", place="A page")
    subscribe(connection, BEN, list_id=news, lift_suppressions=True, proof="signed_in")
    Delivery.objects.update(next_try_at="2026-01-01T00:00:00Z")
    drain()
    assert known(sandbox, BEN).consent == "SUBSCRIBED"
    assert Delivery.objects.get(kind="unsubscribe").reason_code == "opted_in_since"


def test_who_was_erased_and_is_named_by_an_id_is_left_out(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str
) -> None:
    ids = sandbox.put_profiles(TEA, [SeedProfile(email=BEN), SeedProfile(email=CID)])
    lifecycle.erase(BEN)
    people = [{"id": id, "channels": ["email"]} for id in ids]
    told = actions.run("subscribe_profiles", connection, profiles=people, list_id=news, **ASKED)
    assert (told.outcome, told.data["count"], codes(told)) == ("success", 1, ["erased"])
    assert known(sandbox, CID).consent == "SUBSCRIBED"
    assert asked(sent) == ["get_profiles", SUBSCRIBE]


def test_a_proved_yes_of_somebody_named_by_an_id_is_on_record(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, news: str
) -> None:
    id = put(sandbox, consent="UNSUBSCRIBED")
    lifecycle.opt_out(setting.store, BEN, scope="newsletter", place="A page")
    people = [{"id": id, "channels": ["email"]}]
    given: dict[str, Any] = {"profiles": people, "list_id": news, **ASKED}
    assert actions.run("subscribe_profiles", connection, **given).code == "has_said_no"
    told = actions.run("subscribe_profiles", connection, lift_suppressions=True, proof="signed_in", **given)
    assert told.outcome == "success", told
    assert OptIn.objects.get().email == BEN


def test_many_people_go_in_requests_of_a_thousand(sent: Sent, connection: Connection, news: str) -> None:
    told = subscribe(connection, *(f"p{number}@many.test" for number in range(1_001)), list_id=news)
    assert (told.outcome, told.data["count"]) == ("success", 1_001)
    assert asked(sent).count(SUBSCRIBE) == 2
    assert asked(sent).count("get_profiles") == 11


def test_how_far_it_came_is_said_where_a_later_request_fails(
    sandbox: Sandbox, connection: Connection, news: str
) -> None:
    people = [f"p{number}@many.test" for number in range(1_001)]
    action, send = "bulk_subscribe_profiles", Task.call

    def call(task: Task, operation: Any, **more: Any) -> Any:
        if operation == action and len(more["body"]["data"]["attributes"]["profiles"]["data"]) == 1:
            sandbox.fault(action, "500", count=9)
        return send(task, operation, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "call", call)
        told = subscribe(connection, *people, list_id=news, max_retries=0)
    assert (told.outcome, told.is_known, codes(told)) == ("error", False, ["may_have_happened", "partly_accepted"])
    assert told.warnings[1].meta["accepted"] == 1_000


def test_who_must_confirm_first_is_told_apart(
    sandbox: Sandbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "BETWEEN_LOOKS", 0.0)
    [list_id] = sandbox.put_lists(TEA, [SeedList("Twice", opt_in_process="double_opt_in")])
    told = subscribe(connection, BEN, list_id=list_id, confirm=True)
    assert (told.outcome, told.data["subscribed"], codes(told)) == ("success", 0, ["not_shown_yet"])
    sandbox.confirm(TEA, BEN)
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


@pytest.mark.parametrize(
    ("said", "channel", "is_left_out"),
    [
        ({"sms_consent": "UNSUBSCRIBED"}, "sms", True),
        ({"sms_consent": "UNSUBSCRIBED"}, "email", False),
        ({"consent": "UNSUBSCRIBED"}, "sms", True),
        ({"suppressions": ["HARD_BOUNCE"]}, "sms", False),
        ({"list_suppressions": ["LIST"]}, "email", True),
    ],
)
def test_a_no_counts_for_what_it_is_about(
    sandbox: Sandbox, connection: Connection, news: str, said: dict[str, Any], channel: str, is_left_out: bool
) -> None:
    if "list_suppressions" in said:
        said = {"list_suppressions": [news]}
    put(sandbox, phone_number=NUMBER, **said)
    one = {"email": BEN, "phone_number": NUMBER, "channels": [channel]}
    told = actions.run("subscribe_profiles", connection, profiles=[one], list_id=news, **ASKED)
    assert told.code == ("has_said_no" if is_left_out else ""), told


def test_whose_consent_cannot_be_read_is_left_out(sandbox: Sandbox, connection: Connection, news: str) -> None:
    put(sandbox, BEN, others={DAN: "SUBSCRIBED"})
    assert subscribe(connection, DAN, list_id=news).code == "consent_unknown"


def test_a_historical_import_has_times_in_the_past(sent: Sent, sandbox: Sandbox, connection: Connection) -> None:
    one = {"email": BEN, "channels": ["email"], "consented_at": "2024-05-06T07:08:09Z"}
    told = actions.run("subscribe_profiles", connection, profiles=[one], historical_import=True, **ASKED)
    assert told.outcome == "success", told
    assert known(sandbox, BEN).consent == "SUBSCRIBED"
    assert b'"consented_at":"2024-05-06T07:08:09Z"' in sent()[-1].body.replace(b" ", b"")


def test_klaviyos_own_shape_is_taken(sandbox: Sandbox, connection: Connection, news: str) -> None:
    block = {"email": {"marketing": {"consent": "SUBSCRIBED"}}, "sms": {"marketing": {"consent": "SUBSCRIBED"}}}
    one = {"type": "profile", "attributes": {"email": BEN, "phone_number": NUMBER, "subscriptions": block}}
    told = actions.run("subscribe_profiles", connection, profiles={"data": [one]}, list_id=news, **ASKED)
    assert told.outcome == "success", told
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).sms_consent) == ("SUBSCRIBED", "SUBSCRIBED")


@pytest.mark.parametrize(
    ("person", "more", "where"),
    [
        ({"email": BEN, "channels": ["fax"]}, {}, "/profiles/0/channels/0"),
        ({"email": BEN, "channels": ["sms"]}, {}, "/profiles/0/channels"),
        ({"phone_number": NUMBER, "channels": ["email"]}, {}, "/profiles/0/channels"),
        ({"phone_number": "5125551234", "channels": ["sms"]}, {}, "/profiles/0/phone_number"),
        ({"email": BEN, "channels": []}, {}, "/profiles/0/channels"),
        ({"channels": ["email"]}, {}, "/profiles/0"),
        ({"email": BEN, "channels": ["email"]}, {"historical_import": True}, "/profiles"),
        ({"email": BEN, "channels": ["email"], "consented_at": "2024-01-01T00:00:00Z"}, {}, "/profiles"),
        (
            {"email": BEN, "channels": ["email"], "consented_at": "2999-01-01T00:00:00Z"},
            {"historical_import": True},
            "/profiles",
        ),
        ({"email": BEN, "channels": ["email"]}, {"opt_in": ""}, "/opt_in"),
    ],
)
def test_bad_input_reaches_nobody(
    sent: Sent, connection: Connection, person: dict[str, Any], more: dict[str, Any], where: str
) -> None:
    with pytest.raises(actions.BadInput) as problem:
        actions.run("subscribe_profiles", connection, profiles=[person], **ASKED | more)
    assert any(one.pointer.startswith(where) for one in problem.value.problems)
    assert asked(sent) == []


def test_who_is_not_on_the_list_is_left_out_and_their_no_stands(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, news: str
) -> None:
    for email in (BEN, CID):
        put(sandbox, email, consent="SUBSCRIBED", lists=[news])
    put(sandbox, DAN, consent="SUBSCRIBED")
    people = [{"email": email} for email in (BEN, CID, DAN)]
    told = actions.run("unsubscribe_profiles", connection, profiles=people, list_id=news)
    assert (told.outcome, told.data["count"], codes(told)) == ("success", 2, ["not_on_list"])
    assert asked(sent) == ["get_profiles_for_list", UNSUBSCRIBE]
    assert (known(sandbox, BEN).lists, known(sandbox, DAN).consent) == ((), "SUBSCRIBED")
    stands = OptOut.objects.filter(store=setting.store, scope="newsletter")
    assert set(stands.values_list("email", flat=True)) == {BEN, CID, DAN}


def test_somebody_is_on_the_list_by_their_further_address(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str
) -> None:
    put(sandbox, BEN, lists=[news], others={DAN: "SUBSCRIBED"})
    told = actions.run("unsubscribe_profiles", connection, profiles=[{"email": DAN}], list_id=news)
    assert told.outcome == "success", told
    assert asked(sent)[-1] == UNSUBSCRIBE


@pytest.mark.parametrize("more", [{}, {"globally": True}])
def test_from_everything(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, news: str, more: dict[str, Any]
) -> None:
    id = put(sandbox, consent="SUBSCRIBED")
    if more:
        more = {**more, "list_id": news}
    told = actions.run("unsubscribe_profiles", connection, profiles=[{"id": id}], **more)
    assert told.outcome == "success", told
    assert asked(sent) == ["get_profiles", UNSUBSCRIBE]
    assert known(sandbox, BEN).consent == "UNSUBSCRIBED"
    assert OptOut.objects.get().scope == "everything"
    assert Suppression.objects.get().store == setting.store


def test_a_no_stands_although_klaviyo_could_not_be_told(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting
) -> None:
    sandbox.fault(UNSUBSCRIBE, "500", count=9)
    told = actions.run("unsubscribe_profiles", connection, profiles=[{"email": BEN}], max_retries=0)
    assert told.outcome == "error"
    assert Store.objects.get().opt_outs.get().email == BEN
    assert Delivery.objects.get(kind="unsubscribe").state == "queued"


def test_a_no_to_texts_alone_is_none_to_e_mail(sandbox: Sandbox, connection: Connection, setting: StoreSetting) -> None:
    put(sandbox, consent="SUBSCRIBED", sms_consent="SUBSCRIBED", phone_number=NUMBER)
    told = actions.run("unsubscribe_profiles", connection, profiles=[{"phone_number": NUMBER}])
    assert told.outcome == "success", told
    assert (known(sandbox, BEN).sms_consent, known(sandbox, BEN).consent) == ("UNSUBSCRIBED", "SUBSCRIBED")
    assert not OptOut.objects.exists()


def test_people_are_suppressed_and_unsuppressed(sent: Sent, sandbox: Sandbox, connection: Connection) -> None:
    emails = [f"p{number}@many.test" for number in range(101)]
    told = actions.run("suppress_profiles", connection, emails=emails, wait=True)
    assert [job["total"] for job in told.data["jobs"]] == [100, 1]
    assert asked(sent).count("bulk_suppress_profiles") == 2
    back = actions.run("unsuppress_profiles", connection, emails=emails[:1])
    job = actions.run("get_suppression_job", connection, job_id=back.data["job_id"], kind="unsuppress")
    assert (job.data["status"], job.data["completed"]) == ("complete", 1)
    assert known(sandbox, emails[0]).suppressions == ()


def test_everybody_of_a_list_is_asked_about_first(sandbox: Sandbox, connection: Connection, news: str) -> None:
    put(sandbox, lists=[news])
    action = actions.find("suppress_profiles")
    assert action.question(action.inputs.model_validate({"list_id": news}))
    assert not action.question(action.inputs.model_validate({"emails": [BEN]}))
    assert actions.run("suppress_profiles", connection, list_id=news).outcome == "success"
    assert known(sandbox, BEN).suppressions == ("USER_SUPPRESSED",)
    with pytest.raises(actions.BadInput):
        actions.run("suppress_profiles", connection, list_id=news, emails=[BEN])


@pytest.mark.parametrize(
    ("name", "given", "operations"),
    [
        ("subscribe_profile_to_list", {"email": BEN, "channels": ["email"], **ASKED}, ["get_profiles", SUBSCRIBE]),
        (
            "subscribe_profiles",
            {"profiles": [{"id": "01JABC", "channels": ["email"]}], **ASKED},
            ["get_profiles", SUBSCRIBE],
        ),
        (
            "unsubscribe_profiles",
            {"profiles": [{"id": "01JABC"}]},
            ["get_profiles", "get_profiles_for_list", UNSUBSCRIBE],
        ),
        ("suppress_profiles", {"emails": [BEN]}, ["bulk_suppress_profiles"]),
    ],
)
def test_a_dry_run_shows_its_requests_and_sends_and_stores_nothing(
    sent: Sent, connection: Connection, setting: StoreSetting, name: str, given: dict[str, Any], operations: list[str]
) -> None:
    where = {} if name == "suppress_profiles" else {"list_id": "Y6nRLr"}
    told = actions.run(name, connection, actions.How(dry=True), **given | where)
    assert told.outcome == "success", told
    assert [request["operation"] for request in told.data["requests"]] == operations
    assert asked(sent) == []
    assert not OptOut.objects.exists()
