"""A stranger who types somebody's address into a form takes no no back, and writes nothing on a profile of theirs."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from klaviyo import tasks
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import OptIn, Program, Suppression
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import PHONE, UNSUBSCRIBE, choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, TEA, State, known, make_due

pytestmark = pytest.mark.usefixtures("setting")

HOUR = timedelta(hours=1)
SINGLE, DOUBLE = "single_opt_in", "double_opt_in"


def put(sandbox: Sandbox, **told: Any) -> None:
    an_hour_ago = (timezone.now() - HOUR).isoformat()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, said_at=an_hour_ago, **told)])


def name(sandbox: Sandbox) -> str:
    return known(sandbox, BEN).first_name or ""


def tick(**more: Any) -> OptIn:
    return say_yes(proof="", **more)


NOES_THERE: list[dict[str, Any]] = [
    {"consent": "UNSUBSCRIBED"},
    {"suppressions": ["UNSUBSCRIBE"]},
    {"suppressions": ["USER_SUPPRESSED"]},
    {"suppressions": ["SPAM_COMPLAINT"]},
    {"suppressions": ["HARD_BOUNCE"]},
]
FOR_GOOD = ("SPAM_COMPLAINT", "HARD_BOUNCE")


@pytest.mark.parametrize("proof", ["", "signed_in", "confirmed"])
@pytest.mark.parametrize("no", NOES_THERE, ids=str)
def test_a_no_at_klaviyo_is_undone_by_what_is_proved_enough(
    sandbox: Sandbox, drain: Drain, no: dict[str, Any], proof: str
) -> None:
    choose_newsletter(sandbox)
    put(sandbox, **no)
    yes = say_yes(proof=proof)
    drain()
    is_for_good = bool(set(no.get("suppressions", ())) & set(FOR_GOOD))
    if proof == "" or (proof == "signed_in" and is_for_good):
        assert fate(yes) == (State.SKIPPED, "not_proved")
        assert jobs(sandbox) == 0
    else:
        assert fate(yes) == (State.ACCEPTED, "")
        assert known(sandbox, BEN).consent == "SUBSCRIBED"


@pytest.mark.parametrize("proof", ["", "signed_in", "confirmed"])
@pytest.mark.parametrize("reason", list(Suppression.Reason))
def test_whom_sorae_lists_is_asked_for_by_what_is_proved_enough(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain, reason: Suppression.Reason, proof: str
) -> None:
    choose_newsletter(sandbox)
    if reason == Suppression.Reason.ERASED:
        lifecycle.erase(BEN)
    else:
        lifecycle.suppress(BEN, reason, setting.store)
    yes = say_yes(proof=proof)
    drain()
    is_enough = proof == "confirmed" or (proof == "signed_in" and reason == Suppression.Reason.UNSUBSCRIBED)
    assert fate(yes) == ((State.ACCEPTED, "") if is_enough else (State.SKIPPED, "not_proved"))
    assert jobs(sandbox) == int(is_enough)


@pytest.mark.parametrize("no", NOES_THERE[:3], ids=str)
def test_with_double_opt_in_klaviyo_asks_the_mailbox_and_all_stays_as_it_was(
    sandbox: Sandbox, drain: Drain, no: dict[str, Any]
) -> None:
    choose_newsletter(sandbox, DOUBLE)
    put(sandbox, **no)
    was = known(sandbox, BEN).consent
    yes = tick()
    drain()
    assert fate(yes) == (State.ACCEPTED, "pending_opt_in")
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).can_receive) == (was, False)
    assert sandbox.confirm(TEA, BEN)
    assert known(sandbox, BEN).can_receive


@pytest.mark.parametrize("process", [SINGLE, DOUBLE])
def test_a_stranger_takes_back_no_no_that_waits(
    sandbox: Sandbox, connection: Connection, drain: Drain, process: str
) -> None:
    choose_newsletter(sandbox, process)
    put(sandbox, consent="SUBSCRIBED")
    no = say_no(scope="everything")
    tick()
    drain()
    make_due()
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert not known(sandbox, BEN).can_receive


def test_who_is_signed_in_takes_back_a_no_that_waits(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    put(sandbox, consent="SUBSCRIBED")
    no = say_no(scope="everything")
    yes = say_yes()
    drain()
    assert (fate(no), fate(yes)) == ((State.SKIPPED, "opted_in_since"), (State.ACCEPTED, ""))
    assert sandbox.requests(UNSUBSCRIBE) == []


@pytest.mark.parametrize("proof", ["", "signed_in"])
def test_a_form_writes_no_name_onto_a_profile_that_exists(sandbox: Sandbox, drain: Drain, proof: str) -> None:
    choose_newsletter(sandbox)
    put(sandbox)
    say_yes(proof=proof, first_name="Loser")
    drain()
    assert known(sandbox, BEN).consent == "SUBSCRIBED"
    assert name(sandbox) == ("" if proof == "" else "Loser")


def test_a_form_writes_no_number_onto_a_profile_that_exists(sandbox: Sandbox, drain: Drain) -> None:
    choose_newsletter(sandbox)
    put(sandbox)
    yes = tick(channels=("email", "sms"), phone=PHONE)
    drain()
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).sms_consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")
    assert known(sandbox, BEN).phone_number is None
    assert "Text messages were left out" in Delivery.objects.get(source=str(yes.uid)).warnings[-1]


@pytest.mark.parametrize("by_anybody", [True, False])
def test_a_join_form_writes_no_name_onto_a_profile_that_exists(
    sandbox: Sandbox, spring: Program, drain: Drain, by_anybody: bool
) -> None:
    put(sandbox)
    advocate = lifecycle.join(spring, BEN, first_name="Loser", by_anybody=by_anybody)
    drain()
    assert known(sandbox, BEN).properties["sorae_referral_code"] == advocate.referral_code
    assert name(sandbox) == ("" if by_anybody else "Loser")
    lifecycle.update(advocate, first_name="Ben")
    drain()
    assert name(sandbox) == ("Ben" if by_anybody else "Loser")


def test_somebody_new_gets_the_name_that_the_form_gave(sandbox: Sandbox, spring: Program, drain: Drain) -> None:
    lifecycle.join(spring, BEN, first_name="Ben", by_anybody=True)
    drain()
    assert name(sandbox) == "Ben"


def test_what_was_not_proved_goes_when_the_list_asks_the_mailbox(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    choose_newsletter(sandbox)
    put(sandbox, consent="UNSUBSCRIBED")
    yes = tick()
    drain()
    choose_newsletter(sandbox, DOUBLE, "Asks first")
    assert retrying.again(Delivery.objects.filter(source=str(yes.uid))) == 1
    drain()
    tasks.tell_noes()
    assert fate(yes) == (State.ACCEPTED, "pending_opt_in")
