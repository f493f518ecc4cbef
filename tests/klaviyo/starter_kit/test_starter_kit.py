"""The starter kit is made once, as drafts; removed is what is as it was made, and the rest is named."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integrations import outcomes
from integrations.models import Connection
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from integrations.wire.attempts import LastLook
from klaviyo.api import flows, things
from klaviyo.api.client import Client
from klaviyo.mapping.catalogue import CATALOGUE
from klaviyo.models import KitItem, StarterKit, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.starter_kit import making, plan, removal, turns
from klaviyo.starter_kit.plan import BY_KEY, PLAN, Planned
from klaviyo.starter_kit.work import Work
from referrals.models import Store
from tests import consent_screen
from tests.klaviyo import flows_cast
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.flows_cast import change, held, set_flow, states, work
from tests.klaviyo.story import TEA

MAKE, REMOVE = StarterKit.Wish.MAKE, StarterKit.Wish.REMOVE
KINDS = ("tag", "list", "segment", "template", "flow")
FEW = tuple(
    BY_KEY[key] for key in ("tag:kit", "list:advocates", "segment:owed", "template:conversion", "flow:conversion")
)
CONVERSION = "Sorae Conversion"


@pytest.fixture
def known(allowed: Connection, without_limits: None) -> Connection:
    """Klaviyo knows every event already."""
    for metric in CATALOGUE:
        flows_cast.tell(allowed, metric.name)
    return allowed


@pytest.fixture
def few(allowed: Connection, without_limits: None, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A kit of one thing of each kind, for what is alike for all; Klaviyo knows its event."""
    for module in (making, removal, turns):
        monkeypatch.setattr(module, "PLAN", FEW)
    flows_cast.tell(allowed, CONVERSION)
    return allowed


def make(connection: Connection) -> None:
    assert turns.ask(connection, MAKE)
    work()


def remove(connection: Connection) -> None:
    assert turns.ask(connection, REMOVE)
    work()


def item(key: str) -> KitItem:
    return KitItem.objects.get(key=key)


def counted(connection: Connection) -> dict[str, int]:
    return {kind: len(held(connection, kind)) for kind in KINDS}


def test_made_twice_it_is_there_once_and_removed_it_is_gone(sandbox: Sandbox, known: Connection) -> None:
    before = counted(known)
    make(known)
    assert set(states(known).values()) == {"made"}
    assert counted(known) == {kind: before[kind] + number for kind, number in Counter(p.kind for p in PLAN).items()}
    made = held(known, "flow")
    assert {one.attributes["status"] for one in made} == {"draft"}
    assert all(one.tags == {item("tag:kit").klaviyo_id} for one in things.named(Client(known), "flow", made[0].name))
    asked = len([one for one in sandbox.requests() if one.operation.startswith("create_")])
    make(known)
    assert len([one for one in sandbox.requests() if one.operation.startswith("create_")]) == asked
    remove(known)
    left = {key: state for key, state in states(known).items() if state != "removed"}
    assert left == {"tag:kit": "kept"}
    assert item("tag:kit").reason == removal.CAMPAIGNS_UNKNOWN
    assert counted(known) == {**before, "tag": before["tag"] + 1}


def test_nothing_of_it_starts_or_messages_anybody(sandbox: Sandbox, known: Connection) -> None:
    make(known)
    asked = {one.operation for one in sandbox.requests()}
    assert not {one for one in asked if "campaign" in one or "subscri" in one or "import" in one or "profile" in one}
    assert not {"update_flow", "add_profiles_to_list"} & asked


