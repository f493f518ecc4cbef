"""However many programs a person is in, and whatever a filter asks, a page takes few queries."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Attempt, Delivery
from klaviyo.models import Erasure, Notice, Send, StoreSetting
from klaviyo.pages import operators
from referrals import lifecycle, person_key
from referrals.models import Advocate, Program, Store
from tests.klaviyo.made_sends import SENDS, State, a_send
from tests.klaviyo.story import BEN

MOST = 16
OF_AN_ACCOUNT = 15


@pytest.fixture
def everywhere(ann: Advocate, setting: StoreSetting) -> Advocate:
    """Ann is in 26 programs of 26 stores, has invited Ben and others in each, and something became of it."""
    states = list(State)
    for number in range(25):
        store = Store.objects.create(slug=f"s{number}", name=f"S{number}", url="https://s.example/", country="DE")
        StoreSetting.objects.create(store=store, connection=setting.connection)
        program = Program.objects.create(store=store, slug="p", name=f"P{number}", offer="Tea")
        there = lifecycle.join(program, ann.email, first_name="Ann")
        for friend in (BEN, *(f"{friend}@friends.test" for friend in range(number % 3))):
            a_send(there, friend, state=states[number % len(states)], code=f"code_{number % 4}")
    a_send(ann, BEN)
    whatever_there_is(ann, setting)
    return ann


def whatever_there_is(ann: Advocate, setting: StoreSetting) -> None:
    """Of Ann as a friend, with orders, rewards, yeses, noes, and a profile; she was erased once, and came back."""
    store, friend = ann.program.store, ann.email
    bird = lifecycle.join(ann.program, "bird@example.com")
    erasure = Erasure.objects.create(mailbox_hash=person_key.of(friend))
    send = a_send(bird, friend)
    owed = a_send(bird, "dan@friends.test").delivery
    Delivery.objects.filter(pk=owed.pk).update(kind="erase", source=str(erasure.uid), subject="", state=State.QUEUED)
    Send.objects.filter(pk=send.pk).update(profile_id="01HZ")
    Notice.objects.create(connection=setting.connection, external_id="n", topic="t", profile_id="01HZ", email=friend)
    order = lifecycle.convert(bird, order_id="1001", friend_email=friend, total="49.90", currency="EUR")
    lifecycle.reward(bird, recipient="friend", kind="credit", amount="5", currency="EUR", conversion=order)
    lifecycle.reward(ann, kind="credit", amount="5", currency="EUR")
    lifecycle.opt_in(store, friend, wording="Tea, please.", place="join form")
    lifecycle.opt_out(store, friend, scope="newsletter", place="preference page")
    lifecycle.suppress(friend, "complained")
    asked = Attempt.objects.create(connection=setting.connection, operation="get_profiles", started_at=timezone.now())
    asked.deliveries.add(send.delivery)


@pytest.fixture
def one_of_the_group(transactional_db: None) -> Client:
    """No superuser: Django asks for their permissions, and for those of their groups."""
    operators.ensure_groups()
    user = User.objects.create_user("one", is_staff=True)
    user.groups.add(Group.objects.get(name=operators.NAME))
    browser = Client()
    browser.force_login(user)
    return browser


def queries(browser: Client, address: str) -> int:
    browser.get(address)  # so that what a process keeps is there
    with CaptureQueriesContext(database) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def test_a_person_in_many_programs_takes_few_queries(
    browser_of_the_operator: Client, everywhere: Advocate, one_of_the_group: Client
) -> None:
    send = a_send(everywhere, "cid@friends.test")
    for address in (f"of-advocate/{everywhere.pk}/", f"of-send/{send.pk}/"):
        for browser in (browser_of_the_operator, one_of_the_group):
            assert queries(browser, f"/admin/klaviyo/people/{address}") <= MOST


def test_the_few_queries_find_all(browser_of_the_operator: Client, everywhere: Advocate) -> None:
    shown = browser_of_the_operator.get(f"/admin/klaviyo/people/of-advocate/{everywhere.pk}/").content.decode()
    for words in (
        "Invited by",
        "Order 1001",
        "49.90 EUR",
        "Store credit",
        "Yes to e-mail",
        "Not proved to be them",
        "Tea, please.",
        "No to the newsletter",
        "Reported as spam",
        "1 account has yet to hear of it",
        "Not every account knows of their no yet",
        "Profile in",
        "Get profiles",
    ):
        assert words in shown, words


def test_each_program_shows_its_own_latest_invites(browser_of_the_operator: Client, everywhere: Advocate) -> None:
    for number in range(12):
        a_send(everywhere, f"late-{number}@friends.test")
    page = browser_of_the_operator.get(f"/admin/klaviyo/people/of-advocate/{everywhere.pk}/")
    memberships = page.context["person"].memberships
    assert len(memberships) == 25
    for membership in memberships:
        newest = membership.advocate.invites.order_by("-pk")[:10]
        assert [invited.invite for invited in membership.invites] == list(newest)
        assert all(invited.sends for invited in membership.invites)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=held",
        "state=failed",
        "state=skipped",
        "state=delivered",
        "friend={friend}",
        "friend={friend}&state=held",
        "store=1&since=2026-01-01",
        "reason=code_1&until=2026-12-01",
        "channel=klaviyo&kind=invite&since=2026-01-01",
    ],
)
def test_no_filter_of_the_sends_takes_many_queries(one_of_the_group: Client, everywhere: Advocate, query: str) -> None:
    friend = a_send(everywhere, "cid@friends.test").pk
    assert queries(one_of_the_group, f"{SENDS}?{query.format(friend=friend)}") <= MOST


@pytest.mark.parametrize("query", ["", "of={of}", "of={of}&state=held", "state=failed", "reason=odd&since=2026-01-01"])
def test_no_filter_of_the_deliveries_takes_many_queries(
    one_of_the_group: Client, everywhere: Advocate, query: str
) -> None:
    of = a_send(everywhere, "cid@friends.test").delivery_id
    assert queries(one_of_the_group, f"/admin/integrations/deliveries/?{query.format(of=of)}") <= MOST


def test_no_other_page_takes_many_queries(one_of_the_group: Client, everywhere: Advocate) -> None:
    send, setting = a_send(everywhere, "cid@friends.test"), StoreSetting.objects.latest("pk")
    pages = ["", "integrations/", "integrations/klaviyo/", f"integrations/{setting.connection_id}/"]
    pages += [f"integrations/deliveries/{send.delivery_id}/", f"klaviyo/sends/{send.pk}/", "klaviyo/erasures/"]
    pages += [
        "klaviyo/settings/",
        f"klaviyo/settings/{setting.pk}/",
        f"integrations/{setting.connection_id}/disconnect",
    ]
    pages += [f"integrations/activity/?connection={setting.connection_id}"]
    counted = {page: queries(one_of_the_group, f"/admin/{page}") for page in pages}
    assert {page: count for page, count in counted.items() if count > OF_AN_ACCOUNT} == {}


def test_store_settings_are_searched_and_have_pages(browser_of_the_operator: Client, everywhere: Advocate) -> None:
    for number in range(25, 60):
        store = Store.objects.create(slug=f"s{number}", name=f"S{number}", url="https://s.example/", country="DE")
        StoreSetting.objects.create(store=store, connection=StoreSetting.objects.earliest("pk").connection)
    settings = "/admin/klaviyo/settings/"
    shown = [len(browser_of_the_operator.get(f"{settings}?page={page}").context["store_settings"]) for page in (1, 2)]
    assert shown == [50, 11]
    found = browser_of_the_operator.get(f"{settings}?q=s3").context["store_settings"]
    assert {setting.store.name for setting in found} == {"S3", *(f"S{number}" for number in range(30, 40))}
    assert "Nothing matches" in browser_of_the_operator.get(f"{settings}?q=nowhere").content.decode()
