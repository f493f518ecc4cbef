"""The script that the generator writes: the same every time, long enough, and with every oddity in it."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from sorae.demo import generate, playing
from sorae.demo.cast import Known
from sorae.demo.journeys import Line
from sorae.demo.names import BAD_PHONES
from sorae.demo.scene import SHOPS
from tests.sorae.demo.demos import ROOT

WRITE = "import django, json; django.setup(); from sorae.demo import generate; print(json.dumps(generate.script()))"


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return generate.script()[0]


@pytest.fixture(scope="module")
def people() -> list[Known]:
    return generate.script()[1]


def test_every_run_writes_the_same_whatever_order_python_gives_its_sets() -> None:
    here = json.dumps(generate.script())
    for seed in ("1", "2"):
        own = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONHASHSEED": seed}
        there = subprocess.run([sys.executable, "-c", WRITE], cwd=ROOT, env=own, capture_output=True, text=True)
        assert there.stdout.strip() == here, there.stderr


def test_there_are_hundreds_of_people_and_more_than_1500_facts_over_some_weeks(lines: list[Line]) -> None:
    addresses = {
        line[name].lower() for line in lines for name in ("email", "recipient_email", "friend_email") if name in line
    }
    facts = Counter(line["do"] for line in lines if line["do"] not in ("update", "pay"))
    ages = [line["days_ago"] for line in lines if "days_ago" in line]
    assert len(addresses) >= 300
    assert facts.total() >= 1_700
    assert max(ages) > 35
    assert min(ages) < 1


def test_every_verb_occurs(lines: list[Line]) -> None:
    assert set(playing.VERBS) <= {line["do"] for line in lines}


def test_some_lines_come_twice_and_some_cannot_be_right(lines: list[Line]) -> None:
    ids = Counter(line["id"] for line in lines)
    emails = {line["email"] for line in lines if line["do"] == "join"}
    assert sum(times > 1 for times in ids.values()) > 15
    assert set(ids) >= {"stolen-order", "no-such-verb", "before-time", "after-time", "old-tea-house"}
    assert emails >= {"not-an-address", "half\ud83d@kettle.test", "nul\0@kettle.test"}
    assert {line["total"] for line in lines if line["do"] == "convert"} >= {"NaN", "-10.00", "12,50", "1e30"}
    assert any(line["do"] == "erase" and line["email"] == generate.FORGOTTEN["email"] for line in lines)


def test_people_write_their_names_addresses_and_phones_in_many_ways(lines: list[Line]) -> None:
    joined = [line for line in lines if line["do"] == "join"]
    emails = [line["email"] for line in joined]
    fields = ("first_name", "last_name", "recipient_name", "friend_first_name")
    names = json.dumps([line[field] for line in lines for field in fields if field in line], ensure_ascii=False)
    assert any("+" in email for email in emails)
    assert any(email.isupper() for email in emails)
    assert any("@xn--" in email for email in emails)
    assert any(not email.isascii() and "\ud83d" not in email for email in emails)
    assert any("'" in email for email in emails)
    assert all(sample in names for sample in ("🫖", "محمد", "伟", "N'Golo"))
    assert any(len(line.get("first_name", "")) > 100 for line in joined)
    assert {line.get("phone") for line in joined} & set(BAD_PHONES)


def test_klaviyo_knows_people_of_every_consent_in_both_accounts(people: list[Known]) -> None:
    for shop in SHOPS:
        here = [person for person in people if person["account"] == shop.account]
        consents = {person["consent"] for person in here}
        suppressions = {reason for person in here for reason in person.get("suppressions", ())}
        assert consents >= {"SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED"}
        assert suppressions >= {"HARD_BOUNCE", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED"}


def test_people_of_every_shop_say_yes_in_many_ways_and_no(lines: list[Line]) -> None:
    for shop in SHOPS:
        yes = [line for line in lines if line["do"] == "opt_in" and line["store"] == shop.slug]
        no = [line for line in lines if line["do"] == "opt_out" and line["store"] == shop.slug]
        assert {tuple(line["channels"]) for line in yes} == {("email",), ("email", "sms"), ("sms",)}
        assert any(line["days_ago"] > 1 for line in yes)
        assert {line["scope"] for line in no} == {"newsletter", "everything", "invites"}


def test_the_last_day_is_told_scene_by_scene_after_all_the_rest(lines: list[Line]) -> None:
    scenes = [line.get("scene", "") for line in lines]
    assert list(dict.fromkeys(scenes)) == list(generate.SCENES)
    assert scenes == sorted(scenes, key=generate.SCENES.index)
