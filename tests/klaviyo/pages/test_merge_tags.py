"""The reference is made from the catalogue and from what is really mapped; an advocate's own values stand in for it."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from klaviyo.mapping import catalogue, examples
from klaviyo.pages import merge_tags
from referrals import lifecycle
from referrals.models import Advocate

EVENTS = "/admin/klaviyo/events/"

pytestmark = pytest.mark.django_db


def test_the_catalogue_names_just_what_is_sent() -> None:
    for event in examples.told():
        assert examples.properties(event).keys() == {*catalogue.EVERY_EVENT, *event.metric.properties}
    assert [event.metric for event in examples.told()] == list(catalogue.CATALOGUE)
    assert examples.profile().keys() == {f"sorae_{name}" for name in catalogue.PROFILE}


def test_each_property_has_a_type_an_example_and_a_tag() -> None:
    told = [one for metric in merge_tags.of_events({}) for one in metric.properties]
    told += [*merge_tags.everywhere({}), *merge_tags.of_profile({})]
    assert all(one.type and one.example and one.tag for one in told)
    by_name = {one.name: one for one in told}
    assert by_name["offer"].tag == "{{ event.offer }}"
    assert by_name["sorae_share_link"].tag == "{{ person|lookup:'sorae_share_link' }}"
    assert by_name["items"].tag.startswith("{% for item in event|lookup:'items' %}")
    assert [by_name[name].type for name in ("total", "items", "expires_at", "offer", "sorae_invites")] == [
        "number",
        "list",
        "time",
        "text",
        "number",
    ]


def test_an_advocates_own_values_are_shown(browser_of_the_operator: Client, ann: Advocate) -> None:
    lifecycle.visit(ann, visitor="v1", landing_page="https://teahouse.example/oolong")
    answer = unescape(browser_of_the_operator.post(EVENTS, {"email": "Ann@Example.com"}).content.decode())
    assert "https://teahouse.example/oolong" in answer
    assert ann.referral_code in answer
    assert "GT-100" in answer  # she has sold nothing: an example
    assert len(re.findall(">theirs<", answer)) > 10


def test_whoever_may_not_read_of_people_reads_the_reference_alone(ann: Advocate) -> None:
    client = Client()
    client.force_login(User.objects.create_user("looker", is_staff=True))
    page = client.get(EVENTS)
    assert page.status_code == 200
    assert b"Show theirs" not in page.content
    assert client.post(EVENTS, {"email": ann.email}).status_code == 403


def test_a_stranger_and_an_odd_address_are_told_so(browser_of_the_operator: Client, ann: Advocate) -> None:
    assert b"Nobody with this address" in browser_of_the_operator.post(EVENTS, {"email": "x@example.com"}).content
    assert browser_of_the_operator.post(EVENTS, {"email": "x"}).status_code == 400
    lifecycle.erase(ann.email)
    assert b"Nobody with this address" in browser_of_the_operator.post(EVENTS, {"email": "ann@example.com"}).content


def test_a_part_of_an_address_or_a_name_finds_advocates_to_choose_from(
    browser_of_the_operator: Client, ann: Advocate
) -> None:
    lifecycle.invite(ann, "annabel@friends.test")
    answer = browser_of_the_operator.post(EVENTS, {"email": "ann"})
    assert [one.email for one in answer.context["found"]] == ["ann@example.com"]
    assert b"Show theirs" in answer.content
    assert browser_of_the_operator.post(EVENTS, {"email": "nobody at all"}).status_code == 400


def test_what_stands_on_every_event_is_shown_as_on_theirs(browser_of_the_operator: Client, ann: Advocate) -> None:
    answer = browser_of_the_operator.post(EVENTS, {"email": ann.email})
    everywhere = {one.name: one for one in answer.context["everywhere"]}
    assert all(one.is_live for one in everywhere.values())
    assert everywhere["campaign"].example == ann.program.slug
