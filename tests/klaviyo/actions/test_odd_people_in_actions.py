"""Odd people in actions: one costs nobody else, one yes is not lost with the other, and each domain is one name."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.api.outcome import Outcome
from integrations.models import Connection
from klaviyo import actions
from klaviyo.actions import parts
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from tests.klaviyo.actions.test_consent import ASKED, SUBSCRIBE, asked, codes, put
from tests.klaviyo.actions.test_consent import all_scopes as all_scopes
from tests.klaviyo.actions.test_consent import news as news
from tests.klaviyo.story import BEN, CID, TEA, known

Sent = Callable[[], list[Exchange]]
FINNISH, AUSTRIAN, LAND_LINE = "+358401234567", "+436641234567", "+4930123456"
ANNA, ON_THE_WIRE, OTHER = "anna@stra\u00dfe.test", "anna@xn--strae-oqa.test", "anna@strasse.test"


def texts(email: str, number: str, *channels: str) -> dict[str, Any]:
    return {"email": email, "phone_number": number, "channels": [*channels, "sms"]}


def subscribe(connection: Connection, *people: dict[str, Any], **more: Any) -> Outcome:
    return actions.run("subscribe_profiles", connection, profiles=list(people), **ASKED, **more)


def test_one_yes_is_not_lost_with_the_other_and_nobody_with_another(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str
) -> None:
    sandbox.settings(no_texts_to=("+43",))
    people = [
        texts(BEN, AUSTRIAN, "email"),
        {"email": CID, "channels": ["email"]},
        texts("dan@friends.test", AUSTRIAN[:-1] + "8"),
        texts("eve@friends.test", FINNISH, "email"),
    ]
    told = subscribe(connection, *people, list_id=news, confirm=True)
    assert (told.outcome, told.data["count"], told.data["left_out"], told.data["subscribed"]) == ("success", 3, 1, 3)
    assert [(one.code, one.pointer) for one in told.warnings] == [
        ("by_mail_alone", "/profiles/0"),
        ("invalid", "/profiles/2"),
    ]
    assert "Consent to SMS can only be given" in told.warnings[0].detail
    assert asked(sent).count(SUBSCRIBE) == 2
    assert known(sandbox, BEN).consent == known(sandbox, CID).consent == "SUBSCRIBED"
    assert known(sandbox, "eve@friends.test").sms_consent == "SUBSCRIBED"


def test_texts_alone_fail_in_klaviyos_words(sandbox: Sandbox, connection: Connection, news: str) -> None:
    sandbox.settings(no_texts_to=("+43",))
    told = subscribe(connection, texts(BEN, AUSTRIAN), list_id=news)
    assert (told.outcome, told.code) == ("failure", "invalid")
    assert "Consent to SMS can only be given" in told.reason


def test_what_points_at_nobody_is_asked_once(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings(no_texts_to=("+43",))
    monkeypatch.setattr(parts, "MOST_REFUSALS", 0)
    told = subscribe(connection, texts(BEN, AUSTRIAN, "email"), {"email": CID, "channels": ["email"]}, list_id=news)
    assert (told.outcome, told.code) == ("failure", "invalid")
    assert asked(sent).count(SUBSCRIBE) == 1


def test_a_number_that_klaviyo_ignores_is_told_and_texts_alone_are_none(
    sandbox: Sandbox, connection: Connection, news: str
) -> None:
    sandbox.fault(SUBSCRIBE, "partial_failure")
    alone = subscribe(connection, texts(BEN, FINNISH), list_id=news)
    assert (alone.outcome, alone.code, codes(alone)) == ("failure", "number_ignored", ["partly_taken"])
    sandbox.fault(SUBSCRIBE, "partial_failure")
    told = subscribe(connection, texts(CID, FINNISH, "email"), list_id=news)
    assert (told.outcome, codes(told)) == ("success", ["partly_taken"])
    sandbox.fault("create_or_update_profile", "partial_failure")
    told = actions.run("upsert_profile", connection, email=BEN, phone_number=FINNISH)
    assert (told.outcome, told.warnings[0].detail) == ("success", "Klaviyo took it without the phone number.")


@pytest.mark.parametrize("number", [LAND_LINE, "+498001234567", "+442079460018"])
def test_consent_to_texts_needs_a_number_that_gets_them(
    sent: Sent, connection: Connection, news: str, number: str
) -> None:
    one = {"list_id": news, "email": BEN, "phone_number": number, "identifier": "email", "channels": ["email", "sms"]}
    for name, given in (
        ("subscribe_profiles", {"profiles": [texts(BEN, number, "email")]}),
        ("subscribe_profile_to_list", one),
    ):
        with pytest.raises(actions.BadInput, match="No text messages reach this phone number"):
            actions.run(name, connection, **given, **ASKED)
    assert asked(sent) == []


def test_an_international_domain_is_one_name_on_the_wire(
    sent: Sent, sandbox: Sandbox, connection: Connection, news: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=OTHER, first_name="Other")])
    made = ""
    for name, given in (
        ("create_profile", {"email": ANNA}),
        ("upsert_profile", {"email": ANNA, "first_name": "Anna"}),
        ("add_profile_to_list", {"email": ANNA, "list_id": news}),
        ("create_event", {"event_name": "Visited", "profile": {"email": ANNA}}),
        ("suppress_profiles", {"emails": [ANNA]}),
        ("unsuppress_profiles", {"emails": [ANNA]}),
        ("subscribe_profiles", {"profiles": [{"email": ANNA, "channels": ["email"]}], "list_id": news, **ASKED}),
        ("unsubscribe_profiles", {"profiles": [{"email": ANNA}], "list_id": news}),
    ):
        told = actions.run(name, connection, **given)
        assert told.outcome == "success", (name, told)
        made = told.data["id"] if name == "create_profile" else made
    found = actions.run("get_profiles", connection, email="ANNA@STRA\u00dfE.test")
    assert (found.outcome, found.data["id"]) == ("success", made)
    assert (known(sandbox, ON_THE_WIRE).consent, known(sandbox, ON_THE_WIRE).lists) == ("SUBSCRIBED", ())
    assert known(sandbox, OTHER).consent == "NEVER_SUBSCRIBED"
    assert all(b"\\u00df" not in exchange.body for exchange in sent())


def test_ids_of_other_systems_that_differ_by_case_are_two_people(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, external_id="a1"), SeedProfile(email=CID, external_id="A1")])
    told = [{"event_name": "Visited", "profile": {"external_id": id}} for id in ("a1", "A1")]
    assert actions.run("bulk_create_events", connection, events=told).data["accepted"] == 2
    [job] = [exchange.json for exchange in sent() if exchange.operation == "bulk_create_events"]
    people = [one["attributes"]["profile"] for one in job["data"]["attributes"]["events-bulk-create"]["data"]]
    assert [one["data"]["attributes"]["external_id"] for one in people] == ["a1", "A1"]


def test_a_further_address_deletes_a_whole_profile_only_for_whoever_says_so(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    id = put(sandbox, others={"dan@friends.test": "SUBSCRIBED"})
    told = actions.run("request_profile_deletion", connection, email="DAN@friends.test")
    assert (told.outcome, told.code, told.data) == ("failure", "further_address", {"profile_ids": [id]})
    assert asked(sent) == ["get_profiles"]
    put(sandbox, CID)
    for more in ({"email": "dan@friends.test", "whole_profile": True}, {"email": CID.upper()}):
        assert actions.run("request_profile_deletion", connection, **more).outcome == "success"
