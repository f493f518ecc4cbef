"""A yes goes to the newsletter list of each account, once, and to nothing else; a later no comes before it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo import account_lists
from klaviyo.consent import opt_outs, topics
from klaviyo.models import Notice, StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from tests.conftest import Connect, Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.newsletter_cast import PHONE, SUBSCRIBE, age_jobs, choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, CID, TEA, State, fjord, known, let_pass, make_due

pytestmark = pytest.mark.usefixtures("setting")

HOUR = timedelta(hours=1)
EDGES: list[tuple[Any, str]] = [
    ("2001-01-01T00:00:00+00:00", ""),
    ("2100-01-01T00:00:00+00:00", "withdrawn_since"),
    (None, "withdrawn_since"),
    ("soon", "withdrawn_since"),
    (5, "withdrawn_since"),
    ("2001-01-01T00:00:00", "withdrawn_since"),
]


@pytest.fixture
def list_id(sandbox: Sandbox, setting: StoreSetting) -> str:
    return choose_newsletter(sandbox)


def again(**which: Any) -> None:
    """An operator's retry."""
    assert retrying.again(Delivery.objects.filter(kind="subscribe", **which)) == 1


@pytest.mark.parametrize("behaviour", StoreSetting.Behaviour)
def test_a_yes_makes_a_subscriber_even_of_somebody_new(
    sandbox: Sandbox, list_id: str, drain: Drain, behaviour: str
) -> None:
    StoreSetting.objects.update(behaviour=behaviour)
    yes = say_yes(first_name="Ben")
    drain()
    ben = known(sandbox, BEN)
    assert fate(yes) == (State.ACCEPTED, "")
    assert (ben.consent, ben.lists, ben.first_name) == ("SUBSCRIBED", (list_id,), "Ben")
    assert (ben.sms_consent, ben.phone_number) == ("NEVER_SUBSCRIBED", None)
    asked = [request.operation for request in sandbox.requests()]
    assert asked[-2:] == ["create_or_update_profile", SUBSCRIBE]


def test_each_account_of_the_store_gets_it_on_its_own_list(
    sandbox: Sandbox, setting: StoreSetting, second_connection: Connection, list_id: str, drain: Drain
) -> None:
    [there] = sandbox.put_lists("Qk7LmA", [SeedList("News")])
    StoreSetting.objects.create(store=setting.store, connection=second_connection, newsletter_list_id=there)
    say_yes()
    drain()
    assert known(sandbox, BEN).lists == (list_id,)
    elsewhere = sandbox.profile("Qk7LmA", BEN)
    assert elsewhere is not None
    assert elsewhere.lists == (there,)


def test_without_a_list_nobody_is_subscribed(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    yes = say_yes()
    drain()
    assert fate(yes) == (State.SKIPPED, "no_newsletter_list")
    assert sandbox.profile(TEA, BEN) is None
    again()
    drain()
    assert fate(yes) == (State.SKIPPED, "no_newsletter_list")
    choose_newsletter(sandbox)
    again()
    drain()
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


def test_a_double_opt_in_is_pending_until_the_person_confirms(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    list_id = choose_newsletter(sandbox, "double_opt_in")
    yes = say_yes()
    drain()
    assert fate(yes) == (State.ACCEPTED, "pending_opt_in")
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).lists) == ("NEVER_SUBSCRIBED", ())
    setting.refresh_from_db()
    assert setting.is_double_opt_in
    assert sandbox.confirm(TEA, BEN)
    assert opt_outs.confirm(setting.connection, BEN) == 1
    assert fate(yes) == (State.CONFIRMED, "")
    assert known(sandbox, BEN).lists == (list_id,)


@pytest.mark.parametrize("reason", ["USER_SUPPRESSED", "UNSUBSCRIBE"])
def test_a_yes_is_a_newer_word_than_an_older_no(sandbox: Sandbox, list_id: str, drain: Drain, reason: str) -> None:
    an_hour_ago = (timezone.now() - HOUR).isoformat()
    no = SeedProfile(email=BEN, consent="UNSUBSCRIBED", suppressions=[reason], said_at=an_hour_ago)
    sandbox.put_profiles(TEA, [no])
    say_yes()
    drain()
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).can_receive) == ("SUBSCRIBED", True)


@pytest.mark.parametrize(
    "no",
    [
        {"consent": "UNSUBSCRIBED"},
        {"suppressions": ["USER_SUPPRESSED"]},
        {"suppressions": ["SPAM_COMPLAINT"]},
        {"suppressions": ["HARD_BOUNCE"]},
        {"sms_consent": "UNSUBSCRIBED"},
        {"list_suppressions": ["NwsLtr"]},
    ],
    ids=str,
)
def test_a_no_at_klaviyo_after_the_yes_is_respected(sandbox: Sandbox, drain: Drain, no: dict[str, Any]) -> None:
    sandbox.put_lists(TEA, [SeedList("Newsletter", id="NwsLtr")])
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=PHONE, **no)])
    yes = say_yes(ago=HOUR, channels=("email", "sms"), phone=PHONE)
    drain()
    assert fate(yes) == (State.SKIPPED, "withdrawn_since")
    assert jobs(sandbox) == 0


