"""Operators edit stores and programs, and read everything else."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from referrals import lifecycle
from referrals.models import Advocate, Program, Store

FACTS = ["advocate", "invite", "visit", "conversion", "reward"]


@pytest.fixture
def told(ann: Advocate) -> Advocate:
    """Ann, to whom everything has happened."""
    lifecycle.remind(lifecycle.invite(ann, "ben@example.com", recipient_name="<b>Ben</b>"), 1)
    lifecycle.visit(ann, landing_page="https://teahouse.example/")
    bought = lifecycle.convert(ann, order_id="1001", friend_email="ben@example.com", total="24.9", currency="EUR")
    lifecycle.reverse(lifecycle.reward(ann, kind="cash", amount=5, currency="EUR", conversion=bought), "refund")
    lifecycle.pay(lifecycle.reward(ann, kind="credit", amount=1_500, currency="JPY"))
    lifecycle.reward(ann, kind="gift", amount=0, currency="EUR")
    return ann


def page(operator: Client, name: str, *args: Any, **query: Any) -> Any:
    return operator.get(reverse(f"admin:referrals_{name}", args=args), query)


def test_times_are_written_in_lists_of_the_admin_as_on_the_other_pages(told: Advocate, admin_client: Client) -> None:
    Advocate.objects.update(occurred_at=datetime(2026, 3, 2, 14, 5, tzinfo=UTC))
    assert "2 Mar 2026, 14:05 UTC" in page(admin_client, "advocate_changelist").content.decode()


@pytest.mark.parametrize("fact", FACTS)
def test_facts_are_listed_searched_and_opened(told: Advocate, admin_client: Client, fact: str) -> None:
    assert page(admin_client, f"{fact}_changelist").status_code == 200
    for words in ("ann@example.com", "nobody", str(told.uid), "'; --"):
        assert page(admin_client, f"{fact}_changelist", q=words).status_code == 200
    assert page(admin_client, f"{fact}_changelist", o="1.2").status_code == 200
    first = told if fact == "advocate" else getattr(told, f"{fact}s").first()
    assert page(admin_client, f"{fact}_change", first.pk).status_code == 200


@pytest.mark.parametrize("fact", FACTS)
def test_no_fact_is_added_changed_or_deleted_by_hand(told: Advocate, admin_client: Client, fact: str) -> None:
    first = told if fact == "advocate" else getattr(told, f"{fact}s").first()
    for name, args in (("add", []), ("change", [first.pk]), ("delete", [first.pk])):
        answer = admin_client.post(reverse(f"admin:referrals_{fact}_{name}", args=args), {"post": "yes"})
        assert answer.status_code == 403
    first.refresh_from_db()


CONSENT = ["optin", "optout", "suppression", "wording"]


def first_of(kind: str) -> Any:
    return apps.get_model("referrals", kind)._default_manager.first()


@pytest.fixture
def asked_and_refused(told: Advocate) -> Store:
    store = told.program.store
    lifecycle.opt_in(store, "ben@example.com", wording="<b>Yes</b>", place="form", channels=["email", "sms"], phone="1")
    lifecycle.opt_out(store, "ben@example.com", scope="everything", place="a message")
    return store


@pytest.mark.parametrize("kind", CONSENT)
def test_consent_is_listed_searched_and_opened_and_never_edited(
    asked_and_refused: Store, admin_client: Client, kind: str
) -> None:
    for words in ("", "ben@example.com", "nobody", str(first_of("optin").uid), "'; --", "@"):
        assert page(admin_client, f"{kind}_changelist", q=words).status_code == 200
    row = first_of(kind)
    words = page(admin_client, f"{kind}_change", row.pk).content.decode()
    assert "<b>Yes</b>" not in words
    for name, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        answer = admin_client.post(reverse(f"admin:referrals_{kind}_{name}", args=args), {"post": "yes"})
        assert answer.status_code == 403


def test_an_opt_in_shows_its_channels_and_its_words(asked_and_refused: Store, admin_client: Client) -> None:
    words = page(admin_client, "optin_changelist").content.decode()
    for part in ("E-mail, Text message", "&lt;b&gt;Yes", "form"):
        assert part in words


def test_a_suppression_is_found_by_the_address_however_it_is_written(
    asked_and_refused: Store, admin_client: Client
) -> None:
    for words, found in ((" BEN@Example.com ", 1), (first_of("suppression").mailbox_hash, 1), ("cid@example.com", 0)):
        listed = page(admin_client, "suppression_changelist", q=words).context["cl"]
        assert listed.result_count == found


def test_invites_show_whether_they_went_out_and_why_they_are_closed(told: Advocate, admin_client: Client) -> None:
    words = page(admin_client, "invite_changelist").content.decode()
    assert "The friend bought" in words
    lifecycle.went_out(told.invites.get())
    for empty, found in (("0", 1), ("1", 0)):
        listed = page(admin_client, "invite_changelist", went_out_at__isempty=empty).context["cl"]
        assert listed.result_count == found


def test_an_operator_chooses_wordings_and_reminders(told: Advocate, admin_client: Client) -> None:
    program = told.program
    kept = {"store": program.store.pk, "name": "Friends", "slug": "friends", "type": "referral", "offer": "5 EUR"}
    changed = {"invites_by": "sorae", "has_invite_page": "on", "most_reminders": 2, "remind_after_days": 7}
    change = reverse("admin:referrals_program_change", args=[program.pk])
    for bad in ({"most_reminders": 11}, {"remind_after_days": 0}, {"remind_after_days": 366}):
        assert admin_client.post(change, kept | changed | bad).status_code == 200
    assert admin_client.post(change, kept | changed).status_code == 302
    program.refresh_from_db()
    assert (program.has_invite_page, program.most_reminders, program.remind_after_days) == (True, 2, 7)
    assert "opt_in_text" in page(admin_client, "store_change", program.store.pk).content.decode()


def test_a_persons_page_tells_how_they_stand(told: Advocate, admin_client: Client) -> None:
    words = page(admin_client, "advocate_change", told.pk).content.decode()
    for figure in ("1 invites", "1 visits", "1 orders", "2 rewards", "earned: 0.00 EUR, 1,500 JPY", "owed: nothing"):
        assert figure in words
    assert told.share_link in words


def test_a_persons_figures_lead_to_the_facts(told: Advocate, admin_client: Client) -> None:
    eve = lifecycle.join(told.program, "eve@example.com")
    lifecycle.invite(eve, "cy@example.com")
    words = page(admin_client, "invite_changelist", advocate__id__exact=told.pk).content.decode()
    assert "ben@example.com" in words
    assert "cy@example.com" not in words


def test_names_are_shown_as_text(told: Advocate, admin_client: Client) -> None:
    assert "<b>Ben</b>" not in page(admin_client, "invite_changelist").content.decode()


def test_a_list_takes_a_handful_of_queries_however_long(
    told: Advocate, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        lifecycle.invite(lifecycle.join(told.program, f"eve{number}@example.com"), "cy@example.com")
    with django_assert_max_num_queries(12):
        page(admin_client, "invite_changelist")
    with django_assert_max_num_queries(12):
        page(admin_client, "advocate_changelist")


def test_a_store_and_its_program_are_made_by_an_operator(db: None, admin_client: Client) -> None:
    store = {"slug": "tea-house", "name": "Tea House", "country": "DE", "currency": "EUR"}
    forms = {"programs-TOTAL_FORMS": 1, "programs-INITIAL_FORMS": 0}
    program = {"slug": "friends", "name": "Friends", "type": "referral", "invites_by": "klaviyo", "offer": "5 EUR"}
    data = store | forms | {f"programs-0-{name}": value for name, value in program.items()}
    add = reverse("admin:referrals_store_add")
    for url in ("http://teahouse.example/", "javascript:alert(1)", "ftp://teahouse.example/"):
        assert admin_client.post(add, data | {"url": url}).status_code == 200
    for bad in ({"currency": "EURO"}, {"currency": "XAU"}, {"country": "Germany"}, {"country": "de"}):
        assert admin_client.post(add, data | {"url": "https://teahouse.example/"} | bad).status_code == 200
    assert not Store.objects.exists()
    assert admin_client.post(add, data | {"url": "https://teahouse.example/"}).status_code == 302
    assert Program.objects.get().store == Store.objects.get()


def test_a_store_that_is_in_use_is_not_deleted(ann: Advocate, admin_client: Client) -> None:
    for name, pk in (("store", ann.program.store.pk), ("program", ann.program.pk)):
        admin_client.post(reverse(f"admin:referrals_{name}_delete", args=[pk]), {"post": "yes"})
    assert Advocate.objects.get() == ann


def test_people_are_seen_only_with_permission(told: Advocate, client: Client) -> None:
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    assert page(client, "advocate_changelist").status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_advocate"))
    assert page(client, "advocate_changelist").status_code == 200
    assert page(client, "reward_changelist").status_code == 403


def test_an_operator_chooses_a_stores_time_zone_and_what_becomes_of_self_referrals(
    told: Advocate, admin_client: Client
) -> None:
    store = told.program.store
    words = {"name": "Tea", "slug": "tea", "url": "https://t.example/", "country": "DE", "currency": "EUR"}
    inline = {"programs-TOTAL_FORMS": 0, "programs-INITIAL_FORMS": 0}
    change = reverse("admin:referrals_store_change", args=[store.pk])
    answer = admin_client.post(change, words | inline | {"time_zone": "Nowhere/Atlantis"})
    assert "not the name of a time zone" in answer.content.decode()
    assert admin_client.post(change, words | inline | {"time_zone": "America/New_York"}).status_code == 302
    store.refresh_from_db()
    assert store.time_zone == "America/New_York"
    kept = {"store": store.pk, "name": "F", "slug": "f", "type": "referral", "offer": "5 EUR", "invites_by": "sorae"}
    kept |= {"most_reminders": 0, "remind_after_days": 7, "self_referrals": "refused"}
    change = reverse("admin:referrals_program_change", args=[told.program.pk])
    assert admin_client.post(change, kept).status_code == 302
    told.program.refresh_from_db()
    assert told.program.self_referrals == "refused"
