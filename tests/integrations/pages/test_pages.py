"""The operators' pages: their content, their permissions, and that only a POST changes anything."""

import itertools
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery, Revocation
from integrations.pages import search_range
from integrations.providers import Provider
from tests.integrations.operators import told as messages_of

State = Delivery.State
PAGES = "/admin/integrations/"
DELIVERIES = f"{PAGES}deliveries/"
RETRY = f"{DELIVERIES}retry"


@pytest.fixture
def tea_room(db: None, provider: Provider) -> Connection:
    return a_connection("A1", "Ann's Tea Room")


def a_connection(account: str, name: str, **fields: Any) -> Connection:
    known = {"state": Connection.State.CONNECTED, "scopes": "tea:read tea:write", "refreshed_at": timezone.now()}
    return Connection.objects.create(provider="teapot", account_id=account, account_name=name, **known | fields)


def a_delivery(connection: Connection, state: Delivery.State = State.ACCEPTED, **fields: Any) -> Delivery:
    settled = None if state in Delivery.OPEN else timezone.now()
    known: dict[str, Any] = {"kind": "event", "options": {"metric": "invite_sent"}, "subject": "ann@example.com"}
    known |= {"occurred_at": timezone.now(), "state": state, "settled_at": settled, "key": str(uuid.uuid4())}
    return Delivery.objects.create(connection=connection, **known | fields)


def signed_in_with(*permissions: str) -> Client:
    """Somebody of the staff who may do just that."""
    user = User.objects.create_user(uuid.uuid4().hex, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def state_of(delivery: Delivery) -> str:
    return Delivery.objects.get(pk=delivery.pk).state


def test_a_provider_without_connections_invites_to_connect(browser: Client, provider: Provider) -> None:
    page = text(browser, f"{PAGES}teapot/")
    assert "No Teapot account is connected" in page
    assert "Enable Teapot" in page


def test_a_provider_page_shows_accounts_stores_and_the_worst_problem(browser: Client, tea_room: Connection) -> None:
    a_connection("B2", "Coffee Corner", state="reconnect", problem="The provider refused us.")
    page = text(browser, f"{PAGES}teapot/")
    assert "Coffee Corner</bdi> must be connected again." in page
    assert page.index("Coffee Corner") < page.index("Ann&#x27;s Tea Room")
    assert "Ann&#x27;s shop" in page
    assert reverse("integrations:reconnect", args=[Connection.objects.get(account_id="B2").pk]) in page


def test_a_connection_page_says_what_waits_and_why_each_scope_is_asked_for(
    browser: Client, tea_room: Connection
) -> None:
    tea_room.scopes = "tea:read"
    tea_room.save()
    a_delivery(tea_room, State.HELD, reason_code="list_gone", reason="The list is gone.")
    page = text(browser, f"{PAGES}{tea_room.pk}/")
    assert "List gone" in page
    assert "to brew" in page
    assert "Scopes missing" in page


def test_a_pending_revocation_is_said(browser: Client, tea_room: Connection) -> None:
    Revocation.objects.create(connection=tea_room, gives_up_at=timezone.now())
    assert "Revocation pending" in text(browser, f"{PAGES}{tea_room.pk}/")


def test_no_page_of_connections_shows_a_person(browser: Client, tea_room: Connection) -> None:
    a_delivery(tea_room, State.FAILED, reason="It was refused.", subject="ben@example.com")
    for address in ("/admin/", f"{PAGES}teapot/", f"{PAGES}{tea_room.pk}/"):
        assert "ben@example.com" not in text(browser, address)


def test_check_now_asks_the_provider_and_tells_the_answer(browser: Client, tearoom: Connection) -> None:
    response = browser.post(f"{PAGES}{tearoom.pk}/check")
    assert "right account" in messages_of(response)
    assert tearoom.health_checks.get().passed


def test_whoever_may_only_look_has_nobody_asked(tearoom: Connection) -> None:
    looking = signed_in_with("view_connection", "view_delivery")
    page = f"{PAGES}{tearoom.pk}/"
    assert "Test connection<" not in looking.get(page).content.decode()
    assert looking.post(f"{page}check").status_code == 403
    assert not tearoom.health_checks.exists()


def test_check_now_asks_nobody_for_a_disconnected_account(browser: Client, tea_room: Connection) -> None:
    Connection.objects.update(state=Connection.State.DISCONNECTED)
    response = browser.post(f"{PAGES}{tea_room.pk}/check")
    assert "disconnected" in messages_of(response)
    assert not tea_room.health_checks.exists()


def test_deliveries_are_found_by_each_filter(browser: Client, tea_room: Connection) -> None:
    corner = a_connection("B2", "Coffee Corner")
    wanted = a_delivery(corner, State.FAILED, subject="ben@example.com", reason_code="odd", options={"metric": "visit"})
    a_delivery(tea_room)
    today = timezone.now().date().isoformat()
    for query in (
        "state=failed",
        "reason=odd",
        f"connection={corner.pk}",
        "what=event:visit",
        f"of={wanted.pk}",
        f"state=failed&since={today}&until={today}",
        "state=failed&settled=day",
    ):
        found = browser.get(f"{DELIVERIES}?{query}").context["page"].rows
        assert [row.delivery for row in found] == [wanted], query


def test_a_search_without_an_index_looks_no_further_than_it_says(
    browser: Client, tea_room: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_range, "FARTHEST", 10)
    old = a_delivery(tea_room, reason_code="odd")
    recent = [a_delivery(tea_room) for _ in range(20)]
    page = browser.get(f"{DELIVERIES}?reason=odd")
    assert not page.context["page"].rows
    assert b"were looked through" in page.content
    found = browser.get(f"{DELIVERIES}?reason=odd&of={old.pk}")
    assert [row.delivery for row in found.context["page"].rows] == [old]
    assert b"were looked through" not in found.content
    assert len(browser.get(DELIVERIES).context["page"].rows) == 1 + len(recent)


def test_days_of_long_ago_are_found_however_much_came_since(
    browser: Client, tea_room: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_range, "FARTHEST", 10)
    rows = [a_delivery(tea_room) for _ in range(40)]
    for age, row in enumerate(reversed(rows)):
        Delivery.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=age))
    day = (timezone.now() - timedelta(days=30)).date().isoformat()
    found = browser.get(f"{DELIVERIES}?since={day}&until={day}").context["page"].rows
    assert [row.delivery for row in found] == [rows[-31]]