@pytest.mark.parametrize("no", [{"sms_consent": "UNSUBSCRIBED"}, {"list_suppressions": ["Others"]}], ids=str)
def test_a_no_to_something_else_is_not_one_to_the_newsletter(
    sandbox: Sandbox, list_id: str, drain: Drain, no: dict[str, Any]
) -> None:
    sandbox.put_lists(TEA, [SeedList("Others", id="Others")])
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, phone_number=PHONE, **no)])
    say_yes(ago=HOUR)
    drain()
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


@pytest.mark.parametrize(("time", "code"), EDGES, ids=str)
def test_a_suppression_without_a_readable_time_counts_as_newer(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain, time: Any, code: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])

    def suppressed(document: Any) -> Any:
        for item in document["data"]:
            marketing = item["attributes"]["subscriptions"]["email"]["marketing"]
            marketing["suppression"] = [{"reason": "USER_SUPPRESSED", "timestamp": time}]
        return document

    spoil("get_profiles", suppressed)
    yes = say_yes()
    drain()
    assert fate(yes)[1] == code
    assert known(sandbox, BEN).consent == ("NEVER_SUBSCRIBED" if code else "SUBSCRIBED")


@pytest.mark.parametrize("block", [None, "x", [], {"email": "x"}, {"email": {"marketing": []}}], ids=str)
def test_nobody_is_subscribed_while_it_cannot_be_read_what_they_said(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain, block: Any
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])

    def odd(document: Any) -> Any:
        for item in document["data"]:
            item["attributes"]["subscriptions"] = block
        return document

    spoil("get_profiles", odd, times=1)
    yes = say_yes()
    drain()
    assert fate(yes) == (State.QUEUED, "unreadable_answer")
    make_due()
    drain()
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


