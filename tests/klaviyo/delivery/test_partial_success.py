"""A success with a part left out is told as one: the phone number that Klaviyo ignored (X-Klaviyo-Partial-Failure)."""

from datetime import timedelta

import pytest
import requests

from integrations.models import Delivery
from integrations.outbox import retrying
from klaviyo.api import partial_success
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import PHONE, SUBSCRIBE, age_jobs, choose_newsletter, fate, jobs, say_yes
from tests.klaviyo.story import BEN, TEA, State, known

pytestmark = pytest.mark.usefixtures("setting")

IGNORED = "Klaviyo took it without the phone number."
UPSERT = "create_or_update_profile"


def warnings(kind: str) -> list[list[str]]:
    return list(Delivery.objects.filter(kind=kind).order_by("pk").values_list("warnings", flat=True))


@pytest.mark.parametrize(
    "said", ["phone_number", "Phone_Number", ' "phone_number" ', '["phone_number"]', "phone_number; region=EG"]
)
def test_the_name_is_read_however_it_is_written(said: str) -> None:
    response = requests.Response()
    response.headers[partial_success.HEADER] = said
    assert partial_success.ignored(response) == {partial_success.PHONE}


def test_a_profile_without_its_number_is_there_with_a_warning(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    sandbox.fault(UPSERT, "partial_failure")
    lifecycle.update(ann, phone=PHONE)
    drain()
    assert known(sandbox, ann.email).phone_number is None
    assert Delivery.objects.filter(kind="profile").latest("pk").state == State.ACCEPTED
    assert warnings("profile")[-1] == [IGNORED]


def test_an_opt_in_for_both_is_one_for_e_mail_with_a_warning(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    choose_newsletter(sandbox)
    sandbox.fault(SUBSCRIBE, "partial_failure")
    yes = say_yes(channels=["email", "sms"], phone=PHONE)
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert warnings("subscribe") == [[IGNORED]]
    assert (known(sandbox, BEN).consent, known(sandbox, BEN).sms_consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")


@pytest.mark.parametrize("process", ["single_opt_in", "double_opt_in"])
def test_an_opt_in_for_texts_alone_is_not_taken_and_may_be_tried_again(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain, process: str
) -> None:
    choose_newsletter(sandbox, process)
    sandbox.fault(SUBSCRIBE, "partial_failure")
    yes = say_yes(channels=["sms"], phone=PHONE)
    drain()
    assert fate(yes) == (State.FAILED, "number_ignored")
    age_jobs(timedelta(hours=1))
    assert retrying.again(Delivery.objects.filter(kind="subscribe")) == 1
    drain()
    assert jobs(sandbox) == 2
    assert fate(yes)[0] == State.ACCEPTED
    assert sandbox.profile(TEA, BEN)
    if process == "single_opt_in":
        assert known(sandbox, BEN).sms_consent == "SUBSCRIBED"


def test_a_worker_that_dies_after_such_an_answer_leaves_word_of_it(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    choose_newsletter(sandbox)
    sandbox.fault(SUBSCRIBE, "partial_failure")
    yes = say_yes(channels=["sms"], phone=PHONE)
    drain()
    Delivery.objects.filter(kind="subscribe").update(
        state=State.QUEUED, reason_code="", options=_without_note(), settled_at=None
    )
    drain()
    assert jobs(sandbox) == 1
    assert fate(yes) == (State.FAILED, "number_ignored")


def _without_note() -> dict[str, object]:
    options = Delivery.objects.get(kind="subscribe").options
    return {name: value for name, value in options.items() if name != "ignored_attempt"}
