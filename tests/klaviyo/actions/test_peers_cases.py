"""Cases that other products test their Klaviyo destinations by: ours asks the same, or says why it does not."""

import uuid
from typing import Any

import pytest

from klaviyo import actions
from klaviyo.sandbox import SeedProfile
from tests.klaviyo.actions.world import World
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

NUMBER = "+358401234567"
SAID = {"opt_in": "At our stand in Helsinki, 2026-08-01"}
PLACE = {"city": "Tokyo", "region": "Kanto", "country": "JP", "zip": "100-0001", "address1": "63, Shibuya"}
SUBSCRIBED = {"marketing": {"consent": "SUBSCRIBED"}}
UNSUBSCRIBED = {"marketing": {"consent": "UNSUBSCRIBED"}}


@pytest.fixture(autouse=True)
def nothing_asked_yet(world: World) -> None:
    world.exchanges.clear()


def people_of(world: World, number: int = -1) -> list[Any]:
    data: list[Any] = world.exchanges[number].json["data"]["attributes"]["profiles"]["data"]
    return data


@pytest.mark.parametrize(
    "who",
    [
        {"email": "test@peers.example"},
        {"phone_number": "+358401234501"},
        {"external_id": "user-1"},
        {"email": "all@peers.example", "phone_number": "+358401234502", "external_id": "user-2"},
    ],
    ids=["email", "phone", "external_id", "all"],
)
def test_an_upsert_by_each_identifier(world: World, who: dict[str, str]) -> None:
    """One request, where a peer makes a profile and patches it after a 409: Klaviyo does both by itself."""
    about = {"first_name": "Test", "last_name": "Person", "title": "Developer", "organization": "Rudder"}
    image = {"image": "https://peers.example/a.png"}
    for is_new in (True, False):
        told = actions.run(
            "upsert_profile", world.connection, **who, **about, **image, **PLACE, properties={"Flagged": False}
        )
        assert (told.outcome, told.data["is_new"]) == ("success", is_new)
    assert world.asked() == ["create_or_update_profile"] * 2
    assert world.exchanges[0].json == {
        "data": {
            "type": "profile",
            "attributes": who | about | image | {"location": PLACE, "properties": {"Flagged": False}},
        }
    }


def test_a_location_as_an_object_is_the_same_request(world: World) -> None:
    for given in (PLACE, {"location": PLACE}):
        actions.run("upsert_profile", world.connection, email="place@peers.example", **given)
    flat, whole = (one.json for one in world.exchanges)
    assert flat == whole
    assert flat["data"]["attributes"]["location"]["zip"] == "100-0001"


def test_append_unappend_and_unset(world: World) -> None:
    """As a peer sends it; `clear` is what unsets."""
    actions.run(
        "upsert_profile",
        world.connection,
        email="lists@peers.example",
        append={"seen": "New Value"},
        unappend={"wanted": "Old Value"},
        clear=["properties.gone"],
    )
    assert world.exchanges[0].json["data"]["meta"]["patch_properties"] == {
        "append": {"seen": "New Value"},
        "unappend": {"wanted": "Old Value"},
        "unset": ["gone"],
    }


def test_nothing_that_was_not_given_is_sent(world: World) -> None:
    """A peer sends an empty location and empty properties along: nothing is the less, and cannot overwrite."""
    actions.run("upsert_profile", world.connection, email="little@peers.example", first_name=None)
    assert world.exchanges[0].json["data"] == {"type": "profile", "attributes": {"email": "little@peers.example"}}


def test_a_national_number_with_its_country(world: World) -> None:
    told = actions.run("upsert_profile", world.connection, phone_number="8448309222", country="IN")
    assert told.outcome == "success", told
    assert world.exchanges[0].json["data"]["attributes"]["phone_number"] == "+918448309222"


def test_many_people_go_in_one_import_onto_a_list(world: World) -> None:
    list_id = world.list()
    world.exchanges.clear()
    people = [{"email": "one@peers.example"}, {"phone_number": "+17702126011"}, {"external_id": "user-3"}]
    told = actions.run("bulk_import_profiles", world.connection, profiles=people, list_id=list_id)
    assert told.outcome == "success", told
    assert world.asked() == ["bulk_import_profiles"]
    assert people_of(world) == [{"type": "profile", "attributes": one} for one in people]
    related = world.exchanges[0].json["data"]["relationships"]
    assert related == {"lists": {"data": [{"type": "list", "id": list_id}]}}


