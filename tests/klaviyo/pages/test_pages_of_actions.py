"""Pages of actions: found by any name, filled in, tried, run once, and on record; each for whoever may."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.api.endpoint import LARGEST
from integrations.models import Connection
from klaviyo import actions
from klaviyo.actions import catalogue
from klaviyo.actions.record import By
from klaviyo.actions.run import How
from klaviyo.delivery.erasure import erase
from klaviyo.models import ActionRun
from klaviyo.pages import action_fields, action_runs
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from tests.klaviyo.actions.world import PNG
from tests.klaviyo.story import BEN, CID, TEA

ACTIONS = "/admin/klaviyo/actions/"
RUNS = f"{ACTIONS}runs/"
MOST_QUERIES = 14
FORM = "application/x-www-form-urlencoded"

Sent = Callable[[], list[Exchange]]


def form(connection: Connection, name: str) -> str:
    return f"{ACTIONS}{connection.pk}/{name}/"


def words(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode().partition("<main")[2])
    return re.sub(r"\s+", " ", text.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&"))


def wrong_at(answer: Any) -> dict[str, str]:
    """What is said to be wrong, by the id of the field."""
    found = re.findall(r'id="f-([\w-]+)-errors"><li>(.*?)</li></ul>', answer.content.decode())
    return {name: said.replace("&#x27;", "'").replace("&quot;", '"') for name, said in found}


def run_of(answer: Any) -> ActionRun:
    assert answer.status_code == 302, (wrong_at(answer), words(answer)[:600])
    return ActionRun.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])


def somebody(*permissions: str) -> Client:
    """Of the staff, with these permissions."""
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def browser(browser_of_the_operator: Client) -> Client:
    return browser_of_the_operator


def a_list(connection: Connection, name: str = "Weekly letter") -> str:
    made = actions.run("create_list", connection, name=name)
    assert made.outcome == "success", made
    return str(made.data["id"])


# Finding


def test_all_are_listed(browser: Client, connection: Connection) -> None:
    said = browser.get(ACTIONS).content.decode()
    assert [name for name in catalogue.names() if f"/{connection.pk}/{name}/" not in said] == []
    assert len(catalogue.names()) == 98


@pytest.mark.parametrize("action", catalogue.everything(), ids=lambda action: action.name)
def test_each_is_found_by_its_names_elsewhere(browser: Client, connection: Connection, action: Any) -> None:
    for name in (action.name, action.title, *action.seeds):
        answer = browser.get(ACTIONS, {"q": name.replace(":", "").upper() if ":" not in name else name})
        assert f"/{connection.pk}/{action.name}/" in answer.content.decode(), name


@pytest.mark.parametrize(
    "said",
    ["add a profile to a list", "Put somebody on a list", "add contact to newsletter", "add subscriber to audience"],
)
def test_it_is_found_in_ones_own_words(browser: Client, connection: Connection, said: str) -> None:
    found = browser.get(ACTIONS, {"q": said}).content.decode()
    assert re.findall(rf"/{connection.pk}/(\w+)/", found)[0] == "add_profile_to_list"


def test_a_search_finds_nothing_else(browser: Client, connection: Connection) -> None:
    said = browser.get(ACTIONS, {"q": "leadconduit add profile to list"}).content.decode()
    assert re.findall(rf"/{connection.pk}/(\w+)/", said) == ["add_profile_to_list"]
    assert "No action has these words" in words(browser.get(ACTIONS, {"q": "make coffee"}))


def test_those_without_their_scope_rest_with_a_way_to_allow_them(browser: Client, connection: Connection) -> None:
    said = browser.get(ACTIONS, {"q": "create template"}).content.decode()
    assert 'class="rests"' in said
    assert "templates:write" in said
    assert f"/admin/integrations/{connection.pk}/allow" in said
    assert 'class="rests"' not in browser.get(ACTIONS, {"q": "create list"}).content.decode()
    assert "The account has not allowed this." in words(browser.get(form(connection, "create_template")))


def test_a_private_key_has_no_webhooks_and_is_told_why(browser: Client, connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(kind="private_key")
    assert "Klaviyo lets only OAuth apps have webhooks." in words(browser.get(ACTIONS, {"q": "create webhook"}))
    assert "only OAuth apps" in words(browser.get(form(connection, "create_webhook")))
    assert "only OAuth apps" not in words(browser.get(ACTIONS, {"q": "create list"}))


def test_without_an_account_it_leads_to_where_one_is_connected(browser: Client) -> None:
    assert "No account is connected" in words(browser.get(ACTIONS))


# Forms


@pytest.mark.parametrize("action", catalogue.everything(), ids=lambda action: action.name)
def test_a_form_has_each_field_of_its_model(action: Any) -> None:
    names = {one.name.partition(".")[0] for one in action_fields.of(action)}
    model = {info.alias or name for name, info in action.inputs.model_fields.items()}
    flat = {"location"} if "city" in model else set()
    not_published = {"fields", "additional_fields", "include", "filter", "sort"}
    assert names <= model
    assert model - names - flat <= not_published
    assert all(one.kind in KINDS for one in action_fields.of(action))


KINDS = {"line", "text", "number", "boolean", "choice", "many", "lines", "json", "json or text", "moment", "date"}
KINDS |= {"file", "secret", "people"}


def test_required_ones_come_first_and_rare_ones_last(connection: Connection) -> None:
    fields = action_fields.of(catalogue.find("add_profile_to_list"))
    assert [one.name for one in fields if not one.is_rare] == [
        "list_id",
        "email",
        "phone_number",
        "klaviyo_id",
        "external_id",
    ]
    assert {"timeout_seconds", "max_retries", "identifier"} <= {one.name for one in fields if one.is_rare}


BAD = [
    ("add_profile_to_list", {"email": "ann"}, {"list_id": "required", "email": "malformed"}),
    ("add_profile_to_list", {"list_id": "Y6n"}, {"email": "", "": "Say who it is about"}),
    ("get_profiles", {"phone_number": "5125551234"}, {"phone_number": "country code"}),
    ("get_profile", {"klaviyo_id": "a b"}, {"klaviyo_id": "cannot be an id"}),
    ("get_profiles", {"email": BEN, "klaviyo_id": "01A"}, {"identifier": "Say by identifier"}),
    ("create_event", {"event_name": "x", "profile.email": BEN, "value": "NaN"}, {"value": ""}),
    ("create_event", {"event_name": "x", "profile.email": "ann"}, {"profile-email": "malformed"}),
    ("create_event", {"event_name": "x"}, {"profile-email": "Say whom it is about"}),
    ("create_event", {"event_name": "x", "profile.email": BEN, "time": "soon"}, {"time": "This is no time."}),
    (
        "create_event",
        {"event_name": "x", "profile.email": BEN, "time": "2026-08-01T12:00", "time.zone": "Mars"},
        {"time": "time zone"},
    ),
    (
        "create_event",
        {"event_name": "x", "profile.email": BEN, "properties": '{"a": 1,\n "b" 2}'},
        {"properties": "line 2, column 6"},
    ),
    ("create_event", {"event_name": "x", "profile.email": BEN, "properties": "[1]"}, {"properties": "dictionary"}),
    ("create_event", {"event_name": "x", "profile.email": BEN, "properties": '{"a": NaN}'}, {"properties": "NaN"}),
    (
        "create_event",
        {"event_name": "x", "profile.email": BEN, "properties": '{"a": "\\u0000"}'},
        {"properties": "NUL"},
    ),
    (
        "create_event",
        {"event_name": "x", "profile.email": BEN, "properties": '{"a":' * 100 + "1" + "}" * 100},
        {"properties": "nested deeper"},
    ),
    ("create_profile", {"email": BEN, "latitude": "91"}, {"latitude": "less than or equal to 90"}),
    ("subscribe_profile_to_list", {"list_id": "Y6n", "email": BEN, "opt_in": "x", "channels": "fax"}, {"channels": ""}),
    ("subscribe_profile_to_list", {"list_id": "Y6n", "email": BEN, "opt_in": "x", "channels": "sms"}, {"channels": ""}),
    ("list_lists", {"filter": 'like(name,"x")'}, {"filter": ""}),
    ("list_lists", {"limit": "many"}, {"limit": "no whole number"}),
    ("upload_image", {}, {"file": "either"}),
    ("unsubscribe_profiles", {"profiles": f"{BEN}\nBen"}, {"profiles": "Line 2 is neither"}),
    ("unsubscribe_profiles", {"profiles": "ben@"}, {"profiles": "no. 1"}),
    ("raw_request", {"url": "//evil.example", "method": "GET"}, {"url": "Give a path"}),
    ("raw_request", {"operation": "get_lists", "headers": '{"Authorization": "x"}'}, {"headers": "ours to send"}),
]


@pytest.mark.parametrize(("name", "typed", "wrong"), BAD)
def test_what_cannot_be_used_is_said_at_its_field(
    browser: Client, connection: Connection, name: str, typed: dict[str, str], wrong: dict[str, str]
) -> None:
    answer = browser.post(form(connection, name), {**typed, "run": "1"})
    assert answer.status_code == 400
    said = wrong_at(answer)
    for field, part in wrong.items():
        if field and (part or field != "email"):
            assert part in said[field], (field, said)
        elif not field:
            assert part in words(answer)
    kept = next(iter(typed.items()), ("", ""))
    assert kept[1].replace('"', "&quot;").split("\n")[0] in answer.content.decode()
    assert not ActionRun.objects.exists()


def test_booleans_can_be_left_and_smart_sending_stays_on(browser: Client, connection: Connection) -> None:
    typed = {"name": "Spring", "included": "Y6nRLr", "messages": '[{"subject": "Hello"}]'}
    row = run_of(browser.post(form(connection, "create_campaign"), {**typed, "dry": "1"}))
    sent = json.loads(row.answered)["data"]["requests"][0]["body"]["data"]["attributes"]
    assert sent["send_options"] == {"use_smart_sending": True}
    assert json.loads(row.given).keys() == {"name", "included", "messages"}


def test_a_moment_is_of_its_zone(browser: Client, connection: Connection) -> None:
    typed = {"event_name": "Visited", "profile.email": BEN, "time": "2026-08-01T12:00", "time.zone": "Europe/Helsinki"}
    row = run_of(browser.post(form(connection, "create_event"), {**typed, "dry": "1"}))
    assert json.loads(row.given)["time"] == "2026-08-01T12:00:00+03:00"


@pytest.mark.parametrize(
    ("name", "told", "people"),
    [
        ("unsubscribe_profiles", f"{BEN},\n\n +358401234567 ", [{"email": BEN}, {"phone_number": "+358401234567"}]),
        ("bulk_import_profiles", BEN, [{"email": BEN}]),
        ("subscribe_profiles", BEN, [{"email": BEN, "channels": ["email"]}]),
        ("subscribe_profiles", "+358401234567", [{"phone_number": "+358401234567", "channels": ["sms"]}]),
        ("unsubscribe_profiles", f'[{{"email": "{BEN}"}}]', [{"email": BEN}]),
    ],
)
def test_people_are_pasted_one_in_a_line(
    browser: Client, connection: Connection, name: str, told: str, people: Any
) -> None:
    more = {"opt_in": "At our stand"} if name == "subscribe_profiles" else {}
    row = run_of(browser.post(form(connection, name), {"profiles": told, **more, "dry": "1"}))
    assert json.loads(row.given)["profiles"] == people


def test_a_file_is_uploaded_under_its_own_name(browser: Client, sandbox: Sandbox, connection: Connection) -> None:
    upload = SimpleUploadedFile("cup.png", base64.b64decode(PNG), "image/png")
    row = run_of(browser.post(form(connection, "upload_image"), {"file": upload, "dry": "1"}))
    assert json.loads(row.given)["name"] == "cup"
    assert "/api/image-upload" in row.answered
    large = SimpleUploadedFile("cup.png", b"\x89PNG\r\n\x1a\n" + b"0" * (5 * 1024 * 1024), "image/png")
    answer = browser.post(form(connection, "upload_image"), {"file": large, "run": "1"})
    assert wrong_at(answer) == {"file": "The file is larger than 5 MB."}


# Forms that are too large for the site's usual ones


def test_very_many_people_are_taken_from_a_form(browser: Client, connection: Connection) -> None:
    people = [{"email": f"p{number}@{'a' * 60}.example", "channels": ["email"]} for number in range(30_000)]
    typed = urlencode({"profiles": json.dumps(people), "opt_in": "", "dry": "1"})
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < len(typed) < LARGEST
    answer = browser.generic("POST", form(connection, "subscribe_profiles"), typed, FORM)
    assert answer.status_code == 400
    assert wrong_at(answer) == {"opt_in": "This is required."}
    assert "p29999@" in answer.content.decode()  # what was typed is there still


@pytest.mark.parametrize("name", ["bulk_import_profiles", "upload_image"])
def test_what_is_larger_than_any_form_is_told_in_a_sentence(browser: Client, connection: Connection, name: str) -> None:
    address, told = form(connection, name), "x" * 7_500_000
    if name == "upload_image":
        answer = browser.post(address, {"file.kept": told, "run": "1"})
    else:
        answer = browser.generic("POST", address, urlencode({"profiles": told, "run": "1"}), FORM)
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert "so it was not read, and nothing was run." in words(browser.get(address))
    assert not ActionRun.objects.exists()


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_form_without_its_token_is_refused_whatever_its_size(connection: Connection, size: int) -> None:
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(User.objects.get(username="operator"))
    typed = urlencode({"profiles": "x" * size, "run": "1"})
    assert stranger.generic("POST", form(connection, "bulk_import_profiles"), typed, FORM).status_code == 403
    assert not ActionRun.objects.exists()


# Finding the account's things


def test_a_list_beyond_the_first_page_is_found_by_its_name(browser: Client, connection: Connection) -> None:
    for number in range(11):
        a_list(connection, f"List {number}")
    wanted = a_list(connection)
    typed = {"list_id": "weekly", "email": BEN}
    found = browser.post(form(connection, "add_profile_to_list"), {**typed, "find": "list_id"})
    assert f'value="list_id={wanted}"' in found.content.decode()
    assert f'value="{BEN}"' in found.content.decode()
    alone = browser.post(form(connection, "add_profile_to_list"), {**typed, "find": "list_id", "fragment": "1"})
    assert alone.content.count(b"<li>") == 1
    taken = browser.post(form(connection, "add_profile_to_list"), {**typed, "take": f"list_id={wanted}"})
    assert f'value="{wanted}"' in taken.content.decode()
    assert "Weekly letter" in words(taken)


def test_whoever_types_a_name_means_the_id(browser: Client, sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN)])
    wanted = a_list(connection)
    typed = {"list_id": "weekly LETTER", "email": BEN, "run": "1"}
    row = run_of(browser.post(form(connection, "add_profile_to_list"), typed))
    assert (row.outcome, json.loads(row.given)["list_id"]) == ("success", wanted)
    answer = browser.post(form(connection, "add_profile_to_list"), {**typed, "list_id": "Monthly letter"})
    assert wrong_at(answer) == {"list_id": "Nothing in the account is called just that. Choose one."}


def test_several_are_chosen_one_after_the_other(browser: Client, connection: Connection) -> None:
    one, two = a_list(connection, "One"), a_list(connection, "Two")
    address = form(connection, "create_campaign")
    browser.post(address, {"included": "", "find": "included"})
    first = browser.post(address, {"included": "On", "take": f"included={one}"})
    assert f"{one}</textarea>" in first.content.decode()
    both = browser.post(address, {"included": f"{one}\n", "take": f"included={two}"})
    assert f"{one}\n{two}</textarea>" in both.content.decode()


# Trying and running


def test_a_dry_run_shows_the_requests_and_sends_nothing(browser: Client, sent: Sent, connection: Connection) -> None:
    before = len(sent())
    row = run_of(browser.post(form(connection, "add_profile_to_list"), {"list_id": "Y6n", "email": BEN, "dry": "1"}))
    assert len(sent()) == before
    said = words(browser.get(f"{RUNS}{row.pk}/"))
    for part in ("Nothing was sent. 2 requests would go", "get_profiles", "lists:write profiles:write", "Run it"):
        assert part in said
    assert row.is_dry


def test_what_was_tried_is_run_from_there(browser: Client, sandbox: Sandbox, connection: Connection) -> None:
    dry = run_of(browser.post(form(connection, "create_list"), {"name": "Fans", "dry": "1"}))
    row = run_of(browser.post(form(connection, "create_list"), {"of": dry.pk, "once": "a", "run": "1"}))
    assert (row.is_dry, row.outcome, row.given) == (False, "success", dry.given)


def test_a_form_sent_twice_is_run_once_and_anew_where_it_says_something_else(
    browser: Client, connection: Connection
) -> None:
    typed = {"name": "Fans", "once": "a-form", "run": "1"}
    first, second = (run_of(browser.post(form(connection, "create_list"), typed)) for _ in range(2))
    assert first == second
    third = run_of(browser.post(form(connection, "create_list"), {**typed, "name": "Friends"}))
    assert third != first
    fourth = run_of(browser.post(form(connection, "create_list"), {**typed, "once": "another-form"}))
    assert fourth not in (first, third)


def test_whoever_goes_back_finds_what_was_run_and_does_not_run_it_twice(
    browser: Client, connection: Connection
) -> None:
    address = form(connection, "create_list")
    assert 'value="Newsletter"' in browser.get(address).content.decode()
    row = run_of(browser.post(address, {"name": "Fans", "once": "a-form", "run": "1"}))
    back = browser.get(f"{address}?form=a-form").content.decode()
    assert 'value="Fans"' in back
    assert f"{RUNS}{row.pk}/" in back
    assert 'name="once" value="a-form"' in back
    assert "This form was run" not in browser.get(f"{address}?form=another").content.decode()


def test_the_button_names_the_account(browser: Client, connection: Connection) -> None:
    assert f"Run in {connection.account_name}" in words(browser.get(form(connection, "create_list")))


def test_of_several_accounts_none_is_chosen(browser: Client, connection: Connection) -> None:
    columns = {"provider": "klaviyo", "state": connection.state, "account_name": "Cup House"}
    Connection.objects.create(account_id="OTHER1", **columns)
    answer = browser.get(ACTIONS)
    assert "In which account?" in words(answer)
    assert "create_list" not in answer.content.decode()
    assert "create_list" in browser.get(f"{ACTIONS}?connection={connection.pk}").content.decode()


def test_one_word_that_is_a_name_is_looked_up(browser: Client, connection: Connection) -> None:
    wanted = a_list(connection, "Friends")
    row = run_of(browser.post(form(connection, "get_list"), {"list_id": "friends", "run": "1"}))
    assert json.loads(row.given)["list_id"] == wanted


def test_a_run_is_told_in_words_with_its_requests_and_as_copies(
    browser: Client, sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN)])
    list_id = a_list(connection)
    typed = {"list_id": list_id, "email": BEN, "run": "1"}
    row = run_of(browser.post(form(connection, "add_profile_to_list"), typed))
    answer = browser.get(f"{RUNS}{row.pk}/")
    said = words(answer)
    for part in (
        "Success",
        "Klaviyo took it.",
        *row.request_ids,
        f"/api/lists/{list_id}/relationships/profiles",
        "204",
    ):
        assert part in said, part
    assert "manage.py klaviyo add_profile_to_list" in said
    assert "Bearer $TOKEN" in said
    assert "actions.run(" in said
    assert "no-store" in answer["Cache-Control"]
    again = browser.get(f"{form(connection, 'add_profile_to_list')}?again={row.pk}").content.decode()
    assert f'value="{BEN}"' in again
    assert f'value="{list_id}"' in again


def test_no_secret_is_shown_or_filled_in_again(browser: Client, connection: Connection) -> None:
    secret = "a long secret of ours"
    typed = {"name": "Ours", "endpoint_url": "https://shop.example/h", "secret_key": secret, "topics": "x", "dry": "1"}
    row = run_of(browser.post(form(connection, "create_webhook"), typed))
    for address in (f"{RUNS}{row.pk}/", f"{form(connection, 'create_webhook')}?again={row.pk}"):
        assert secret not in browser.get(address).content.decode()


def test_what_is_destroyed_is_named_with_its_people_and_asked_for(
    browser: Client, sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN)])
    list_id = a_list(connection)
    actions.run("add_profile_to_list", connection, list_id=list_id, email=BEN)
    typed = {"list_id": list_id, "once": "a", "run": "1"}
    sent_there = browser.post(form(connection, "delete_list"), typed)
    assert sent_there.status_code == 302
    asked = browser.get(sent_there["Location"])
    for part in ("Delete list?", "gone for good", "Weekly letter", "1 person"):
        assert part in words(asked), part
    assert [one.method for one in sent() if one.method == "DELETE"] == []
    assert not ActionRun.objects.filter(action="delete_list", is_dry=False).exists()
    back = browser.post(form(connection, "delete_list"), {"list_id": list_id, "back": "1"})
    assert f'value="{list_id}"' in back.content.decode()
    once = re.search(r'name="once" hidden>\s*([\w-]+)', asked.content.decode())
    assert once
    row = run_of(browser.post(form(connection, "delete_list"), {**typed, "sure": "yes", "once": once[1]}))
    assert run_of(browser.get(sent_there["Location"])) == row
    assert row.outcome == "success"
    assert [one.method for one in sent() if one.method == "DELETE"] == ["DELETE"]


def test_the_question_asks_nobody_however_often_it_is_shown(
    browser: Client, sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN), SeedProfile(CID)])
    list_id = a_list(connection)
    actions.run("add_profile_to_list", connection, list_id=list_id, email=BEN)
    question = browser.post(form(connection, "delete_list"), {"list_id": list_id, "run": "1"})["Location"]
    actions.run("add_profile_to_list", connection, list_id=list_id, email=CID)
    before = len(sent())
    for _ in range(2):
        assert "1 person" in words(browser.get(question))
    assert len(sent()) == before
    tried = question.partition("sure=")[2]
    again = browser.post(form(connection, "delete_list"), {"anew": tried, "list_id": "Another"})
    assert again["Location"] == question
    assert len(sent()) > before
    assert "2 people" in words(browser.get(question))


def test_the_question_is_asked_also_where_nothing_was_read(browser: Client, sent: Sent, connection: Connection) -> None:
    list_id = a_list(connection)
    question = browser.post(form(connection, "delete_list"), {"list_id": list_id, "run": "1"})["Location"]
    row = ActionRun.objects.get(pk=question.partition("sure=")[2])
    row.answered = "{}"
    row.save()
    before = len(sent())
    said = words(browser.get(question))
    assert (list_id in said, "are not read" in said, len(sent()) - before) == (True, True, 0)
    browser.post(form(connection, "delete_list"), {"anew": str(row.pk)})
    assert "Weekly letter" in words(browser.get(question))


def test_nothing_is_read_into_a_question_about_somebody_who_was_erased(
    browser: Client, operator: User, sandbox: Sandbox, connection: Connection
) -> None:
    ben, cid = sandbox.put_profiles(TEA, [SeedProfile(BEN), SeedProfile(CID)])
    typed = {"klaviyo_id": ben, "from_id": cid, "run": "1"}
    question = browser.post(form(connection, "merge_profiles"), typed)["Location"]
    assert BEN in words(browser.get(question))
    erase.erase(BEN, operator)
    row = ActionRun.objects.get(pk=question.partition("sure=")[2])
    assert (row.given, row.answered) == ("", "")
    assert BEN not in words(browser.get(question))


def test_what_cannot_be_counted_is_asked_all_the_same(browser: Client, connection: Connection) -> None:
    said = words(browser.post(form(connection, "delete_list"), {"list_id": "Nobody", "run": "1"}, follow=True))
    assert "Nobody" in said
    assert "does not exist" in said


def test_the_log_says_who_did_what_and_nothing_of_a_person(browser: Client, connection: Connection) -> None:
    run_of(browser.post(form(connection, "upsert_profile"), {"email": BEN, "run": "1"}))
    run_of(browser.post(form(connection, "list_lists"), {"run": "1"}))
    run_of(browser.post(form(connection, "create_list"), {"name": "x", "dry": "1"}))
    raw = {"operation": "get_profile", "path": '{"id": "01ABC"}', "run": "1"}
    run_of(browser.post(form(connection, "raw_request"), raw))
    said = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
    assert [one.split(":")[0].split(" (")[0] for one in said] == ["Ran the action upsert_profile", "Made a raw request"]
    assert "GET, get_profile, " in said[1]
    assert BEN not in str(said)


# Who may


def test_each_permission_opens_its_own_part(connection: Connection) -> None:
    browser = somebody("run_action")
    assert browser.get(form(connection, "list_lists")).status_code == 200
    assert browser.get(form(connection, "raw_request")).status_code == 403
    assert browser.post(form(connection, "raw_request"), {"operation": "get_lists", "run": "1"}).status_code == 403
    assert "raw_request" not in browser.get(ACTIONS).content.decode()
    assert browser.get(RUNS).status_code == 403
    own = run_of(browser.post(form(connection, "list_lists"), {"run": "1"}))
    assert browser.get(f"{RUNS}{own.pk}/").status_code == 200
    actions.run("get_profiles", connection, email=BEN)
    other = ActionRun.objects.get(action="get_profiles")
    assert browser.get(f"{RUNS}{other.pk}/").status_code == 403
    assert BEN not in browser.get(f"{form(connection, 'get_profiles')}?again={other.pk}").content.decode()


def test_raw_requests_are_for_whoever_may_make_them(connection: Connection) -> None:
    browser = somebody("use_raw_request")
    assert browser.get(form(connection, "list_lists")).status_code == 403
    run_of(browser.post(form(connection, "raw_request"), {"operation": "get_lists", "run": "1"}))
    assert re.findall(rf"/{connection.pk}/(\w+)/", browser.get(ACTIONS).content.decode()) == ["raw_request"]


def test_who_only_looks_cannot_run(connection: Connection) -> None:
    browser = somebody("view_actionrun")
    actions.run("list_lists", connection)
    row = ActionRun.objects.get()
    assert "Again" not in words(browser.get(f"{RUNS}{row.pk}/"))
    assert browser.get(form(connection, "list_lists")).status_code == 403
    assert browser.post(form(connection, "list_lists"), {"run": "1"}).status_code == 403


@pytest.mark.parametrize("name", ["make_coffee", "list-lists"])
def test_an_action_that_there_is_not_is_not_found(browser: Client, connection: Connection, name: str) -> None:
    assert browser.get(form(connection, name)).status_code == 404
    assert browser.get(f"{ACTIONS}999/list_lists/").status_code == 404
    assert browser.get(f"{form(connection, 'list_lists')}?again=nothing").status_code == 200


# Runs on record


def test_runs_are_filtered_and_paged(
    browser: Client, operator: User, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action_runs, "PAGE", 2)
    for number in range(5):
        actions.run("create_list", connection, How(dry=number == 4), name=f"List {number}")
    actions.run("get_list", connection, How(by=By("page", operator)), list_id="Nobody")
    seen, address = [], RUNS
    while address:
        answer = browser.get(address)
        seen += re.findall(r"runs/([0-9a-f-]{36})/", answer.content.decode())
        older = re.search(r'href="(\?[^"]*before=[^"]*)" rel="next"', answer.content.decode())
        address = f"{RUNS}{older[1].replace('&amp;', '&')}" if older else ""
    assert seen == [str(run.pk) for run in ActionRun.objects.order_by("-began_at", "-pk")]
    newer = browser.get(f"{RUNS}?after={seen[-1]}").content.decode()
    assert re.findall(r"runs/([0-9a-f-]{36})/", newer) == seen[-3:-1]
    for query, count in (
        ("outcome=failure", 1),
        ("outcome=dry", 1),
        (f"who=u{operator.pk}", 1),
        ("who=page", 1),
        ("action=get_list", 1),
        (f"connection={connection.pk}&action=get_list", 1),
        (f"connection={connection.pk + 1}", 0),
        ("since=2030-01-01", 0),
        ("since=2020-01-01&who=t:Till", 0),
        ("since=0&before=x&after=%00&who=u&outcome=odd", 2),
    ):
        found = re.findall(r"runs/([0-9a-f-]{36})/", browser.get(f"{RUNS}?{query}").content.decode())
        assert len(found) == count, query


def test_a_list_of_runs_takes_few_queries(browser: Client, operator: User, connection: Connection) -> None:
    counts = []
    for number in (1, 8):
        for _ in range(number):
            actions.run("list_lists", connection, How(by=By("page", operator)))
        with CaptureQueriesContext(database) as captured:
            assert browser.get(RUNS).status_code == 200
        counts.append(len(captured))
        assert not any("exchanged" in query["sql"] for query in captured.captured_queries)
    assert counts[0] == counts[1] <= MOST_QUERIES, counts


def test_what_is_forgotten_says_so(browser: Client, connection: Connection) -> None:
    actions.run("get_profiles", connection, email=BEN)
    row = ActionRun.objects.get()
    ActionRun.objects.update(given_sealed="", answered_sealed="", exchanged_sealed="")
    said = words(browser.get(f"{RUNS}{row.pk}/"))
    assert "What was given and answered is forgotten." in said
    assert "not_found" in said
    assert BEN not in said
    assert browser.get(f"{form(connection, 'get_profiles')}?again={row.pk}").status_code == 200


def test_a_run_under_way_says_so(browser: Client, connection: Connection) -> None:
    actions.run("list_lists", connection)
    row = ActionRun.objects.get()
    ActionRun.objects.update(state="under_way", outcome="")
    said = words(browser.get(f"{RUNS}{row.pk}/"))
    assert "It has begun, and is not over yet." in said


def test_a_persons_page_has_a_line_for_each_run(browser: Client, connection: Connection) -> None:
    actions.run("upsert_profile", connection, email=BEN)
    actions.run("list_lists", connection)
    said = browser.post("/admin/klaviyo/people/", {"email": BEN.upper()}).content.decode()
    assert re.findall(r"runs/([0-9a-f-]{36})/", said) == [str(ActionRun.objects.get(action="upsert_profile").pk)]
    reader = somebody("view_send")
    assert "actions/runs/" not in reader.post("/admin/klaviyo/people/", {"email": BEN}).content.decode()


def test_an_answer_begins_with_what_it_is_known_by(browser: Client, connection: Connection) -> None:
    row = run_of(browser.post(form(connection, "create_list"), {"name": "Fans", "run": "1"}))
    found = action_runs.contents(row).facts
    assert [name for name, _ in found[:3]] == ["id", "name", "created"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", found[2][1])
    assert not any("link" in name for name, _ in found)
    assert row.began_at.strftime(":%S UTC</time>") in browser.get(RUNS).content.decode()


def test_a_list_goes_on_from_its_page(browser: Client, sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(12)])
    row = run_of(browser.post(form(connection, "list_lists"), {"limit": "10", "run": "1"}))
    said = words(browser.get(f"{RUNS}{row.pk}/"))
    assert "10, and there are more" in said
    assert "Go on from there" in said
    rest = run_of(browser.post(form(connection, "list_lists"), {"of": row.pk, "on": "1", "once": "b", "run": "1"}))
    first, second = ({item["id"] for item in json.loads(one.answered)["data"]["items"]} for one in (row, rest))
    assert first.isdisjoint(second)
    assert len(first | second) == len(sandbox.lists(TEA))
    assert "Go on from there" not in words(browser.get(f"{RUNS}{rest.pk}/"))


def test_a_form_takes_other_names_and_refuses_those_that_there_are_not(
    browser: Client, sandbox: Sandbox, connection: Connection
) -> None:
    [wanted] = sandbox.put_lists(TEA, [SeedList("Fans")])
    row = run_of(browser.post(form(connection, "get_list"), {"klaviyo_list_id": wanted, "run": "1"}))
    assert json.loads(row.given)["list_id"] == wanted
    wrong = {"list_id": wanted, "lst_id": wanted, "run": "1"}
    assert "did you mean list_id?" in words(browser.post(form(connection, "get_list"), wrong))
