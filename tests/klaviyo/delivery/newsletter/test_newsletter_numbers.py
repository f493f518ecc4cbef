"""An opt-in to text messages: to a number that is theirs and gets them; what keeps these out costs no other consent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations import outbox
from integrations.models import Connection, Delivery, Job
from integrations.workers import worker
from klaviyo.imports import results
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle, submissions
from referrals.models import OptIn, Program, Store
from referrals.submissions import Wish
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.newsletter_cast import PHONE, SUBSCRIBE, age_jobs, choose_newsletter, fate, jobs, say_yes
from tests.klaviyo.story import BEN, CID, TEA, State, end_leases, known, make_due

pytestmark = pytest.mark.usefixtures("setting")

BOTH = ("email", "sms")
OLD, NEW = "+358401111111", "+358402222222"
SINGLE, DOUBLE = "single_opt_in", "double_opt_in"
HOUR = timedelta(hours=1)


def warnings(yes: OptIn) -> list[str]:
    return list(Delivery.objects.get(source=str(yes.uid)).warnings)


def consents(sandbox: Sandbox, email: str = BEN) -> tuple[str, str, str | None]:
    person = known(sandbox, email)
    return person.consent, person.sms_consent, person.phone_number


def crowd(spring: Program) -> None:
    """Others have just joined as well."""
    for number in range(3):
        lifecycle.join(spring, f"other-{number}@friends.test", first_name="Other")


ELSEWHERE = [
    pytest.param("0664 1234567", "without its country code", id="a guess"),
    pytest.param("030 123456", "without its country code", id="a land line without its country code"),
    pytest.param("43 664 1234567", "without its country code", id="without a plus"),
    pytest.param("+49 30 123456", "none reach this phone number", id="a land line"),
    pytest.param("+49 664 1234567", "none reach this phone number", id="a land line like a mobile number abroad"),
    pytest.param("+49 800 1234567", "none reach this phone number", id="a service"),
    pytest.param("call me", "is not one that can be called", id="none"),
]


@pytest.mark.parametrize("proof", ["", "signed_in"])
@pytest.mark.parametrize(("phone", "why"), ELSEWHERE)
def test_a_number_that_gets_no_texts_is_left_out_and_it_is_said_why(
    sandbox: Sandbox, drain: Drain, phone: str, why: str, proof: str
) -> None:
    Store.objects.update(country="DE")
    choose_newsletter(sandbox)
    yes, by_phone = say_yes(channels=BOTH, phone=phone, proof=proof), say_yes(CID, channels=("sms",), phone=phone)
    drain()
    assert (fate(yes), fate(by_phone)) == ((State.ACCEPTED, ""), (State.FAILED, "no_phone"))
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", None)
    assert why in warnings(yes)[-1]
    assert why in Delivery.objects.get(source=str(by_phone.uid)).reason


def test_a_land_line_does_not_take_the_place_of_a_number_that_gets_texts(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    say_yes(channels=BOTH, phone="+49 30 123456")
    drain()
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", OLD)


@pytest.mark.parametrize("process", [SINGLE, DOUBLE])
def test_a_region_without_a_number_to_text_from_costs_the_text_messages_alone(
    sandbox: Sandbox, drain: Drain, process: str
) -> None:
    choose_newsletter(sandbox, process)
    sandbox.settings(no_texts_to=("+358",))
    yes = say_yes(channels=BOTH, phone=PHONE)
    drain()
    assert fate(yes) == (State.ACCEPTED, "" if process == SINGLE else "pending_opt_in")
    refusal = "Text messages were left out. Klaviyo refuses it: Consent to SMS can only be given to a phone number in a"
    assert warnings(yes)[-1].startswith(refusal)
    assert jobs(sandbox) == 2
    if process == DOUBLE:
        assert sandbox.confirm(TEA, BEN)
    assert consents(sandbox)[:2] == ("SUBSCRIBED", "NEVER_SUBSCRIBED")


def test_text_messages_alone_fail_in_klaviyos_words(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.settings(no_texts_to=("+358",))
    yes = say_yes(channels=("sms",), phone=PHONE)
    drain()
    assert fate(yes) == (State.FAILED, "invalid")
    assert "Consent to SMS can only be given" in Delivery.objects.get(source=str(yes.uid)).reason
    assert jobs(sandbox) == 1


def test_in_a_region_that_it_may_text_both_go_in_one_job(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.settings(no_texts_to=("+43", "+1"))
    yes = say_yes(channels=BOTH, phone=PHONE)
    drain()
    assert (fate(yes), warnings(yes), jobs(sandbox)) == ((State.ACCEPTED, ""), [], 1)
    assert consents(sandbox) == ("SUBSCRIBED", "SUBSCRIBED", PHONE)


@pytest.mark.parametrize("channels", [BOTH, ("email",)])
def test_what_klaviyo_refuses_whatever_the_channels_fails_in_its_words(
    sandbox: Sandbox, spoil: Spoil, drain: Drain, channels: tuple[str, ...]
) -> None:
    choose_newsletter(sandbox)
    refusal = b'{"errors": [{"id": "1", "code": "invalid", "title": "Invalid input.", "detail": "No such source."}]}'
    spoil(SUBSCRIBE, lambda _: (400, refusal))
    yes = say_yes(channels=channels, phone=PHONE)
    drain()
    assert fate(yes) == (State.FAILED, "invalid")
    assert "No such source" in Delivery.objects.get(source=str(yes.uid)).reason
    assert jobs(sandbox) == len(channels)


def test_a_worker_that_dies_after_the_answer_leaves_word_of_what_was_left_out(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.settings(no_texts_to=("+358",))
    yes = say_yes(channels=BOTH, phone=PHONE)

    def dying(*_: Any) -> bool:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(outbox, "settle", dying)
        with pytest.raises(KeyboardInterrupt):
            worker.drain(Connection.objects.get().pk)
    end_leases()
    worker.sweep()
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert "Text messages were left out. Klaviyo refuses it" in warnings(yes)[-1]
    assert jobs(sandbox) == 2


def test_what_an_earlier_try_left_out_is_no_word_about_a_later_one(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.settings(no_texts_to=("+358",))
    sandbox.fault(SUBSCRIBE, "429", skip=1)
    yes = say_yes(channels=BOTH, phone=PHONE)
    drain()
    assert (fate(yes)[0], len(warnings(yes))) == (State.QUEUED, 1)
    sandbox.settings(no_texts_to=())
    budgets.forget()
    make_due()
    drain()
    assert (fate(yes), warnings(yes)) == ((State.ACCEPTED, ""), [])
    assert consents(sandbox) == ("SUBSCRIBED", "SUBSCRIBED", PHONE)


def test_a_second_answer_that_stays_away_leaves_it_unknown(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.settings(no_texts_to=("+358",))
    sandbox.fault(SUBSCRIBE, "reset", skip=1)
    yes = say_yes(channels=BOTH, phone=PHONE)
    drain()
    assert fate(yes) == (State.FAILED, "outcome_unknown")


@pytest.mark.parametrize("proof", ["signed_in", "confirmed"])
@pytest.mark.parametrize("channels", [BOTH, ("sms",)])
def test_a_persons_own_number_takes_the_place_of_an_older_one(
    sandbox: Sandbox, drain: Drain, channels: tuple[str, ...], proof: str
) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    yes = say_yes(channels=channels, phone=NEW, proof=proof)
    drain()
    assert (fate(yes), warnings(yes)) == ((State.ACCEPTED, ""), [])
    assert consents(sandbox)[1:] == ("SUBSCRIBED", NEW)


def test_a_number_that_is_not_confirmed_gets_no_texts_and_that_is_what_is_said(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD), SeedProfile(email=CID)])
    yes, by_phone = say_yes(channels=BOTH, phone=NEW, proof=""), say_yes(CID, channels=("sms",), phone=NEW, proof="")
    drain()
    assert fate(yes) == (State.ACCEPTED, "number_not_confirmed")
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", OLD)
    assert ["nothing proves that it is theirs" in warning for warning in warnings(yes)] == [True]
    assert fate(by_phone) == (State.SKIPPED, "number_not_confirmed")
    assert consents(sandbox, CID) == ("NEVER_SUBSCRIBED", "NEVER_SUBSCRIBED", None)


def test_a_list_that_asks_the_mailbox_does_not_confirm_the_number(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox, DOUBLE)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    yes = say_yes(channels=BOTH, phone=NEW, proof="")
    drain()
    assert fate(yes) == (State.ACCEPTED, "pending_opt_in")
    assert "nothing proves that it is theirs" in warnings(yes)[-1]
    assert sandbox.confirm(TEA, BEN)
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", OLD)


@pytest.mark.parametrize("joins", [False, True])
def test_whoever_is_new_and_ticks_both_boxes_of_a_form_gets_both(
    sandbox: Sandbox, spring: Program, drain: Drain, joins: bool
) -> None:
    choose_newsletter(sandbox)
    wishes = [Wish("email", "E-mail me."), Wish("sms", "Text me.", PHONE)]
    submissions.keep(spring.store, BEN, place="A form", program=spring if joins else None, wishes=wishes)
    submissions.carry_out()
    drain()
    age_jobs(timedelta(minutes=31))
    make_due()
    drain()
    assert consents(sandbox) == ("SUBSCRIBED", "SUBSCRIBED", PHONE)
    assert [yes.phone for yes in OptIn.objects.order_by("pk")] == ["", PHONE]


@pytest.mark.parametrize("first", ["profile", "event", "subscribe"])
def test_both_are_asked_for_whatever_makes_the_profile_first(
    sandbox: Sandbox, spring: Program, drain: Drain, settings: Settings, first: str
) -> None:
    settings.KLAVIYO_BULK_FROM = 2  # more of one kind go together
    choose_newsletter(sandbox)
    crowd(spring)
    wishes = [Wish("email", "E-mail me."), Wish("sms", "Text me.", PHONE)]
    submissions.keep(spring.store, BEN, place="A form", program=spring, wishes=wishes)
    submissions.carry_out()
    others = Delivery.objects.exclude(kind=first)
    others.update(next_try_at=timezone.now() + HOUR)
    drain()
    Job.objects.update(next_look_at=timezone.now() - HOUR)
    results.look()
    assert bool(sandbox.requests("bulk_import_profiles")) == (first == "profile")
    assert known(sandbox, BEN).phone_number == PHONE
    for _ in range(2):
        age_jobs(timedelta(minutes=31))
        make_due()
        drain()
    assert consents(sandbox) == ("SUBSCRIBED", "SUBSCRIBED", PHONE)
    assert {fate(yes) for yes in OptIn.objects.all()} == {(State.ACCEPTED, "")}


@pytest.mark.parametrize("by_import", [False, True])
def test_whoever_joins_by_a_form_and_was_there_keeps_the_number_that_is_there(
    sandbox: Sandbox, spring: Program, drain: Drain, settings: Settings, by_import: bool
) -> None:
    settings.KLAVIYO_BULK_FROM = 2 if by_import else 100
    choose_newsletter(sandbox)
    crowd(spring)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    wishes = [Wish("email", "E-mail me."), Wish("sms", "Text me.", PHONE)]
    lifecycle.join(spring, BEN, first_name="Ben", occurred_at=(now := timezone.now()))  # by a host, who knows them
    for wish in wishes:
        say_yes(channels=(wish.channel,), phone=wish.phone, proof="", occurred_at=now)
    drain()
    Job.objects.update(next_look_at=timezone.now() - HOUR)
    results.look()
    age_jobs(timedelta(minutes=31))
    make_due()
    drain()
    assert bool(sandbox.requests("bulk_import_profiles")) == by_import
    assert known(sandbox, BEN).first_name == "Ben"
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", None)


def test_who_ticks_both_boxes_of_a_form_writes_no_number_onto_a_profile_that_exists(
    sandbox: Sandbox, spring: Program, drain: Drain
) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    wishes = [Wish("email", "E-mail me."), Wish("sms", "Text me.", PHONE)]
    submissions.keep(spring.store, BEN, place="A form", wishes=wishes)
    submissions.carry_out()
    drain()
    age_jobs(timedelta(minutes=31))
    make_due()
    drain()
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", None)


def test_the_number_that_klaviyo_has_needs_no_proof(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    yes = say_yes(channels=BOTH, phone=OLD, proof="")
    drain()
    assert (fate(yes), warnings(yes)) == ((State.ACCEPTED, ""), [])
    assert consents(sandbox) == ("SUBSCRIBED", "SUBSCRIBED", OLD)


def test_a_new_number_that_is_somebody_elses_stays_theirs(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    people = [SeedProfile(email=BEN, phone_number=OLD), SeedProfile(email=CID, phone_number=NEW)]
    sandbox.put_profiles(TEA, people)
    yes = say_yes(channels=BOTH, phone=NEW)
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", OLD)
    assert consents(sandbox, CID) == ("NEVER_SUBSCRIBED", "NEVER_SUBSCRIBED", NEW)
    assert "belongs to somebody else" in warnings(yes)[-1]


def test_who_wants_e_mail_only_changes_no_number(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    say_yes(channels=("email",), phone=NEW)
    drain()
    assert consents(sandbox) == ("SUBSCRIBED", "NEVER_SUBSCRIBED", OLD)


@pytest.mark.parametrize(("proof", "process"), [("confirmed", SINGLE), ("", DOUBLE), ("signed_in", DOUBLE)])
@pytest.mark.parametrize("reason", ["HARD_BOUNCE", "INVALID_EMAIL"])
def test_an_opt_in_of_an_address_that_bounced_says_so(
    sandbox: Sandbox, drain: Drain, reason: str, proof: str, process: str
) -> None:
    choose_newsletter(sandbox, process)
    an_hour_ago = (timezone.now() - HOUR).isoformat()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, suppressions=[reason], said_at=an_hour_ago)])
    yes = say_yes(proof=proof)
    drain()
    assert fate(yes)[0] == State.ACCEPTED
    [warning] = warnings(yes)
    assert warning.startswith(f"Klaviyo holds a bounce for this address ({reason})")
    assert not known(sandbox, BEN).can_receive


@pytest.mark.parametrize(
    "there",
    [
        {},
        {"suppressions": ["UNSUBSCRIBE"]},
        {"suppressions": ["USER_SUPPRESSED"]},
        {"suppressions": ["SPAM_COMPLAINT"]},
    ],
    ids=str,
)
def test_what_an_opt_in_lifts_needs_no_warning(sandbox: Sandbox, drain: Drain, there: dict[str, Any]) -> None:
    choose_newsletter(sandbox)
    an_hour_ago = (timezone.now() - HOUR).isoformat()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, said_at=an_hour_ago, **there)])
    yes = say_yes(proof="confirmed")
    drain()
    assert (fate(yes), warnings(yes)) == ((State.ACCEPTED, ""), [])
    assert known(sandbox, BEN).can_receive


def test_however_often_it_is_tried_a_warning_stands_there_once(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=OLD)])
    sandbox.fault(SUBSCRIBE, "429")
    yes = say_yes(channels=BOTH, phone=NEW, proof="")
    drain()
    assert (fate(yes)[0], len(warnings(yes))) == (State.QUEUED, 1)
    budgets.forget()
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "number_not_confirmed")
    assert len(warnings(yes)) == 1