def test_a_flow_whose_event_klaviyo_does_not_know_waits_and_is_made_later(
    allowed: Connection, without_limits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (making, removal, turns):
        monkeypatch.setattr(module, "PLAN", FEW)
    make(allowed)
    assert (item("flow:conversion").state, item("flow:conversion").reason) == ("waits", making.NO_METRIC)
    assert held(allowed, "flow") == []
    flows_cast.tell(allowed, CONVERSION)
    make(allowed)
    assert set(states(allowed).values()) == {"made"}


def test_what_is_lost_in_answering_is_found_again(few: Connection, sandbox: Sandbox) -> None:
    for planned in FEW:
        sandbox.fault(f"create_{planned.kind}", "accept_then_drop")
    before = counted(few)
    make(few)
    assert set(states(few).values()) == {"made"}
    assert counted(few) == {kind: number + 1 for kind, number in before.items()}
    assert StarterKit.objects.get().problem == ""
    for planned in FEW:
        sandbox.fault(f"delete_{planned.kind}", "accept_then_drop")
    remove(few)
    assert {state for key, state in states(few).items() if key != "tag:kit"} == {"removed"}
    assert counted(few) == before | {"tag": 1}


def test_after_a_restored_backup_it_is_found_by_name_and_tag(few: Connection) -> None:
    make(few)
    before = counted(few)
    StarterKit.objects.all().delete()
    make(few)
    assert (set(states(few).values()), counted(few)) == ({"made"}, before)
    StarterKit.objects.all().delete()
    remove(few)
    assert {key: state for key, state in states(few).items() if state != "removed"} == {"tag:kit": "kept"}
    assert item("tag:kit").reason == removal.NOT_OURS


def test_a_thing_of_the_operators_with_our_name_is_none_of_ours(few: Connection) -> None:
    theirs = things.make(Client(few), "list", {"name": plan.LIST.name})
    make(few)
    assert item("list:advocates").klaviyo_id != theirs.id
    remove(few)
    assert theirs.id in {one.id for one in held(few, "list")}
    assert states(few)["list:advocates"] == "removed"


def test_what_somebody_has_changed_stays(few: Connection, sandbox: Sandbox) -> None:
    make(few)
    list_id = item("list:advocates").klaviyo_id
    sandbox.put_profiles(TEA, [SeedProfile(email="ben@example.com", lists=[list_id])])
    set_flow(few, item("flow:conversion").klaviyo_id, "live")
    change(few, "segment", item("segment:owed").klaviyo_id, is_starred=True)
    before = counted(few)
    remove(few)
    assert counted(few) == before
    assert {one.key: one.reason for one in KitItem.objects.exclude(state="removed")} == {
        "flow:conversion": removal.NOT_DRAFT.format(status="live"),
        "template:conversion": removal.ITS_FLOW,
        "segment:owed": removal.CHANGED,
        "list:advocates": removal.HAS_PEOPLE.format(count=1),
        "tag:kit": removal.BORNE,
    }


def test_a_changed_template_stays_and_its_untouched_flow_goes(few: Connection) -> None:
    make(few)
    change(few, "template", item("template:conversion").klaviyo_id, html="<p>Our own words</p>")
    remove(few)
    assert states(few)["flow:conversion"] == "removed"
    assert (item("template:conversion").state, item("template:conversion").reason) == ("kept", removal.CHANGED)


def test_a_list_that_a_store_uses_stays(few: Connection, tea_house: Store) -> None:
    make(few)
    StoreSetting.objects.create(store=tea_house, connection=few, list_id=item("list:advocates").klaviyo_id)
    remove(few)
    assert (item("list:advocates").state, item("list:advocates").reason) == ("kept", removal.IN_SETTINGS)


def test_a_list_that_starts_a_flow_of_the_operators_stays(few: Connection) -> None:
    make(few)
    flow = flows_cast.flow_of(few, {"type": "list", "id": item("list:advocates").klaviyo_id})
    remove(few)
    assert (item("list:advocates").state, item("list:advocates").reason) == ("kept", removal.STARTS_FLOWS)
    assert [one.id for one in held(few, "flow")] == [flow]


def test_of_two_metrics_of_a_name_the_one_that_is_told_of_starts_the_flow(few: Connection, spoil: Spoil) -> None:
    old = {"type": "metric", "id": "OldOne", "attributes": {"name": CONVERSION}}
    spoil("get_metrics", lambda document: {**document, "data": [old, *document["data"]]})
    make(few)
    [flow] = held(few, "flow")
    wanted = next(one.id for one in flows.metrics(Client(few)) if one.name == CONVERSION and one.id != "OldOne")
    full = things.one(Client(few), "flow", flow.id, in_full=True)
    assert full
    assert full.attributes["definition"]["triggers"][0]["id"] == wanted


def test_what_was_deleted_at_klaviyo_is_made_again_and_counts_as_removed(few: Connection) -> None:
    make(few)
    things.delete(Client(few), "segment", item("segment:owed").klaviyo_id)
    make(few)
    assert set(states(few).values()) == {"made"}
    things.delete(Client(few), "segment", item("segment:owed").klaviyo_id)
    remove(few)
    assert states(few)["segment:owed"] == "removed"


def test_without_the_scopes_nothing_is_asked(connection: Connection, sandbox: Sandbox) -> None:
    assert "flows:write" in turns.lacking(connection)
    turns.ask(connection, MAKE)
    work()
    kit = StarterKit.objects.get()
    assert (kit.wish, "tags:read" in kit.problem) == ("", True)
    assert sandbox.requests() == []


def test_an_answer_that_is_no_one_more_waits_and_goes_on(few: Connection, sandbox: Sandbox) -> None:
    sandbox.fault("create_segment", "503")
    turns.ask(few, MAKE)
    turns.take_all()
    kit = StarterKit.objects.get()
    assert (kit.wish, bool(kit.problem)) == ("make", True)
    assert kit.next_look_at is not None
    assert kit.next_look_at > timezone.now() + turns.AFTER_TROUBLE - timedelta(seconds=10)
    work()
    assert set(states(few).values()) == {"made"}
    assert len(things.named(Client(few), "segment", BY_KEY["segment:owed"].name)) == 1


def test_a_limit_is_waited_for_as_long_as_klaviyo_says(few: Connection, sandbox: Sandbox) -> None:
    sandbox.fault("create_flow", "429", retry_after="1800")
    turns.ask(few, MAKE)
    turns.take_all()
    kit = StarterKit.objects.get()
    assert (kit.wish, states(few)["template:conversion"]) == ("make", "made")
    assert kit.next_look_at is not None
    assert kit.next_look_at > timezone.now() + timedelta(minutes=25)


def test_klaviyos_own_limits_are_kept(allowed: Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of flows one a second."""
    more = [BY_KEY[key] for key in ("template:reward_issued", "flow:reward_issued")]
    for module in (making, removal, turns):
        monkeypatch.setattr(module, "PLAN", (*FEW, *more))
    for name in (CONVERSION, "Sorae Reward Issued"):
        flows_cast.tell(allowed, name)
    sandbox.settings(limits=True)
    make(allowed)
    assert set(states(allowed).values()) == {"made"}
    assert not [counts for counts in sandbox.counts().values() if 429 in counts]


def test_of_two_who_ask_one_is_heard_and_whoever_stops_it_is_too(few: Connection) -> None:
    assert turns.ask(few, MAKE)
    assert not turns.ask(few, REMOVE)
    assert turns.stop(few)
    work()
    assert states(few).keys() == {planned.key for planned in FEW}
    assert set(states(few).values()) == {"waits"}
    assert turns.ask(few, MAKE)


def test_whose_turn_is_over_makes_nothing_more(
    few: Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = making._ask

    def late(work: Work, *about: object) -> None:
        StarterKit.objects.update(next_look_at=timezone.now() + timedelta(hours=1))
        took(work, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "_ask", late)
    turns.ask(few, MAKE)
    turns.take_all()
    assert not [one for one in sandbox.requests() if one.operation.startswith("create_t")]


def test_by_a_private_key_it_is_the_same(
    sandbox: Sandbox, operator: object, monkeypatch: pytest.MonkeyPatch, without_limits: None
) -> None:
    connection = consent_screen.keyed_by(operator, sandbox)  # type: ignore[arg-type]
    for module in (making, removal, turns):
        monkeypatch.setattr(module, "PLAN", FEW)
    flows_cast.tell(connection, CONVERSION)
    make(connection)
    assert set(states(connection).values()) == {"made"}
    remove(connection)
    assert set(states(connection).values()) == {"removed"}  # a key may ask for campaigns, too: the tag goes as well


@pytest.mark.parametrize("wish", [MAKE, REMOVE])
def test_nothing_is_made_or_removed_while_an_operator_has_paused_the_account(
    wish: StarterKit.Wish, few: Connection, sandbox: Sandbox, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wish == REMOVE:
        make(few)
    there, item_of = counted(few), Work.item

    def late(work: Work, planned: Planned) -> KitItem:
        by_hand.begin(few, operator)  # when its turn has begun
        return item_of(work, planned)

    monkeypatch.setattr(Work, "item", late)
    turns.ask(few, wish)
    work()
    assert counted(few) == there
    assert "resumes the account" in StarterKit.objects.get().problem
    monkeypatch.setattr(Work, "item", item_of)
    by_hand.end(few)
    work()
    assert set(states(few).values()) <= ({"made"} if wish == MAKE else {"removed", "kept"})
    assert StarterKit.objects.get().problem == ""


def test_a_list_that_a_store_begins_to_use_while_its_removal_waits_stays(
    few: Connection, sandbox: Sandbox, tea_house: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(few)
    last_look = removal._last_look

    def late(work: Work, planned: Planned, item: KitItem) -> None:
        if planned.kind == "list":
            StoreSetting.objects.get_or_create(store=tea_house, connection=few, list_id=item.klaviyo_id)
        last_look(work, planned, item)

    monkeypatch.setattr(removal, "_last_look", late)
    remove(few)
    assert (states(few)["list:advocates"], item("list:advocates").reason) == ("kept", removal.IN_SETTINGS)
    assert not [one for one in sandbox.requests("delete_list") if one.status < 400]


def meanwhile(monkeypatch: pytest.MonkeyPatch, kind: str, act: Callable[[str], object]) -> None:
    """Somebody acts after a thing of that kind was looked at, and before it is deleted."""
    delete = things.delete

    def late(client: Client, deleted: str, id: str, last_look: LastLook | None = None) -> None:
        if deleted == kind:
            act(id)
        delete(client, deleted, id, last_look)

    monkeypatch.setattr(things, "delete", late)


def test_a_flow_that_is_set_live_while_its_removal_waits_stays(
    few: Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(few)
    meanwhile(monkeypatch, "flow", lambda id: set_flow(few, id, "live"))
    remove(few)
    assert item("flow:conversion").reason == removal.NOT_DRAFT.format(status="live")
    assert item("template:conversion").reason == removal.ITS_FLOW
    assert sandbox.requests("delete_flow") == []
    assert [one.attributes["status"] for one in held(few, "flow")] == ["live"]


def test_a_list_that_somebody_joins_while_its_removal_waits_stays(
    few: Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(few)
    ben = SeedProfile(email="ben@example.com", lists=[item("list:advocates").klaviyo_id])
    meanwhile(monkeypatch, "list", lambda _: sandbox.put_profiles(TEA, [ben]))
    remove(few)
    assert item("list:advocates").reason == removal.HAS_PEOPLE.format(count=1)
    assert sandbox.requests("delete_list") == []


def test_where_the_last_look_has_no_answer_nothing_is_deleted(
    few: Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(few)
    turns.ask(few, REMOVE)
    meanwhile(monkeypatch, "flow", lambda _: sandbox.fault("get_flow", "503"))
    turns.take_all()
    assert sandbox.requests("delete_flow") == []
    monkeypatch.undo()
    for module in (making, removal, turns):
        monkeypatch.setattr(module, "PLAN", FEW)
    work()
    assert states(few)["flow:conversion"] == "removed"


@pytest.mark.parametrize(("touched", "stays"), [(timedelta(minutes=2), True), (timedelta(minutes=20), False)])
def test_what_somebody_has_just_saved_stays_for_now(
    few: Connection, spoil: Spoil, touched: timedelta, stays: bool
) -> None:
    make(few)
    made_at, touched_at = timezone.now() - timedelta(hours=3), timezone.now() - touched

    def older(document: dict[str, Any]) -> dict[str, Any]:
        document["data"]["attributes"] |= {"created": made_at.isoformat(), "updated": touched_at.isoformat()}
        return document

    spoil("get_flow", older)
    remove(few)
    assert item("flow:conversion").reason == (removal.IN_HAND if stays else "")


def test_what_is_made_under_our_name_after_a_request_was_called_off_is_not_ours(
    few: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = things.make

    def late(
        client: Client, kind: str, attributes: Mapping[str, Any], last_look: LastLook | None = None
    ) -> things.Thing:
        if kind == "list" and last_look and not made:
            StarterKit.objects.update(next_look_at=timezone.now() + timedelta(hours=1))  # the turn is over
            with contextlib.suppress(CalledOff):
                return real(client, kind, attributes, last_look)
            made.append(real(client, kind, attributes).id)  # the operator
            raise CalledOff(outcomes.Retry())
        return real(client, kind, attributes, last_look)

    monkeypatch.setattr(things, "make", late)
    make(few)
    assert set(states(few).values()) == {"made"}
    assert item("list:advocates").klaviyo_id not in made
    remove(few)
    assert [one.id for one in held(few, "list") if one.name == plan.LIST.name] == made


@pytest.mark.parametrize("key", ["list:advocates", "segment:owed", "template:conversion"])
def test_after_a_lost_answer_only_what_is_ours_to_the_letter_is_taken_for_ours(
    few: Connection, sandbox: Sandbox, key: str
) -> None:
    """The worker died when it had written down that it would ask, and somebody made something of that name."""
    planned = BY_KEY[key]
    other = {
        "list": {"name": planned.name},
        "segment": {**planned.attributes(), "is_starred": True},
        "template": {**planned.attributes(), "html": "<p>Theirs</p>"},
    }[planned.kind]
    theirs = things.make(Client(few), planned.kind, other).id
    if planned.kind == "list":
        sandbox.put_profiles(TEA, [SeedProfile(email="ben@example.com", lists=[theirs])])
    kit = StarterKit.objects.create(connection=few)
    KitItem.objects.create(kit=kit, key=key, state="making", began_at=timezone.now())
    make(few)
    assert item(key).klaviyo_id not in ("", theirs)
    remove(few)
    assert theirs in {one.id for one in held(few, planned.kind)}


def test_what_is_older_or_newer_than_the_request_is_not_taken_for_ours(few: Connection) -> None:
    theirs = things.make(Client(few), "list", {"name": plan.LIST.name}).id
    kit = StarterKit.objects.create(connection=few)
    long_ago = timezone.now() - timedelta(hours=1)
    KitItem.objects.create(kit=kit, key="list:advocates", state="making", began_at=long_ago)
    make(few)
    assert item("list:advocates").klaviyo_id != theirs
