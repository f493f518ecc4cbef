"""What a delivery carries is typed, and stored as it has always been stored: rows of before are read as they were."""

from typing import Any

import pytest

from integrations.models import Delivery
from integrations.outbox import retention
from klaviyo.delivery.batch import KINDS
from klaviyo.delivery.erasure.erase import KEPT_OPTIONS
from klaviyo.mapping import contents
from klaviyo.mapping.contents import Content, Email, Erase, Event, ListAdd, Profile, Subscribe, Unsubscribe

PERSON = {"first_name": "Ben"}
STORED: list[tuple[Content, dict[str, Any]]] = [
    (Profile(setting=3, advocate=7), {"sync": 3, "advocate": 7}),
    (Event(setting=3, metric="conversion", person=PERSON), {"sync": 3, "metric": "conversion", "person": PERSON}),
    (
        Event(setting=3, message="invite", metric="invite_received"),
        {"sync": 3, "message": "invite", "metric": "invite_received"},
    ),
    (
        Email(setting=3, message="reminder", metric="invite_reminder"),
        {"sync": 3, "message": "reminder", "metric": "invite_reminder"},
    ),
    (ListAdd(setting=3, planned_by="a lease"), {"sync": 3, "planned_by": "a lease"}),
    (
        Subscribe(setting=3, channels=["email"], place="Form", person=PERSON, unanswered_attempt=9),
        {"sync": 3, "channels": ["email"], "place": "Form", "person": PERSON, "unanswered_attempt": 9},
    ),
    (Unsubscribe(setting=3, scope="everything"), {"sync": 3, "scope": "everything"}),
]


@pytest.mark.parametrize(("content", "options"), STORED)
def test_it_is_stored_and_read_as_it_was(content: Content, options: dict[str, Any]) -> None:
    assert content.as_options() == options
    assert contents.of(Delivery(kind=content.kind, options=options)) == content


@pytest.mark.parametrize("kind", ["event", "email"])
def test_the_oldest_rows_do_not_say_which_message_they_are(kind: str) -> None:
    row = Delivery(kind=kind, options={"sync": 3, "metric": "invite_reminder"})
    assert contents.message_of(row) == "reminder"
    for nothing in (None, ""):
        row.options["message"] = nothing
        assert contents.message_of(row) == "reminder"
    assert contents.message_of(Delivery(kind=kind, options={"sync": 3, "metric": "conversion"})) == ""


@pytest.mark.parametrize("kind", [*KINDS, "unheard_of"])
def test_what_is_not_there_is_empty_and_what_is_unheard_of_is_passed_over(kind: str) -> None:
    content = contents.of(Delivery(kind=kind, options={"future": True}))
    assert (content.setting, content.message) == (0, "")


def test_each_kind_that_can_be_sent_has_a_content() -> None:
    assert KINDS.keys() == contents.BY_KIND.keys()
    assert [name for name, kind in KINDS.items() if kind.is_a_persons_act] == [Unsubscribe.kind, Erase.kind]


def test_of_the_erased_stays_by_which_setting_it_went_and_what_it_was() -> None:
    told = Event(setting=3, message="invite", metric="invite_received", person=PERSON).as_options()
    kept = {name: value for name, value in told.items() if name in KEPT_OPTIONS}
    assert Event.from_options(kept) == Event(setting=3, message="invite", metric="invite_received")


def test_what_is_said_of_the_person_stands_where_retention_looks_for_it() -> None:
    assert "person" in Event(person=PERSON).as_options()
    assert "'person'" in retention._WithoutPerson.template