NUMBERS = [
    (name, by)
    for name in ("add_profile_to_list", "remove_profile_from_list")
    for by in ("email", "phone_number", "external_id", "klaviyo_id")
]


@pytest.mark.parametrize(("name", "by"), NUMBERS)
def test_a_list_by_each_identifier(world: World, name: str, by: str) -> None:
    list_id = world.list()
    number = f"+3584012346{NUMBERS.index((name, by)):02}"
    seed = SeedProfile(email=f"{by}.{name}@peers.example", phone_number=number, external_id=f"{by}-{name}")
    [id] = world.sandbox.put_profiles(TEA, [seed])
    who = {"email": seed.email, "phone_number": number, "external_id": seed.external_id, "klaviyo_id": id}[by]
    world.exchanges.clear()
    told = actions.run(name, world.connection, list_id=list_id, **{by: who})
    assert told.outcome == "success", told
    change = world.exchanges[-1]
    assert change.method == ("POST" if name.startswith("add") else "DELETE")
    assert (change.path, change.json) == (
        f"/api/lists/{list_id}/relationships/profiles",
        {"data": [{"type": "profile", "id": id}]},
    )
    assert len(world.exchanges) == (1 if by == "klaviyo_id" else 2)


def test_nobody_to_take_off_a_list_is_a_failure(world: World) -> None:
    list_id = world.list()
    world.exchanges.clear()
    told = actions.run("remove_profile_from_list", world.connection, list_id=list_id, email="nobody@peers.example")
    assert (told.outcome, told.code) == ("failure", "not_found")
    assert world.asked() == ["get_profiles"]


def test_a_subscription_to_both_channels(world: World) -> None:
    """The same job as a peer's, after a look whether they have said no: no peer looks, and so undoes it."""
    list_id = world.list()
    world.exchanges.clear()
    one = {"email": "both@peers.example", "phone_number": "+358401234590", "channels": ["email", "sms"]}
    told = actions.run(
        "subscribe_profiles", world.connection, profiles=[one], list_id=list_id, custom_source="Fair", **SAID
    )
    assert told.outcome == "success", told
    assert set(world.asked()[:-1]) == {"get_profiles"}
    asked = world.exchanges[-1].json["data"]
    assert asked["attributes"]["custom_source"] == "Fair"
    assert asked["relationships"] == {"list": {"data": {"type": "list", "id": list_id}}}
    attributes: dict[str, Any] = {"email": one["email"], "phone_number": one["phone_number"]}
    attributes |= {"subscriptions": {"email": SUBSCRIBED, "sms": SUBSCRIBED}}
    assert people_of(world) == [{"type": "profile", "attributes": attributes}]


def test_a_subscription_to_e_mail_alone_names_no_number(world: World) -> None:
    """A peer sends the number as well; without its channel it could only move the number to another profile."""
    list_id = world.list()
    one = {"email": "mail@peers.example", "phone_number": "+358401234591", "channels": ["email"]}
    told = actions.run("subscribe_profiles", world.connection, profiles=[one], list_id=list_id, **SAID)
    assert told.outcome == "success", told
    [asked] = people_of(world)
    assert asked["attributes"] == {"email": one["email"], "subscriptions": {"email": SUBSCRIBED}}


def test_a_subscription_by_number_alone(world: World) -> None:
    list_id = world.list()
    told = actions.run(
        "subscribe_profile_to_list",
        world.connection,
        list_id=list_id,
        phone_number="+358401234592",
        channels=["sms"],
        **SAID,
    )
    assert told.outcome == "success", told
    [asked] = people_of(world)
    assert asked["attributes"] == {"phone_number": "+358401234592", "subscriptions": {"sms": SUBSCRIBED}}


