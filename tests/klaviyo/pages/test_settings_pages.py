"""Joining a store to an account: the form, its list picker, and what becomes of deliveries that were held."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo import account_lists
from klaviyo.mapping import catalogue
from klaviyo.models import AccountLists, StoreSetting
from klaviyo.pages.settings_form import MEANINGS
from klaviyo.sandbox import Sandbox, SeedList
from referrals.models import Store
from tests.conftest import TEA_HOUSE_LTD

SETTINGS = "/admin/klaviyo/settings/"
CHOICES = {
    "is_enabled": "on",
    "behaviour": "create",
    "list_id": "",
    "newsletter_list_id": "",
    "invite_policy": "not_opted_out",
    "reminder_policy": "subscribed_only",
}


def read() -> None:
    """A worker reads the lists of every account."""
    AccountLists.objects.update(next_look_at=None)
    account_lists.take_all()


@pytest.fixture
def lists(sandbox: Sandbox, connection: Connection) -> None:
    """Three pages of them, which a worker has read."""
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList(f"List {number:02}", id=f"Lst0{number:02}") for number in range(24)])
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList("Friends of tea", id="TeaFri", opt_in_process="double_opt_in")])
    read()


@pytest.fixture
def page_of(browser_of_the_operator: Client, setting: StoreSetting) -> str:
    return f"{SETTINGS}{setting.pk}/"


def signed_in_with(*permissions: str) -> Client:
    user = User.objects.create_user(uuid.uuid4().hex, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, address: str, data: dict[str, Any] | None = None) -> str:
    response = client.get(address) if data is None else client.post(address, data)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def held(setting: StoreSetting, code: str, **fields: Any) -> Delivery:
    known: dict[str, Any] = {"kind": "profile", "options": {"sync": setting.pk}}
    return Delivery.objects.create(
        connection=setting.connection,
        key=str(uuid.uuid4()),
        occurred_at=timezone.now(),
        state=Delivery.State.HELD,
        reason_code=code,
        **known | fields,
    )


def test_the_picker_pages_through_all_lists_with_their_opt_in(
    browser_of_the_operator: Client, page_of: str, lists: None, sandbox: Sandbox
) -> None:
    page = text(browser_of_the_operator, page_of)
    assert all(f"List {number:02}" in page for number in range(24))
    assert "Friends of tea" in page
    assert "Double opt-in" in page
    assert "25 lists in the account, read" in page
    assert len(sandbox.requests("get_lists")) == 3


def test_no_page_of_the_settings_asks_klaviyo(
    browser_of_the_operator: Client, page_of: str, sandbox: Sandbox, setting: StoreSetting
) -> None:
    asked = len(sandbox.requests())
    page = text(browser_of_the_operator, page_of)
    assert "The account&#x27;s lists are being read" in page or "The account's lists are being read" in page
    assert "data-awaited" in page
    review = f"/admin/klaviyo/accounts/{setting.connection_id}/review?store={setting.store_id}"
    text(browser_of_the_operator, f"{page_of}?lists=list_id&words=tea&chosen=")
    text(browser_of_the_operator, page_of, CHOICES | {"search": "list_id"})
    text(browser_of_the_operator, page_of, CHOICES | {"read": "list_id"})
    browser_of_the_operator.post(page_of, CHOICES)
    StoreSetting.objects.all().delete()
    text(browser_of_the_operator, review)
    text(browser_of_the_operator, SETTINGS)
    assert len(sandbox.requests()) == asked
    read()
    assert "data-awaited" not in text(browser_of_the_operator, review)


def test_of_many_lists_each_is_found_by_typing(browser_of_the_operator: Client, page_of: str, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList(f"Segment {n:03}", id=f"Seg{n:03}") for n in range(230)])
    read()
    page = text(browser_of_the_operator, page_of)
    assert page.count('name="list_id" value="Seg') == 200
    assert "Segment 229" not in page
    assert "30 more: search to narrow them down." in page
    StoreSetting.objects.update(list_id="Seg229", list_name="Segment 229")
    assert 'name="list_id" value="Seg229" checked' in text(browser_of_the_operator, page_of)
    typed = {"lists": "list_id", "words": "segment 22", "chosen": "Seg001"}
    found = browser_of_the_operator.get(page_of, typed).content.decode()
    assert [f"Segment {n:03}" for n in range(230) if f"Segment {n:03}" in found] == [
        "Segment 001",
        *(f"Segment {n}" for n in range(220, 230)),
    ]
    assert 'value="Seg001" checked' in found
    assert "No list has" not in found
    assert "<html" not in found
    nothing = browser_of_the_operator.get(page_of, typed | {"words": "<b>", "chosen": ""}).content.decode()
    assert "No list has “&lt;b&gt;” in its name." in nothing
    assert "<html" in text(browser_of_the_operator, f"{page_of}?lists=behaviour")


def test_read_again_is_for_workers_and_loses_nothing_that_was_chosen(
    browser_of_the_operator: Client, page_of: str, lists: None, sandbox: Sandbox, setting: StoreSetting
) -> None:
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList("Made just now")])
    asked = len(sandbox.requests("get_lists"))
    typed = CHOICES | {"list_id": "Lst007", "invite_policy": "subscribed_only", "read": "list_id"}
    page = text(browser_of_the_operator, page_of, typed)
    assert len(sandbox.requests("get_lists")) == asked
    assert "data-awaited" in page
    assert 'value="read"' not in page
    assert 'name="list_id" value="Lst007" checked' in page
    assert 'name="invite_policy" value="subscribed_only" checked' in page
    setting.refresh_from_db()
    assert (setting.list_id, setting.invite_policy) == ("", "not_opted_out")
    account_lists.take_all()
    found = browser_of_the_operator.get(page_of, {"lists": "list_id", "words": "just", "chosen": ""}).content.decode()
    assert "Made just now" in found
    assert "data-awaited" not in found


def test_a_name_longer_than_settings_hold_is_kept_as_far_as_they_do(
    browser_of_the_operator: Client, page_of: str, sandbox: Sandbox, setting: StoreSetting
) -> None:
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList("L" * 400, id="LongNm")])
    read()
    browser_of_the_operator.post(page_of, CHOICES | {"list_id": "LongNm", "newsletter_list_id": "LongNm"})
    setting.refresh_from_db()
    assert setting.list_name == setting.newsletter_list_name == "L" * 255


def test_searching_saves_nothing_and_loses_nothing(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    typed = CHOICES | {"list_id": "Lst007", "invite_policy": "subscribed_only", "search": "list_id"}
    page = text(browser_of_the_operator, page_of, typed | {"list_id_words": "TEA", "newsletter_list_id_words": "04"})
    assert page.count("Friends of tea") == page.count("List 04") == 1
    assert "List 03" not in page
    assert 'name="list_id" value="Lst007" checked' in page
    assert 'name="invite_policy" value="subscribed_only" checked' in page
    setting.refresh_from_db()
    assert (setting.list_id, setting.invite_policy) == ("", "not_opted_out")


def test_saving_keeps_the_lists_name_and_says_so(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    response = browser_of_the_operator.post(page_of, CHOICES | {"list_id": "TeaFri"})
    assert response["Location"] == SETTINGS
    setting.refresh_from_db()
    assert (setting.list_id, setting.list_name) == ("TeaFri", "Friends of tea")


def test_a_list_of_another_account_cannot_be_chosen(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    page = text(browser_of_the_operator, page_of, CHOICES | {"list_id": "Foreig"})
    assert "this one is not among them" in page
    setting.refresh_from_db()
    assert setting.list_id == ""


def test_another_list_frees_what_was_held_for_the_old_one_and_nothing_else(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    StoreSetting.objects.update(list_id="GoneGo", list_name="Old friends")
    waiting, other = held(setting, "list_gone"), held(setting, "access_refused")
    page = text(browser_of_the_operator, page_of)
    assert "Old friends</bdi>” is no longer in the account." in page
    browser_of_the_operator.post(page_of, CHOICES | {"list_id": "TeaFri"})
    waiting.refresh_from_db()
    other.refresh_from_db()
    assert (waiting.state, other.state) == ("queued", "held")


def test_saving_the_same_list_again_leaves_what_is_held(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    StoreSetting.objects.update(list_id="GoneGo", list_name="Old friends")
    waiting = held(setting, "list_gone")
    browser_of_the_operator.post(page_of, CHOICES | {"list_id": "GoneGo"})
    waiting.refresh_from_db()
    setting.refresh_from_db()
    assert (waiting.state, setting.list_name) == ("held", "Old friends")


@pytest.mark.parametrize("behaviour", ["create", "update_existing"])
def test_a_newsletter_list_is_kept_with_its_name_and_its_opt_in(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting, behaviour: str
) -> None:
    for list_id, name, is_double in (("TeaFri", "Friends of tea", True), ("Lst003", "List 03", False), ("", "", False)):
        browser_of_the_operator.post(page_of, CHOICES | {"newsletter_list_id": list_id, "behaviour": behaviour})
        setting.refresh_from_db()
        kept = (setting.newsletter_list_id, setting.newsletter_list_name, setting.is_double_opt_in)
        assert kept == (list_id, name, is_double)


def test_a_newsletter_list_stays_as_it_was_while_klaviyo_cannot_tell(
    browser_of_the_operator: Client, page_of: str, sandbox: Sandbox, setting: StoreSetting
) -> None:
    StoreSetting.objects.update(
        newsletter_list_id="TeaFri", newsletter_list_name="Friends of tea", is_double_opt_in=True
    )
    sandbox.fault("get_lists", "503", count=10)
    read()
    browser_of_the_operator.post(page_of, CHOICES | {"newsletter_list_id": "TeaFri"})
    setting.refresh_from_db()
    kept = (setting.newsletter_list_id, setting.newsletter_list_name, setting.is_double_opt_in)
    assert kept == ("TeaFri", "Friends of tea", True)


def test_another_newsletter_list_frees_opt_ins_and_leaves_what_is_held_for_the_other_list(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    StoreSetting.objects.update(newsletter_list_id="GoneGo", newsletter_list_name="Old news")
    newcomer, opt_in = held(setting, "list_gone"), held(setting, "list_gone", kind="subscribe")
    assert "Old news</bdi>” is no longer in the account." in text(browser_of_the_operator, page_of)
    browser_of_the_operator.post(page_of, CHOICES | {"newsletter_list_id": "TeaFri"})
    newcomer.refresh_from_db()
    opt_in.refresh_from_db()
    assert (newcomer.state, opt_in.state) == ("held", "queued")


def test_update_existing_only_uses_no_list_and_says_why(
    browser_of_the_operator: Client, page_of: str, lists: None, setting: StoreSetting
) -> None:
    StoreSetting.objects.update(list_id="TeaFri", list_name="Friends of tea")
    assert "No list is used while Sorae only updates profiles that exist" in text(browser_of_the_operator, page_of)
    browser_of_the_operator.post(page_of, CHOICES | {"list_id": "TeaFri", "behaviour": "update_existing"})
    setting.refresh_from_db()
    assert (setting.behaviour, setting.list_id, setting.list_name) == ("update_existing", "", "")


@pytest.mark.parametrize("kind", ["503", "html_403", "not_json", "reset", "huge", "missing_scope"])
def test_when_klaviyo_cannot_tell_its_lists_the_rest_can_still_be_saved(
    browser_of_the_operator: Client, page_of: str, sandbox: Sandbox, setting: StoreSetting, kind: str
) -> None:
    StoreSetting.objects.update(list_id="TeaFri", list_name="Friends of tea")
    sandbox.fault("get_lists", kind, count=10)
    read()
    page = text(browser_of_the_operator, page_of)
    assert "The lists cannot be shown" in page
    assert "Friends of tea" in page
    browser_of_the_operator.post(page_of, CHOICES | {"list_id": "TeaFri", "invite_policy": "subscribed_only"})
    setting.refresh_from_db()
    assert (setting.list_id, setting.list_name, setting.invite_policy) == (
        "TeaFri",
        "Friends of tea",
        "subscribed_only",
    )


def test_lists_that_were_read_before_klaviyo_failed_are_offered(
    browser_of_the_operator: Client, page_of: str, lists: None, sandbox: Sandbox
) -> None:
    sandbox.fault("get_lists", "503", count=1, skip=1)
    read()
    page = text(browser_of_the_operator, page_of)
    assert "The lists could not be read again:" in page
    assert all(f"List {number:02}" in page for number in range(24))
    AccountLists.objects.all().delete()
    sandbox.fault("get_lists", "503", count=10, skip=1)
    read()
    assert "Only the first 10 lists are shown" in text(browser_of_the_operator, page_of)


def test_without_a_connection_the_settings_open_all_the_same(
    browser_of_the_operator: Client, page_of: str, sandbox: Sandbox
) -> None:
    Connection.objects.update(state=Connection.State.RECONNECT)
    asked = len(sandbox.requests())
    assert "must be connected again. Its lists cannot be read until then." in text(browser_of_the_operator, page_of)
    assert len(sandbox.requests()) == asked


def test_every_choice_is_explained(browser_of_the_operator: Client, page_of: str) -> None:
    page = text(browser_of_the_operator, page_of)
    explained = [meaning for meanings in MEANINGS.values() for meaning in meanings.values()]
    assert len(explained) == 6
    assert all(meaning.replace("'", "&#x27;") in page for meaning in explained)


def test_a_store_is_joined_in_two_steps(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    assert "Tea House" in text(browser_of_the_operator, f"{SETTINGS}add/")
    chosen = {"store": str(tea_house.pk), "connection": str(connection.pk)}
    review = browser_of_the_operator.get(f"{SETTINGS}add/", chosen)["Location"]
    assert "What is sent of" in text(browser_of_the_operator, review)
    assert not StoreSetting.objects.exists()
    browser_of_the_operator.post(review, CHOICES | {"store": str(tea_house.pk)})
    setting = StoreSetting.objects.get()
    assert (setting.store, setting.connection, setting.is_enabled, setting.creates_profiles) == (
        tea_house,
        connection,
        True,
        True,
    )


def test_a_store_is_not_joined_to_the_same_account_twice(
    browser_of_the_operator: Client, setting: StoreSetting
) -> None:
    review = f"/admin/klaviyo/accounts/{setting.connection_id}/review"
    again = CHOICES | {"store": str(setting.store_id)}
    assert browser_of_the_operator.post(review, again)["Location"] == f"{SETTINGS}{setting.pk}/"
    assert StoreSetting.objects.count() == 1


@pytest.mark.parametrize("given", [{"store": "x"}, {"store": "9" * 30, "connection": "1"}, {"connection": "\x00"}])
def test_an_odd_choice_leads_back_to_the_choice(
    browser_of_the_operator: Client, tea_house: Store, connection: Connection, given: dict[str, str]
) -> None:
    assert b"Go on" in browser_of_the_operator.get(f"{SETTINGS}add/", given).content


def test_parting_asks_first(browser_of_the_operator: Client, setting: StoreSetting) -> None:
    assert "Keep it" in text(browser_of_the_operator, f"{SETTINGS}{setting.pk}/remove")
    assert StoreSetting.objects.exists()
    browser_of_the_operator.post(f"{SETTINGS}{setting.pk}/remove")
    assert not StoreSetting.objects.exists()


def test_whoever_only_looks_cannot_save_add_or_part(setting: StoreSetting) -> None:
    looker = signed_in_with("view_storesetting")
    read()
    page = text(looker, f"{SETTINGS}{setting.pk}/")
    assert 'name="save"' not in page
    assert 'name="read"' not in page
    assert looker.get(f"{SETTINGS}{setting.pk}/", {"lists": "list_id", "words": "x", "chosen": ""}).status_code == 200
    looker.post(f"{SETTINGS}{setting.pk}/", CHOICES | {"read": "list_id"})
    assert not AccountLists.objects.get().is_awaited
    looker.post(f"{SETTINGS}{setting.pk}/", CHOICES | {"behaviour": "update_existing"})
    assert StoreSetting.objects.get().creates_profiles
    for address in (f"{SETTINGS}add/", f"{SETTINGS}{setting.pk}/remove"):
        assert looker.get(address).status_code == looker.post(address).status_code == 403
    assert signed_in_with("view_store").get(SETTINGS).status_code == 403


def test_whoever_may_change_or_add_is_shown_how(setting: StoreSetting) -> None:
    """Without being a superuser, to whom nothing is closed."""
    changer = signed_in_with("view_storesetting", "change_storesetting")
    page = text(changer, f"{SETTINGS}{setting.pk}/")
    assert 'name="save"' in page
    assert "disabled" not in page
    changer.post(f"{SETTINGS}{setting.pk}/", CHOICES | {"behaviour": "update_existing"})
    assert not StoreSetting.objects.get().creates_profiles
    review = f"/admin/klaviyo/accounts/{setting.connection_id}/review?store={setting.store_id}"
    StoreSetting.objects.all().delete()
    assert 'name="save"' in text(signed_in_with("add_storesetting"), review)


def test_stores_that_reach_nobody_are_named(browser_of_the_operator: Client, tea_house: Store) -> None:
    page = text(browser_of_the_operator, SETTINGS)
    assert "Joined to no account:" in page
    assert "Tea House" in page


def test_the_reference_names_every_metric_and_property(operator: User) -> None:
    page = text(signed_in_with(), "/admin/klaviyo/events/")
    for metric in catalogue.CATALOGUE:
        assert metric.name in page
        assert all(f"<code>{name}</code>" in page for name in metric.properties)
    assert all(f"<code>{name}</code>" in page for name in catalogue.EVERY_EVENT)
    assert Client().get("/admin/klaviyo/events/").status_code == 302


def test_whoever_may_change_settings_is_offered_to(setting: StoreSetting, page_of: str) -> None:
    assert 'name="save"' in text(signed_in_with("view_storesetting", "change_storesetting"), page_of)
    assert 'name="save"' not in text(signed_in_with("view_storesetting"), page_of)


def test_of_two_tabs_the_one_that_has_seen_less_does_not_undo_what_the_other_saved(
    browser_of_the_operator: Client, page_of: str, setting: StoreSetting
) -> None:
    def open_tab() -> dict[str, str]:
        return {**CHOICES, "seen": browser_of_the_operator.get(page_of).context["form"].seen}

    early, late = open_tab(), open_tab()
    tighter = late | {"invite_policy": "subscribed_only", "switches": "1", "sent": "event:visit"}
    for _ in range(2):  # a double click
        assert browser_of_the_operator.post(page_of, tighter)["Location"] == SETTINGS
    setting.refresh_from_db()
    off = setting.left_out
    assert (setting.invite_policy, bool(off)) == ("subscribed_only", True)
    searched = browser_of_the_operator.post(page_of, early | {"search": "1"}).context["form"]
    assert searched.seen == early["seen"], "what is searched in an early tab stays early"
    answer = browser_of_the_operator.post(page_of, early, follow=True)
    assert "Somebody has changed these settings meanwhile" in answer.content.decode()
    setting.refresh_from_db()
    assert (setting.invite_policy, setting.left_out) == ("subscribed_only", off)
    assert browser_of_the_operator.post(page_of, open_tab())["Location"] == SETTINGS
    setting.refresh_from_db()
    assert setting.invite_policy == "not_opted_out"