@pytest.mark.parametrize("scope", ["newsletter", "everything", "invites"])
def test_a_no_at_sorae_takes_a_waiting_yes_back(sandbox: Sandbox, list_id: str, drain: Drain, scope: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    yes = say_yes(email=BEN.upper())
    say_no(scope=scope)
    drain()
    assert fate(yes) == (State.CANCELLED, "opted_out")
    assert jobs(sandbox) == 0
    assert known(sandbox, BEN).consent != "SUBSCRIBED"


def test_a_no_at_sorae_counts_though_an_operator_retries(sandbox: Sandbox, drain: Drain) -> None:
    yes = say_yes()
    say_no()
    choose_newsletter(sandbox)
    again(state=State.SKIPPED)
    drain()
    assert fate(yes) == (State.SKIPPED, "opted_out")
    assert jobs(sandbox) == 0


def test_a_no_that_comes_while_the_yes_is_being_forwarded_stops_it(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain
) -> None:
    def said_no(document: Any) -> Any:
        say_no()
        return document

    spoil("create_or_update_profile", said_no, times=1)
    yes = say_yes()
    worker.drain(Connection.objects.get().pk)
    assert fate(yes) == (State.SKIPPED, "opted_out")
    assert jobs(sandbox) == 0


def test_a_no_that_klaviyo_has_just_told_of_counts_before_its_answers_show_it(
    sandbox: Sandbox, setting: StoreSetting, list_id: str, drain: Drain
) -> None:
    told = {"connection": setting.connection, "topic": topics.UNSUBSCRIBED, "received_at": timezone.now()}
    for email, ago in ((BEN, 0), (CID, 30)):
        happened_at = timezone.now() - timedelta(minutes=ago)
        Notice.objects.create(external_id=email, email=email, happened_at=happened_at, **told)
    before, after = say_yes(BEN, ago=timedelta(minutes=10)), say_yes(CID, ago=timedelta(minutes=10))
    drain()
    assert fate(before) == (State.SKIPPED, "withdrawn_since")
    assert fate(after) == (State.ACCEPTED, "")


def test_a_yes_is_good_for_a_day(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    yes = say_yes(ago=timedelta(hours=25))
    worker.drain(Connection.objects.get().pk)
    worker.sweep()
    assert fate(yes) == (State.CANCELLED, "expired")
    assert jobs(sandbox) == 0


def test_a_text_message_opt_in_gives_no_consent_to_e_mail(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    none = say_yes(channels=("sms",), phone="12")
    drain()
    assert fate(none) == (State.FAILED, "no_phone")
    assert jobs(sandbox) == 0
    say_yes(CID, channels=("sms",), phone=PHONE)
    drain()
    cid = known(sandbox, CID)
    assert (cid.consent, cid.sms_consent, cid.phone_number) == ("NEVER_SUBSCRIBED", "SUBSCRIBED", PHONE)


@pytest.mark.parametrize("by", ["the look-up", "the upsert"])
def test_a_number_that_is_somebody_elses_gets_no_consent(
    sandbox: Sandbox, list_id: str, spoil: Spoil, drain: Drain, by: str
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    if by == "the look-up":
        sandbox.put_profiles(TEA, [SeedProfile(email=CID, phone_number=PHONE)])
    else:
        duplicate = {"code": "duplicate_profile", "detail": "Taken.", "meta": {"duplicate_profile_id": "01JC"}}
        spoil("create_or_update_profile", lambda _: (409, json.dumps({"errors": [duplicate]}).encode()), times=1)
    yes = say_yes(channels=("email", "sms"), phone=PHONE)
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).sms_consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")
    assert [person.sms_consent for person in sandbox.profiles(TEA) if person.phone_number == PHONE] in (
        ["NEVER_SUBSCRIBED"],
        [],
    )
    assert "Text messages were left out" in Delivery.objects.get().warnings[-1]


def test_one_job_of_a_person_in_half_an_hour(sandbox: Sandbox, list_id: str, drain: Drain) -> None:
    by_mail = say_yes()
    by_phone = say_yes("Ben@Friends.test", channels=("sms",), phone=PHONE)
    drain()
    assert (fate(by_mail), fate(by_phone)) == ((State.ACCEPTED, ""), (State.QUEUED, "one_job_in_30_minutes"))
    make_due()
    drain()
    assert jobs(sandbox) == 1
    age_jobs(timedelta(minutes=31))
    let_pass(timedelta(minutes=31))
    drain()
    assert fate(by_phone) == (State.ACCEPTED, "")
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).sms_consent) == ("SUBSCRIBED", "SUBSCRIBED")


def test_two_stores_of_an_account_share_the_half_hour(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    oslo = fjord(setting.connection).store
    choose_newsletter(sandbox)
    here = say_yes()
    there = lifecycle.opt_in(oslo, BEN.title(), wording="Yes.", place="Oslo")
    drain()
    assert (fate(here), fate(there)) == ((State.ACCEPTED, ""), (State.QUEUED, "one_job_in_30_minutes"))
    assert jobs(sandbox) == 1


def test_a_list_that_is_gone_holds_what_its_store_has_until_another_is_chosen(
    sandbox: Sandbox, setting: StoreSetting, browser_of_the_operator: Client, drain: Drain
) -> None:
    oslo = fjord(setting.connection).store
    list_id = choose_newsletter(sandbox)
    StoreSetting.objects.filter(pk=setting.pk).update(newsletter_list_id="Gone12", newsletter_list_name="Old news")
    here, there = say_yes(), lifecycle.opt_in(oslo, CID, wording="Yes.", place="Oslo")
    drain()
    assert (fate(here), fate(there)) == ((State.HELD, "list_gone"), (State.ACCEPTED, ""))
    assert "“Old news”" in Delivery.objects.get(source=str(here.uid)).reason
    account_lists.take_all()
    choices = {"is_enabled": "on", "behaviour": "create", "invite_policy": "not_opted_out"}
    choices |= {"reminder_policy": "subscribed_only", "list_id": "", "newsletter_list_id": list_id}
    page = browser_of_the_operator.post(reverse("klaviyo:settings_edit", args=[setting.pk]), choices, follow=True)
    assert "1 delivery that was held" in page.content.decode()
    drain()
    assert fate(here) == (State.ACCEPTED, "")
    assert known(sandbox, BEN).lists == (list_id,)


@pytest.mark.parametrize("fault", ["list_vanished", "missing_scope"])
def test_what_klaviyo_refuses_at_the_last_step_is_held(
    sandbox: Sandbox, list_id: str, drain: Drain, fault: str
) -> None:
    sandbox.fault(SUBSCRIBE, fault)
    yes, code = say_yes(), {"list_vanished": "list_gone", "missing_scope": "permission_denied"}[fault]
    drain()
    assert fate(yes) == (State.HELD, code)


def test_without_the_scope_it_is_held_until_somebody_reconnects(
    sandbox: Sandbox, connect: Connect, list_id: str, drain: Drain
) -> None:
    again = reverse("integrations:reconnect", args=[Connection.objects.get().pk])
    connect(start=again, scope="accounts:read profiles:read profiles:write lists:read lists:write")
    yes = say_yes()
    drain()
    assert fate(yes) == (State.HELD, "permission_denied")
    connect(start=again)
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