def test_a_historical_import_of_several_has_times(world: World) -> None:
    """`consented_at` goes with historical_import alone, where a peer sends it always."""
    list_id = world.list()
    people = [
        {"email": f"h{number}@peers.example", "channels": ["email"], "consented_at": "2024-04-01T18:37:06.558Z"}
        for number in range(2)
    ]
    told = actions.run(
        "subscribe_profiles", world.connection, profiles=people, list_id=list_id, historical_import=True, **SAID
    )
    assert told.outcome == "success", told
    assert world.exchanges[-1].json["data"]["attributes"]["historical_import"] is True
    said = [one["attributes"]["subscriptions"]["email"]["marketing"] for one in people_of(world)]
    assert said == [{"consent": "SUBSCRIBED", "consented_at": "2024-04-01T18:37:06Z"}] * 2


@pytest.mark.parametrize(
    ("one", "ended"),
    [
        ({"email": "out1@peers.example"}, {"email": UNSUBSCRIBED}),
        ({"phone_number": "+358401234593"}, {"sms": UNSUBSCRIBED}),
        (
            {"email": "out2@peers.example", "phone_number": "+358401234594", "channels": ["email", "sms"]},
            {"email": UNSUBSCRIBED, "sms": UNSUBSCRIBED},
        ),
    ],
)
def test_an_unsubscribe_names_what_ends(world: World, one: dict[str, Any], ended: dict[str, Any]) -> None:
    """A peer names no channel: since 2024 Klaviyo wants `subscriptions` for each person."""
    named = {name: value for name, value in one.items() if name != "channels"}
    world.sandbox.put_profiles(TEA, [SeedProfile(**named, consent="SUBSCRIBED", sms_consent="SUBSCRIBED")])
    told = actions.run("unsubscribe_profiles", world.connection, profiles=[one])
    assert told.outcome == "success", told
    assert world.asked() == ["bulk_unsubscribe_profiles"]
    assert people_of(world) == [{"type": "profile", "attributes": named | {"subscriptions": ended}}]
    assert "relationships" not in world.exchanges[0].json["data"]


@pytest.mark.parametrize(
    "who",
    [
        {"email": "event@peers.example"},
        {"phone_number": "+358401234595"},
        {"external_id": "user-9"},
        {"email": "event2@peers.example", "external_id": "user-10", "title": "Dr", "city": "Oulu"},
    ],
    ids=["email", "phone", "external_id", "more"],
)
def test_an_event_by_each_identifier(world: World, who: dict[str, Any]) -> None:
    told = actions.run(
        "create_event",
        world.connection,
        event_name="Order",
        profile=who,
        properties={"YearElected": 1801, "VicePresidents": ["a", "b"]},
        value=3_000,
        value_currency="USD",
        time="2021-01-25T15:32:56.409Z",
        unique_id="message-1",
    )
    assert told.outcome == "success", told
    assert world.asked() == ["create_event"]
    about = {name: value for name, value in who.items() if name != "city"}
    about |= {"location": {"city": who["city"]}} if "city" in who else {}
    assert world.exchanges[0].json["data"] == {
        "type": "event",
        "attributes": {
            "unique_id": "message-1",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Order"}}},
            "profile": {"data": {"type": "profile", "attributes": about}},
            "properties": {"YearElected": 1801, "VicePresidents": ["a", "b"]},
            "value": 3_000,
            "value_currency": "USD",
            "time": "2021-01-25T15:32:56Z",
        },
    }


def test_an_event_of_somebody_flat_is_the_same(world: World) -> None:
    flat = actions.run("create_event", world.connection, event_name="Visited", email="flat@peers.example")
    assert flat.outcome == "success", flat
    profile = world.exchanges[0].json["data"]["attributes"]["profile"]["data"]
    assert profile == {"type": "profile", "attributes": {"email": "flat@peers.example"}}


@pytest.fixture
def three(world: World) -> list[str]:
    """Three people on a list, by their external ids; and its id, last."""
    list_id = world.list()
    named = [f"crm-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    seeds = [
        SeedProfile(email=f"{one}@peers.example", external_id=one, consent="SUBSCRIBED", lists=[list_id])
        for one in named
    ]
    world.sandbox.put_profiles(TEA, seeds)
    world.exchanges.clear()
    return [*named, list_id]


