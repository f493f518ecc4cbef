"""Whoever has an international domain is found by its own name after an upgrade, and by the old one if it is undone."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Delivery
from referrals import erased, lifecycle, noes, person_key, suppressions
from referrals.models import Advocate, OptOut, Suppression
from tests.upgrades import past
from tests.upgrades.conftest import SchemaAt

BEFORE = {"referrals": "0005_tallies", "klaviyo": "0009_caps_by_mailbox"}
ANNA, ON_THE_WIRE, OTHER = "anna@stra\u00dfe.test", "anna@xn--strae-oqa.test", "anna@strasse.test"
BEN = "ben@example.com"


@pytest.fixture
def then(transactional_db: None, schema_at: SchemaAt, tmp_path: Path) -> Iterator[Any]:
    """The models of the version before, over a database with nobody in it."""
    name = past.create_database(tmp_path, like=schema_at(BEFORE))
    with past.turned_to(name):
        yield past.models_at(BEFORE)
    past.drop_database(name)


@pytest.fixture
def program(then: Any) -> Any:
    store = then.get_model("referrals.Store").objects.create(slug="tea", name="Tea", url="https://tea.example/")
    return then.get_model("referrals.Program").objects.create(store=store, slug="spring", name="Spring")


def delivery(then: Any, source: Any, subject: str, state: str = "queued") -> int:
    """An event of a fact, as it was made then."""
    connections = then.get_model("integrations.Connection").objects
    account = connections.first() or connections.create(provider="klaviyo", account_id="VxYz12")
    profile = {"data": {"type": "profile", "attributes": {"email": subject}}}
    row = then.get_model("integrations.Delivery").objects.create(
        connection=account,
        kind="event",
        key=str(uuid.uuid4()),
        source=str(source.uid),
        subject=subject,
        body={"data": {"type": "event", "attributes": {"profile": profile}}},
        state=state,
        occurred_at=timezone.now(),
    )
    return int(row.pk)


def told_to(pk: int) -> tuple[str, str]:
    """Whom a delivery is about, and to whom it goes."""
    row = Delivery.objects.get(pk=pk)
    return row.subject, row.body["data"]["attributes"]["profile"]["data"]["attributes"]["email"]


def go_back() -> None:
    past.migrate(BEFORE)


def test_what_waits_goes_to_the_persons_own_domain(then: Any, program: Any) -> None:
    people, uid = then.get_model("referrals.Advocate").objects, uuid.uuid4
    anna = people.create(program=program, email=ANNA, referral_code="ANNA", uid=uid())
    other = people.create(program=program, email=OTHER, referral_code="OTHER", uid=uid())
    invites = then.get_model("referrals.Invite").objects
    invite = invites.create(advocate=other, recipient_email=ANNA, uid=uid())
    hers = [delivery(then, fact, OTHER, state) for fact, state in ((anna, "queued"), (invite, "held"))]
    not_hers, gone = delivery(then, other, OTHER), delivery(then, anna, OTHER, "accepted")
    past.upgrade()
    assert [told_to(pk) for pk in hers] == 2 * [(ON_THE_WIRE, ON_THE_WIRE)]
    assert [told_to(pk) for pk in (not_hers, gone)] == 2 * [(OTHER, OTHER)]
    go_back()
    assert [told_to(pk) for pk in (*hers, not_hers, gone)] == 4 * [(OTHER, OTHER)]


def test_so_does_what_waits_for_an_address_in_another_spelling(then: Any, program: Any) -> None:
    people, uid = then.get_model("referrals.Advocate").objects, uuid.uuid4
    anna, twin, loud = (
        people.create(program=program, email=email, referral_code=code, uid=uid())
        for code, email in (
            ("ANNA", ANNA),
            ("TWIN", ANNA.replace("@s", "@\uff53")),
            ("LOUD", "Anna.L@STRA\u00dfE.test"),
        )
    )
    invite = then.get_model("referrals.Invite").objects.create(advocate=twin, recipient_email=OTHER, uid=uid())
    hers = [delivery(then, fact, OTHER, state) for fact, state in ((anna, "queued"), (twin, "held"))]
    loudly = delivery(then, loud, "Anna.L@strasse.test")
    to_her_friend, gone = delivery(then, invite, OTHER), delivery(then, twin, OTHER, "accepted")
    past.upgrade()
    assert Advocate.objects.get(pk=twin.pk).email == ON_THE_WIRE
    assert [told_to(pk) for pk in hers] == 2 * [(ON_THE_WIRE, ON_THE_WIRE)]
    assert told_to(loudly) == ("Anna.L@xn--strae-oqa.test", "Anna.L@xn--strae-oqa.test")
    assert [told_to(pk) for pk in (to_her_friend, gone)] == 2 * [(OTHER, OTHER)]
    go_back()
    past.upgrade()
    assert [told_to(pk) for pk in hers] == 2 * [(ON_THE_WIRE, ON_THE_WIRE)]
    assert told_to(to_her_friend) == (OTHER, OTHER)


def test_words_get_their_persons_own_key_and_stand_as_before(then: Any, program: Any) -> None:
    opt_outs = then.get_model("referrals.OptOut").objects
    said = [ANNA, OTHER, BEN, "erased-0123-1@erased.invalid"]
    keys = [person_key.digest(1, email) for email in (*said[:3], ANNA)]
    for email, key in zip(said, keys, strict=True):
        opt_outs.create(store=program.store, email=email, person=key, key_version=1, scope="everything", place="A page")
    assert keys[0] == keys[1]
    past.upgrade()
    found = OptOut.objects.order_by("pk").values_list("person", "key_version")
    assert list(found) == [*((person_key.of(email), 2) for email in said[:3]), (keys[0], 1)]
    assert [no.email for no in noes.standing([BEN])] == [BEN]
    assert [no.email for no in noes.standing([ANNA])] == [ANNA, said[3]]  # whose that was nobody can say
    go_back()
    assert list(OptOut.objects.order_by("pk").values_list("person", "key_version")) == [(key, 1) for key in keys]


def test_who_was_listed_stays_listed_there_and_back(then: Any, program: Any) -> None:
    listed = then.get_model("referrals.Suppression").objects
    listed.create(mailbox_hash=person_key.digest(1, ANNA), reason="erased")
    past.upgrade()
    assert Suppression.objects.get().key_version == 1
    assert set(suppressions.of(None, [ANNA])) == {ON_THE_WIRE}
    assert set(erased.times([ANNA])) == {person_key.of(ANNA)}
    Suppression.objects.create(mailbox_hash=person_key.of(ANNA), reason="bounced")
    Advocate.objects.create(program_id=program.pk, email=ANNA)
    go_back()
    before = Suppression.objects.filter(mailbox_hash=person_key.digest(1, ANNA))
    assert set(before.values_list("reason", flat=True)) == {"erased", "bounced"}
    past.upgrade()
    assert suppressions.of(None, [ANNA])[ON_THE_WIRE].reason == "erased"


def test_addresses_that_a_host_has_written_in_capitals_are_found(then: Any, program: Any) -> None:
    people = then.get_model("referrals.Advocate").objects
    for code, email in enumerate(["JO@B\u00dcCHER.test", "Jo@b\u00fccher.test"]):
        people.create(program=program, email=email, referral_code=code)
    past.upgrade()
    assert lifecycle.erase("jo@b\u00fccher.test").counts["advocates"] == 2
    assert not Advocate.objects.filter(email__icontains="jo@").exists()
