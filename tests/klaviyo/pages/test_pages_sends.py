"""The sends: found by each filter, put together by cause, and acted on for all of one cause at once."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.pages import paging
from klaviyo.models import Send, StoreSetting
from klaviyo.pages import csv_export, masking
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.klaviyo.made_sends import SENDS, State, a_send, page, signed_in_with, state_of
from tests.klaviyo.story import fjord


def shown(browser: Client, query: str = "") -> list[Send]:
    return [row.send for row in browser.get(f"{SENDS}?{query}").context["page"].rows]


def told(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def exported(browser: Client, query: str = "") -> list[list[str]]:
    response = browser.get(f"{SENDS}export?{query}")
    assert isinstance(response, StreamingHttpResponse)
    content = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(content)))


@pytest.mark.parametrize(
    ("tab", "states"),
    [
        ("waiting", {State.QUEUED, State.SENDING}),
        ("held", {State.HELD}),
        ("skipped", {State.SKIPPED}),
        ("failed", {State.FAILED}),
        ("delivered", {State.ACCEPTED, State.CONFIRMED}),
        ("cancelled", {State.CANCELLED}),
        ("", set(State)),
    ],
)
def test_each_tab_shows_its_states(
    browser_of_the_operator: Client, ann: Advocate, tab: str, states: set[Delivery.State]
) -> None:
    made = [a_send(ann, f"{state}@friends.test", state=state) for state in State]
    wanted = [send for send in made if send.delivery.state in states]
    assert shown(browser_of_the_operator, f"state={tab}") == wanted[::-1]
    content = browser_of_the_operator.get(SENDS).content.decode()
    count = len(wanted)
    assert not tab or re.search(rf'state={tab}">[\w ]+ <span class="num">{count}</span>', content)


def test_sends_are_found_by_each_filter(browser_of_the_operator: Client, ann: Advocate, setting: StoreSetting) -> None:
    old = a_send(ann, "eva@friends.test")
    Delivery.objects.filter(pk__lte=old.delivery_id).update(created_at=timezone.now() - timedelta(days=30))
    mail = Program.objects.create(store=ann.program.store, slug="mail", name="Mail", offer="Tea", invites_by="sorae")
    kari = lifecycle.join(fjord(setting.connection), "kari@oslo.test")
    bea = lifecycle.join(mail, "bea@example.com")
    by_mail = a_send(bea, "ida@friends.test", channel="sorae")
    in_oslo = a_send(kari, "jon@friends.test")
    reminder = a_send(ann, "ben@friends.test", number=1)
    blocked = a_send(ann, "cid@friends.test", state=State.SKIPPED, code="unsubscribed")
    a_month_ago = (timezone.now() - timedelta(days=30)).date().isoformat()
    for query, wanted in {
        f"program={mail.pk}": by_mail,
        f"store={in_oslo.store_id}": in_oslo,
        "channel=sorae": by_mail,
        "kind=reminder": reminder,
        "reason=unsubscribed": blocked,
        f"since={a_month_ago}&until={a_month_ago}": old,
        f"friend={blocked.pk}": blocked,
        f"program={ann.program_id}&kind=reminder&channel=klaviyo": reminder,
    }.items():
        assert shown(browser_of_the_operator, query) == [wanted], query


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "program=x",
        "store=٣",
        "channel=x",
        "kind=%00",
        "friend=99999999999999999999",
        "friend=x",
        "before=x",
        "since=2026-13-45",
        "connection=x",
        "reason=%00",
        "person=ben",
    ],
)
def test_an_odd_address_is_no_error(browser_of_the_operator: Client, ann: Advocate, query: str) -> None:
    a_send(ann)
    assert browser_of_the_operator.get(f"{SENDS}?{query}").status_code == 200
    exported(browser_of_the_operator, query)


@pytest.mark.parametrize(
    "typed", ["ben@bücher.test", "BEN@Bücher.test", "Ben@xn--bcher-kva.test", " ben@XN--BCHER-KVA.TEST "]
)
def test_a_friend_is_found_in_any_spelling_and_the_address_stays_out_of_the_address_bar(
    browser_of_the_operator: Client, ann: Advocate, typed: str
) -> None:
    wanted = a_send(ann, "ben@bücher.test")
    a_send(ann, "cid@friends.test")
    response = browser_of_the_operator.post(SENDS, {"person": typed, "state": "delivered"})
    assert response["Location"] == f"{SENDS}?state=delivered&friend={wanted.pk}"
    found = browser_of_the_operator.get(response["Location"])
    assert [row.send for row in found.context["page"].rows] == [wanted]
    assert 'value="ben@bücher.test"' in found.content.decode()


def test_a_friend_whom_nobody_wrote_to_is_said_to_be_one(browser_of_the_operator: Client, ann: Advocate) -> None:
    a_send(ann)
    response = browser_of_the_operator.post(SENDS, {"person": "nobody@friends.test"})
    assert "Nothing was ever sent to this address" in page(browser_of_the_operator, response["Location"])


def test_paging_goes_by_ids_there_and_back(
    browser_of_the_operator: Client, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    made = [a_send(ann, f"{number}@friends.test") for number in range(5)][::-1]
    first = browser_of_the_operator.get(SENDS).context["page"]
    second = browser_of_the_operator.get(f"{SENDS}?before={first.older}").context["page"]
    back = browser_of_the_operator.get(f"{SENDS}?after={second.newer}").context["page"]
    assert [[row.send for row in found.rows] for found in (first, second, back)] == [made[:2], made[2:4], made[:2]]
    assert (first.newer, back.newer) == (None, None)


def test_what_stands_still_is_shown_once_for_each_cause(browser_of_the_operator: Client, ann: Advocate) -> None:
    for number in range(3):
        a_send(ann, f"{number}@friends.test", state=State.HELD, code="list_gone", reason="The list is gone.")
    a_send(ann, "ben@friends.test", state=State.FAILED, code="outcome_unknown", reason="The connection broke.")
    a_send(ann, "cid@friends.test", state=State.SKIPPED, code="unsubscribed", reason="The person has unsubscribed.")
    response = browser_of_the_operator.get(SENDS)
    causes = response.context["causes"]
    assert [(cause.incident.count, cause.incident.title) for cause in causes] == [
        (3, "List gone"),
        (1, "It may have gone out"),
    ]
    content = response.content.decode()
    assert "Choose another list in the store&#x27;s settings" in content
    assert content.count("Yes, cancel all") == 1
    assert "may have arrived already" in content


def test_a_button_acts_on_all_of_its_cause_and_on_nothing_else(browser_of_the_operator: Client, ann: Advocate) -> None:
    same = [a_send(ann, f"{number}@friends.test", state=State.HELD, code="list_gone") for number in range(3)]
    another = a_send(ann, "ben@friends.test", state=State.HELD, code="no_mail_server")
    [cause] = [
        cause for cause in browser_of_the_operator.get(SENDS).context["causes"] if cause.incident.code == "list_gone"
    ]
    answer = browser_of_the_operator.post(f"{SENDS}cancel", cause.chosen.given)
    assert "3 sends are cancelled" in told(answer)
    assert [state_of(send) for send in same] == [("cancelled", "operator")] * 3
    assert state_of(another) == ("held", "no_mail_server")
    browser_of_the_operator.post(f"{SENDS}retry", {"state": "held", "reason": "no_mail_server"})
    assert state_of(another) == ("queued", "")


def test_a_button_keeps_to_the_programs_that_were_shown(
    browser_of_the_operator: Client, ann: Advocate, setting: StoreSetting
) -> None:
    kari = lifecycle.join(fjord(setting.connection), "kari@oslo.test")
    mine = a_send(ann, state=State.FAILED, code="odd")
    theirs = a_send(kari, "jon@friends.test", state=State.FAILED, code="odd")
    [cause] = browser_of_the_operator.get(f"{SENDS}?program={ann.program_id}&state=failed").context["causes"]
    browser_of_the_operator.post(f"{SENDS}retry", cause.chosen.given)
    assert (state_of(mine)[0], state_of(theirs)[0]) == ("queued", "failed")


@pytest.mark.parametrize("action", ["retry", "cancel"])
@pytest.mark.parametrize("given", [{}, {"state": "skipped"}, {"send": "x"}, {"send": "9" * 30}, {"state": "delivered"}])
def test_a_button_that_names_nothing_does_nothing(
    browser_of_the_operator: Client, ann: Advocate, action: str, given: dict[str, str]
) -> None:
    made = [a_send(ann, f"{state}@friends.test", state=state) for state in State]
    before = [state_of(send) for send in made]
    browser_of_the_operator.post(f"{SENDS}{action}", given)
    assert [state_of(send) for send in made] == before


def test_what_is_on_its_way_or_gone_is_not_cancelled(browser_of_the_operator: Client, ann: Advocate) -> None:
    made = {state: a_send(ann, f"{state}@friends.test", state=state) for state in State}
    for send in made.values():
        browser_of_the_operator.post(f"{SENDS}cancel", {"send": send.pk})
    changed = {state for state, send in made.items() if state_of(send) == ("cancelled", "operator")}
    assert changed == {State.QUEUED, State.HELD}


def test_a_lost_account_asks_to_be_reconnected(browser_of_the_operator: Client, ann: Advocate) -> None:
    a_send(ann, state=State.HELD, code="access_withdrawn", reason="Access was withdrawn.")
    Connection.objects.update(state=Connection.State.RECONNECT)
    content = page(browser_of_the_operator, SENDS)
    assert f'action="/admin/integrations/{Connection.objects.get().pk}/reconnect"' in content
    assert "Retry all" not in content


def test_the_blocked_are_counted_by_reason(browser_of_the_operator: Client, ann: Advocate) -> None:
    for number in range(2):
        a_send(ann, f"{number}@friends.test", state=State.SKIPPED, code="unsubscribed")
    a_send(ann, "cid@friends.test", state=State.SKIPPED, code="suppressed")
    blocked = browser_of_the_operator.get(f"{SENDS}?state=skipped").context["blocked"]
    assert [(row.reason.title, row.count) for row in blocked] == [("Unsubscribed", 2), ("Suppressed at Klaviyo", 1)]
    assert len(shown(browser_of_the_operator, blocked[0].query)) == 2


def test_the_file_holds_what_the_filter_shows_with_masked_people(
    browser_of_the_operator: Client, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "STEP", 2)
    a_send(ann, "cid@friends.test")
    blocked = [
        a_send(ann, f"{name}@friends.test", "Jo", state=State.SKIPPED, code="unsubscribed", reason="They said no.")
        for name in ("ben", "bea", "bob")
    ]
    header, *rows = exported(browser_of_the_operator, "state=skipped")
    assert header == list(csv_export.HEADER)
    assert [row[0] for row in rows] == [str(send.pk) for send in blocked[::-1]]
    assert rows[2][1:11] == [
        "Invite",
        "Klaviyo flow",
        "Tea House",
        "Spring",
        "b…n@f…s.test",
        "a…n@e…e.com",
        "Tea House Ltd",
        "Not sent",
        "unsubscribed",
        "They said no.",
    ]
    assert "friends.test" not in str(rows)
    assert "Jo" not in str(rows)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("550 <ben@friends.test> no such user", "550 <b…n@f…s.test> no such user"),
        ("ben@friends.test,Cid.Grey@bücher.test: refused", "b…n@f…s.test,C…y@b…r.test: refused"),
        ('"ben grey"@friends.test is full', '"…"@f…s.test is full'),
        ("see ?to=ben%40friends.test", "see ?…n@f…s.test"),
        ("ben@localhost", "b…n@…localhost"),
        ("Nothing to hide @ all.", "Nothing to hide @ all."),
    ],
)
def test_no_reason_in_the_file_names_anybody(
    browser_of_the_operator: Client, ann: Advocate, said: str, written: str
) -> None:
    a_send(ann, state=State.FAILED, code="refused_recipient", reason=said)
    [row] = exported(browser_of_the_operator)[1:]
    assert row[10] == written


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r+"])
def test_no_cell_of_the_file_runs_as_a_formula(browser_of_the_operator: Client, ann: Advocate, start: str) -> None:
    Program.objects.update(name=f"{start}cmd|' /C calc'!A0")
    a_send(ann, state=State.FAILED, reason=f'{start}HYPERLINK("x")')
    [row] = exported(browser_of_the_operator)[1:]
    assert row[4].startswith("'")
    assert row[10].startswith("'")


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ben@friends.test", "b…n@f…s.test"),
        ("b@x.test", "…@….test"),
        ("be@mail.friends.co.uk", "…@m…o.uk"),
        ("", "…"),
        ("nobody", "n…y"),
    ],
)
def test_a_masked_address(email: str, expected: str) -> None:
    assert masking.masked(email) == expected


def test_who_may_see_and_who_may_act(ann: Advocate) -> None:
    held = a_send(ann, state=State.HELD, code="list_gone")
    looker = signed_in_with("view_send")
    content = page(looker, SENDS)
    assert all(words not in content for words in (">Retry", ">Cancel<", '<button class="btn primary">Reconnect'))
    for address in (f"{SENDS}retry", f"{SENDS}cancel"):
        assert looker.post(address, {"send": held.pk}).status_code == 403
        assert signed_in_with("retry", "view_send").get(address).status_code == 405
    assert state_of(held)[0] == "held"
    for address in (SENDS, f"{SENDS}export"):
        assert signed_in_with("view_delivery").get(address).status_code == 403
        assert Client().get(address).status_code == 302


def test_after_an_action_nobody_is_sent_to_another_site(browser_of_the_operator: Client) -> None:
    for back in ("https://evil.example/", "//evil.example/", ""):
        assert browser_of_the_operator.post(f"{SENDS}retry", {"back": back})["Location"] == SENDS


def test_an_empty_house_says_what_will_be_here(browser_of_the_operator: Client, tea_house: Store) -> None:
    assert "Nobody was invited yet" in page(browser_of_the_operator, SENDS)