@pytest.mark.parametrize("newest", [1, 2, 7, 30, 999, 1000, 1001, 70_000, 27_000_000])
def test_the_ends_of_a_range_are_found_in_three_queries(newest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    began, asked = datetime(2026, 1, 1, tzinfo=UTC), []

    def made_at(places: Sequence[int]) -> dict[int, datetime]:
        asked.append(places)
        return {place: began + timedelta(seconds=place) for place in places}

    monkeypatch.setattr(search_range, "_made_at", made_at)
    wanted = sorted({0, 1, newest // 3, newest - 1, newest})
    for first, last in itertools.product(wanted, repeat=2):
        asked.clear()
        moments = [began + timedelta(seconds=id) for id in (first, last)]
        found = search_range._ids_at(moments, newest)
        assert [found[moment] for moment in moments] == [first, last]
        assert len(asked) <= 3


@pytest.mark.parametrize(
    "query",
    [
        "state=nonsense",
        "connection=x",
        "connection=99999999999999999999999",
        "since=2026-13-45",
        "until=9999-12-31",
        "since=0001-01-01",
        "before=x",
        "after=99999999999999999999",
        "person=%00",
        "what=::",
        "page=0",
        "of=x",
        "of=0",
        "of=99999999999999999999",
        "of=٣",
    ],
)
def test_an_odd_address_is_no_error(browser: Client, tea_room: Connection, query: str) -> None:
    a_delivery(tea_room)
    text(browser, f"{DELIVERIES}?{query}")


def test_a_persons_address_is_found_and_stays_out_of_the_address_bar(browser: Client, tea_room: Connection) -> None:
    theirs = [a_delivery(tea_room, subject="ben@example.com") for _ in range(2)]
    a_delivery(tea_room, subject="cid@example.com")
    answer = browser.post(DELIVERIES, {"person": " BEN@example.com ", "state": "accepted"})
    assert answer["Location"] == f"{DELIVERIES}?state=accepted&of={theirs[1].pk}"
    found = browser.get(answer["Location"])
    assert [row.delivery for row in found.context["page"].rows] == theirs[::-1]
    assert b'value="ben@example.com"' in found.content
    for address in (answer["Location"], f"{DELIVERIES}{theirs[0].pk}/"):
        for link in re.findall(r'(?:href|action)="([^"]+)"', text(browser, address)):
            assert "@" not in link, (address, link)
            assert "%40" not in link, (address, link)
    assert f"{DELIVERIES}?of={theirs[0].pk}" in text(browser, f"{DELIVERIES}{theirs[0].pk}/")


def test_an_address_in_the_address_bar_is_not_read(browser: Client, tea_room: Connection) -> None:
    rows = [a_delivery(tea_room, subject=subject) for subject in ("ben@example.com", "cid@example.com")]
    page = browser.get(f"{DELIVERIES}?person=ben@example.com")
    assert [row.delivery for row in page.context["page"].rows] == rows[::-1]
    assert b'value="ben@example.com"' not in page.content


def test_whom_no_delivery_is_about_is_said_to_be_one(browser: Client, tea_room: Connection) -> None:
    erased = a_delivery(tea_room, subject="")
    a_delivery(tea_room)
    answer = browser.post(DELIVERIES, {"person": "nobody@example.com"})
    assert "Nothing was ever sent about this address" in text(browser, answer["Location"])
    assert not browser.get(f"{DELIVERIES}?of={erased.pk}").context["page"].rows
    assert browser.post(DELIVERIES, {"state": "failed", "of": erased.pk})["Location"] == f"{DELIVERIES}?state=failed"


def test_a_button_keeps_to_the_person_who_was_shown(browser: Client, tea_room: Connection) -> None:
    theirs, other = (a_delivery(tea_room, State.FAILED, subject=f"{name}@example.com") for name in ("ben", "cid"))
    assert f'name="of" value="{theirs.pk}"' in text(browser, f"{DELIVERIES}?state=failed&of={theirs.pk}")
    browser.post(RETRY, {"all": "1", "state": "failed", "of": theirs.pk})
    assert [state_of(theirs), state_of(other)] == ["queued", "failed"]


def test_older_ones_are_offered_only_where_there_are_some(browser: Client, tea_room: Connection) -> None:
    rows = [a_delivery(tea_room) for _ in range(60)]
    assert browser.get(f"{DELIVERIES}?after=0").context["page"].older is None
    assert browser.get(f"{DELIVERIES}?after={rows[0].pk}").context["page"].older == rows[1].pk
    assert browser.get(f"{DELIVERIES}?after={rows[-1].pk}").context["page"].older is None


def test_paging_goes_by_ids_there_and_back(browser: Client, tea_room: Connection) -> None:
    rows = [a_delivery(tea_room) for _ in range(120)]
    first = browser.get(DELIVERIES).context["page"]
    second = browser.get(f"{DELIVERIES}?before={first.older}").context["page"]
    third = browser.get(f"{DELIVERIES}?before={second.older}").context["page"]
    back = browser.get(f"{DELIVERIES}?after={third.newer}").context["page"]
    shown = [row.delivery.pk for page in (first, second, third) for row in page.rows]
    assert shown == sorted((row.pk for row in rows), reverse=True)
    assert [row.delivery.pk for row in back.rows] == [row.delivery.pk for row in second.rows]
    assert (first.newer, third.older) == (None, None)


def test_a_story_tells_the_attempts_the_decision_and_what_comes_next(browser: Client, tea_room: Connection) -> None:
    evidence = {"allowed": False, "sentence": "The person has unsubscribed.", "policy": "not_opted_out"}
    evidence["evidence"] = {"consent": "UNSUBSCRIBED", "suppression": [{"reason": "USER_SUPPRESSED"}]}
    row = a_delivery(tea_room, State.QUEUED, evidence=evidence, body={"data": {"name": "Żółć"}})
    known: dict[str, Any] = {"connection": tea_room, "operation": "create_event", "started_at": timezone.now()}
    answered = Attempt.objects.create(
        **known, finished_at=timezone.now(), status=503, code="unavailable", request_id="abc-1"
    )
    row.attempts.add(answered, Attempt.objects.create(**known))
    page = text(browser, f"{DELIVERIES}{row.pk}/")
    for words in (
        " error 503",
        "abc-1",
        "The outcome is unknown",
        "unsubscribed",
        "USER_SUPPRESSED",
        "Żółć",
        "Not allowed",
    ):
        assert words in page


@pytest.mark.parametrize("evidence", [None, {}, [], "x", {"allowed": 1, "evidence": []}])
def test_evidence_in_any_shape_is_no_error(browser: Client, tea_room: Connection, evidence: Any) -> None:
    row = a_delivery(tea_room, State.SKIPPED, evidence=evidence)
    text(browser, f"{DELIVERIES}{row.pk}/")


def test_chosen_deliveries_are_queued_again_and_accepted_ones_are_left_alone(
    browser: Client, tea_room: Connection
) -> None:
    failed, accepted, other = (
        a_delivery(tea_room, State.FAILED),
        a_delivery(tea_room),
        a_delivery(tea_room, State.FAILED),
    )
    browser.post(RETRY, {"delivery": [failed.pk, accepted.pk, "x", "9" * 30]})
    assert [state_of(row) for row in (failed, accepted, other)] == ["queued", "accepted", "failed"]


def test_an_incident_is_retried_as_a_whole_and_nothing_else(browser: Client, tea_room: Connection) -> None:
    same = [a_delivery(tea_room, State.FAILED, reason_code="odd") for _ in range(3)]
    another = a_delivery(tea_room, State.FAILED, reason_code="even")
    held = a_delivery(tea_room, State.HELD, reason_code="odd")
    page = text(browser, f"{DELIVERIES}?state=failed")
    assert "Retry all 3" in page
    browser.post(RETRY, {"all": "1", "state": "failed", "connection": tea_room.pk, "reason": "odd"})
    assert [state_of(row) for row in (*same, another, held)] == ["queued"] * 3 + ["failed", "held"]


def test_retrying_all_without_a_state_never_touches_what_was_skipped(browser: Client, tea_room: Connection) -> None:
    skipped = a_delivery(tea_room, State.SKIPPED, reason_code="unsubscribed")
    browser.post(RETRY, {"all": "1"})
    assert state_of(skipped) == "skipped"


def test_after_a_retry_nobody_is_sent_to_another_site(browser: Client, tea_room: Connection) -> None:
    for back in ("https://evil.example/", "//evil.example/", "\\\\evil.example"):
        assert browser.post(RETRY, {"back": back})["Location"] == DELIVERIES


@pytest.mark.parametrize(
    ("address", "permission"),
    [
        ("", "view_connection"),
        ("teapot/", "view_connection"),
        ("{connection}/", "view_connection"),
        ("deliveries/", "view_delivery"),
        ("deliveries/{delivery}/", "view_delivery"),
    ],
)
def test_each_page_needs_its_permission(tea_room: Connection, address: str, permission: str) -> None:
    row = a_delivery(tea_room)
    address = PAGES + address.format(connection=tea_room.pk, delivery=row.pk)
    refused = signed_in_with("view_user").get(address)
    assert refused.status_code == 403
    assert b"You may not see this page" in refused.content
    assert signed_in_with(permission).get(address).status_code == 200
    assert Client().get(address).status_code == 302


def test_whoever_only_looks_sees_no_buttons_and_may_not_press_them(tea_room: Connection) -> None:
    failed = a_delivery(tea_room, State.FAILED)
    looker = signed_in_with("view_connection", "view_delivery")
    for address in (
        f"{PAGES}teapot/",
        f"{PAGES}{tea_room.pk}/",
        f"{DELIVERIES}?state=failed",
        f"{DELIVERIES}{failed.pk}/",
    ):
        page = text(looker, address)
        for words in ("Add connection", ">Reconnect<", ">Disconnect<", "Retry"):
            assert words not in page, (address, words)
    assert looker.post(RETRY, {"delivery": failed.pk}).status_code == 403
    assert state_of(failed) == "failed"


def test_whoever_may_not_see_deliveries_gets_no_links_to_them(tea_room: Connection) -> None:
    a_delivery(tea_room, State.FAILED)
    looker = signed_in_with("view_connection")
    for address in ("/admin/", f"{PAGES}teapot/", f"{PAGES}{tea_room.pk}/"):
        assert DELIVERIES not in text(looker, address)


def test_looking_changes_nothing_and_only_a_post_acts(browser: Client, tea_room: Connection) -> None:
    failed = a_delivery(tea_room, State.FAILED)
    before = list(Delivery.objects.values()), list(Connection.objects.values())
    for address in ("", "teapot/", f"{tea_room.pk}/", "deliveries/?state=failed", f"deliveries/{failed.pk}/"):
        text(browser, PAGES + address)
    assert browser.get(RETRY).status_code == 405
    assert browser.get(f"{PAGES}{tea_room.pk}/check").status_code == 405
    assert (list(Delivery.objects.values()), list(Connection.objects.values())) == before


def test_a_retry_without_the_pages_token_is_refused_in_plain_words(staff: User, tea_room: Connection) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    response = strict.post(RETRY, {"all": "1"})
    assert response.status_code == 403
    assert b"open for too long" in response.content


def test_pages_carry_nothing_inline_and_ask_no_other_host(browser: Client, tea_room: Connection) -> None:
    failed = a_delivery(tea_room, State.FAILED)
    for address in ("/admin/", f"{PAGES}teapot/", f"{PAGES}{tea_room.pk}/", DELIVERIES, f"{DELIVERIES}{failed.pk}/"):
        page = text(browser, address)
        for inline in ("<style", " style=", "<script>", "onclick=", "http://", "https://"):
            assert inline not in page, (address, inline)


def test_a_connection_of_a_provider_that_is_gone_is_no_error(browser: Client, tea_room: Connection) -> None:
    orphan = a_connection("X", "Orphan")
    Connection.objects.filter(pk=orphan.pk).update(provider="kettle")
    text(browser, "/admin/")
    assert browser.get(f"{PAGES}{orphan.pk}/").status_code == 404


def test_home_says_when_nothing_needs_anybody(browser: Client, tea_room: Connection) -> None:
    assert "Nothing needs attention." in text(browser, "/admin/")
    a_delivery(tea_room, State.HELD, reason_code="list_gone", reason="The list is gone.")
    assert "Nothing needs attention." not in text(browser, "/admin/")


def test_the_navigation_shows_only_what_is_open_and_where_one_is(tea_room: Connection) -> None:
    page = text(signed_in_with("view_delivery"), DELIVERIES)
    navigation = page[page.index('aria-label="Main"') : page.index("</nav>")]
    assert '" aria-current="page">Deliveries' in navigation
    assert "Integrations" not in navigation
    assert "Users" not in navigation
    assert "Log out" in navigation


def test_a_page_that_is_not_there_says_so(browser: Client, provider: Provider) -> None:
    response = browser.get("/admin/nothing/here/")
    assert response.status_code == 404
    assert b"There is nothing here" in response.content


@pytest.mark.parametrize("state", list(State))
def test_each_delivery_says_what_it_means_who_can_change_it_and_what_to_do(
    browser: Client, tea_room: Connection, state: Delivery.State
) -> None:
    for code in ("", "not_confirmed", "odd_code"):
        page = text(browser, f"{DELIVERIES}{a_delivery(tea_room, state, reason_code=code).pk}/")
        meant = dict(re.findall(r"<dt>(What it means|Who can change it|What to do)</dt><dd>([^<]+)</dd>", page))
        assert len(meant) == 3, (state, code)


@pytest.mark.parametrize(
    ("account", "state", "code", "offered"),
    [
        ("connected", State.HELD, "list_gone", "Retry"),
        ("connected", State.HELD, "reconnect", "Reconnect"),
        ("reconnect", State.HELD, "reconnect", "Reconnect"),
        ("disconnected", State.FAILED, "odd_code", "Reconnect"),
        ("undecided", State.HELD, "undecided", "Decide"),
        ("connected", State.SKIPPED, "superseded", ""),
        ("connected", State.ACCEPTED, "", ""),
    ],
)
def test_a_delivery_offers_what_helps_it(
    browser: Client, tea_room: Connection, account: str, state: Delivery.State, code: str, offered: str
) -> None:
    row = a_delivery(tea_room, state, reason_code=code)
    Connection.objects.update(state=account)
    page = text(browser, f"{DELIVERIES}{row.pk}/")
    tools = page[page.index('<div class="head">') : page.index("What it means")]
    pressed = re.findall(r'class="btn primary"[^>]*>(.*?)</(?:a|button|summary)>', tools)
    assert pressed[:1] == ([offered] if offered else [])


def test_what_was_rightly_not_sent_has_no_green_button(browser: Client, tea_room: Connection) -> None:
    row = a_delivery(tea_room, State.SKIPPED, reason_code="sync_off")
    page = text(browser, f"{DELIVERIES}{row.pk}/")
    assert "Yes, send it again" in page
    assert "btn primary" not in page


def test_one_cause_is_one_row_over_all_accounts_and_only_what_can_go_is_counted(
    browser: Client, tea_room: Connection, provider: Provider
) -> None:
    lost = Connection.objects.create(provider=provider.slug, account_id="Lost", account_name="Lost", state="reconnect")
    for connection, count in ((tea_room, 2), (lost, 3)):
        for _ in range(count):
            a_delivery(connection, State.HELD, reason_code="list_gone", reason="The list is gone.")
    page = browser.get(f"{DELIVERIES}?state=held")
    [incident] = page.context["incidents"]
    assert (incident.count, incident.ready, incident.lost) == (5, 2, [lost])
    assert "Retry all 2" in page.content.decode()
    assert f'action="/admin/integrations/{lost.pk}/reconnect"' in page.content.decode()
    told = browser.post(f"{DELIVERIES}retry", {"all": "1", "state": "held", "reason": "list_gone"}, follow=True)
    assert [message.level_tag for message in told.context["messages"]] == ["success", "warning"]
    assert lost.deliveries.filter(state=State.HELD).count() == 3
    assert tea_room.deliveries.filter(state=State.QUEUED).count() == 2


def test_troubles_of_a_server_are_one_cause_whatever_their_status(browser: Client, tea_room: Connection) -> None:
    rows = [a_delivery(tea_room, State.FAILED, reason_code=f"http_{status}") for status in (500, 503, 503)]
    another = a_delivery(tea_room, State.FAILED, reason_code="odd")
    incidents = {one.title: one for one in browser.get(f"{DELIVERIES}?state=failed").context["incidents"]}
    assert {title: (one.count, one.connections) for title, one in incidents.items()} == {
        "Server in trouble": (3, [tea_room]),
        "Odd": (1, [tea_room]),
    }
    chosen = {"state": "failed", "reason": incidents["Server in trouble"].code}
    found = browser.get(DELIVERIES, chosen).context["page"].rows
    assert {row.delivery for row in found} == set(rows)
    browser.post(RETRY, {"all": "1", **chosen})
    assert [state_of(row) for row in (*rows, another)] == ["queued"] * 3 + ["failed"]


def test_what_waits_for_one_cause_is_one_row(browser: Client, tea_room: Connection) -> None:
    for status in (500, 503):
        a_delivery(tea_room, State.QUEUED, reason_code=f"http_{status}", next_try_at=timezone.now())
    page = text(browser, f"{PAGES}{tea_room.pk}/")
    assert page.count("Server in trouble") == 1
    [address] = re.findall(r'href="([^"]+reason=http[^"]+)">2</a>', page)
    assert len(browser.get(address.replace("&amp;", "&")).context["page"].rows) == 2


def test_each_word_is_offered_once_and_finds_it_of_every_kind(browser: Client, tea_room: Connection) -> None:
    rows = {a_delivery(tea_room, kind=kind, options={"metric": "invite_received"}) for kind in ("event", "email")}
    a_delivery(tea_room, kind="profile", options={})
    offered = browser.get(DELIVERIES).context["kinds"]
    assert [words for _, words in offered] == ["Invite received", "Profile"]
    shown = browser.get(DELIVERIES, {"what": offered[0][0]})
    assert {row.delivery for row in shown.context["page"].rows} == rows
    chosen = browser.get(DELIVERIES, {"what": "event:invite_received"}).context["kinds"]
    assert chosen == [("event:invite_received", "Invite received"), ("profile", "Profile")]


def test_what_was_not_confirmed_is_one_click_away(browser: Client, tea_room: Connection) -> None:
    row = a_delivery(tea_room, State.ACCEPTED, reason_code="not_confirmed", settled_at=timezone.now())
    a_delivery(tea_room, State.ACCEPTED, settled_at=timezone.now())
    page = text(browser, f"/admin/integrations/{tea_room.pk}/")
    [address] = set(re.findall(r'href="([^"]+)">Open these deliveries', page))
    shown = browser.get(address.replace("&amp;", "&")).context["page"].rows
    assert [one.delivery for one in shown] == [row]


def test_a_body_that_is_not_there_is_explained_truly(browser: Client, tea_room: Connection) -> None:
    waiting = a_delivery(tea_room, State.QUEUED, kind="event", subject="ann@example.com")
    gone = a_delivery(tea_room, State.ACCEPTED, kind="event", subject="ann@example.com")
    erased = a_delivery(tea_room, State.CANCELLED, kind="event", subject="", settled_at=timezone.now())
    for row, words in ((waiting, "put together from"), (gone, "not stored"), (erased, "person was erased")):
        assert words in text(browser, f"{DELIVERIES}{row.pk}/")