def test_several_are_unsubscribed_by_their_external_ids(world: World, three: list[str]) -> None:
    """A peer takes addresses alone: they are looked up, as Klaviyo takes no ids here."""
    *named, list_id = three
    people = [{"external_id": one} for one in (*named, "crm-nobody")]
    told = actions.run("unsubscribe_profiles", world.connection, profiles=people, list_id=list_id)
    assert (told.outcome, told.data["count"], told.data["left_out"]) == ("success", 3, 1)
    assert [(one.code, one.pointer) for one in told.warnings if one.pointer] == [("not_found", "/profiles/3")]
    assert world.asked()[-1] == "bulk_unsubscribe_profiles"
    ended = {one["attributes"]["email"]: one["attributes"]["subscriptions"] for one in people_of(world)}
    assert ended == {f"{one}@peers.example": {"email": UNSUBSCRIBED} for one in named}


def test_several_are_subscribed_by_their_external_ids(world: World, three: list[str]) -> None:
    """By the ids of their profiles then, each once; who is not found is left out at their place."""
    *named, _ = three
    list_id = world.list()
    world.exchanges.clear()
    people = [{"external_id": one, "channels": ["email"]} for one in ("crm-nobody", *named)]
    told = actions.run("subscribe_profiles", world.connection, profiles=people, list_id=list_id, **SAID)
    assert (told.outcome, told.data["count"], told.data["left_out"]) == ("success", 3, 1), told
    assert [(one.code, one.pointer) for one in told.warnings if one.pointer] == [("not_found", "/profiles/0")]
    assert len({one["id"] for one in people_of(world)}) == 3
    on_it = world.done("list_list_profiles", list_id=list_id)["items"]
    assert {one["attributes"]["external_id"] for one in on_it} == set(named)


@pytest.mark.parametrize("name", ["subscribe_profiles", "unsubscribe_profiles"])
def test_an_external_id_of_nobody_reaches_nobody(world: World, name: str) -> None:
    one = {"external_id": "crm-nobody", "channels": ["email"]}
    more = SAID if name == "subscribe_profiles" else {}
    told = actions.run(name, world.connection, profiles=[one], **more)
    assert (told.outcome, told.code, world.asked()) == ("failure", "not_found", ["get_profiles"])


@pytest.mark.parametrize("name", ["subscribe_profiles", "unsubscribe_profiles"])
def test_an_external_id_of_two_profiles_is_nobodys(world: World, name: str, spoil: Spoil) -> None:
    """An external id is of one profile by what Klaviyo does, and of several by what it publishes."""

    def profile(id: str) -> dict[str, Any]:
        return {"type": "profile", "id": id, "attributes": {"external_id": "crm-2"}}

    spoil("get_profiles", lambda document: {**document, "data": [profile("01A"), profile("01B")]})
    people = [{"external_id": "crm-2", "channels": ["email"]}]
    told = actions.run(name, world.connection, profiles=people, **(SAID if name == "subscribe_profiles" else {}))
    assert (told.outcome, [one.code for one in told.warnings]) == ("failure", ["several_profiles"])
    assert world.asked() == ["get_profiles"]


@pytest.mark.parametrize(
    "who",
    [{"email": "by@peers.example"}, {"phone_number": "+358401234581"}, {"external_id": "by-1"}, {"klaviyo_id": ""}],
    ids=lambda who: next(iter(who)),
)
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_one_is_subscribed_by_each_identifier(world: World, who: dict[str, str], channel: str) -> None:
    """Whoever is named by an id is named by what their profile has, which their channel needs."""
    list_id = world.list()
    number = "+358401234581"
    [id] = world.sandbox.put_profiles(
        TEA, [SeedProfile(email="by@peers.example", phone_number=number, external_id="by-1")]
    )
    named = {name: value or id for name, value in who.items()}
    has_it = channel == "email" if "email" in who else channel == "sms" if "phone_number" in who else True
    given = {"list_id": list_id, "channels": [channel], **named, **SAID}
    world.exchanges.clear()
    if not has_it:
        with pytest.raises(actions.BadInput, match="needs"):
            actions.run("subscribe_profile_to_list", world.connection, **given)
        return
    told = actions.run("subscribe_profile_to_list", world.connection, **given)
    assert told.outcome == "success", told
    [asked] = people_of(world)
    assert set(asked["attributes"]["subscriptions"]) == {channel}
    name, value = ("email", "by@peers.example") if channel == "email" else ("phone_number", number)
    assert asked["attributes"][name] == value
