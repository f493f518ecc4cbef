"""After an upgrade the public pages, and the limits, work on what is there already."""

from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from klaviyo.models import Send
from referrals import person_key, tasks, visits
from referrals.models import Advocate, Program, Submission, Visit
from tests.upgrades.past import Fixture


def test_people_join_a_program_of_before(upgraded: Fixture) -> None:
    program = Program.objects.select_related("store").first()
    assert program
    page = reverse("referrals:join", args=[program.store.slug, program.slug])
    assert Client().post(page, {"email": "new@friends.test", "first_name": "New"}).status_code == 302
    assert Submission.objects.count() == 1
    tasks.carry_out()
    assert Advocate.objects.get(program=program, email="new@friends.test").first_name == "New"


def test_friends_of_an_advocate_of_before_are_counted(upgraded: Fixture) -> None:
    were = Visit.objects.count()
    code = Advocate.objects.exclude(email__endswith=".invalid").values_list("referral_code", flat=True)[0]
    for number in range(30):
        browser = Client(REMOTE_ADDR="203.0.113.5", HTTP_USER_AGENT=f"Firefox {number}")
        assert browser.get(f"/r/{code}").status_code == 302
    tasks.count_visits()
    assert Visit.objects.count() - were == visits.MOST_OF_A_NETWORK


def test_messages_of_the_last_week_count_towards_the_caps(upgraded: Fixture) -> None:
    told = Send.objects.filter(channel="klaviyo", delivery__state__in=("accepted", "confirmed"))
    lately = told.filter(delivery__settled_at__gt=timezone.now() - timedelta(days=6))
    assert lately.exists()
    assert not lately.filter(mailed_at=None).exists()
    assert {send.mailbox_hash for send in lately} == {
        person_key.of(send.invite.recipient_email) for send in lately.select_related("invite")
    }
