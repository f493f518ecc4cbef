"""After an upgrade the public pages work on what is there already."""

from django.test import Client
from django.urls import reverse

from referrals import tasks
from referrals.models import Advocate, Program, Submission
from tests.upgrades.past import Fixture


def test_people_join_a_program_of_before(upgraded: Fixture) -> None:
    program = Program.objects.select_related("store").first()
    assert program
    page = reverse("referrals:join", args=[program.store.slug, program.slug])
    assert Client().post(page, {"email": "new@friends.test", "first_name": "New"}).status_code == 302
    assert Submission.objects.count() == 1
    tasks.carry_out()
    assert Advocate.objects.get(program=program, email="new@friends.test").first_name == "New"
