"""What tests of the newsletter share: its list, a yes, a no, and what became of them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations.models import Attempt, Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList
from referrals import lifecycle
from referrals.models import OptIn, OptOut, Store
from tests.klaviyo.story import BEN, TEA

PHONE = "+358401234567"
SUBSCRIBE, UNSUBSCRIBE = "bulk_subscribe_profiles", "bulk_unsubscribe_profiles"


def choose_newsletter(sandbox: Sandbox, process: str = "single_opt_in", name: str = "Newsletter") -> str:
    """Every store there is has this newsletter list; its id."""
    [list_id] = sandbox.put_lists(TEA, [SeedList(name, opt_in_process=process)])
    StoreSetting.objects.update(newsletter_list_id=list_id, newsletter_list_name=name)
    return list_id


def say_yes(email: str = BEN, *, ago: timedelta = timedelta(0), **more: Any) -> OptIn:
    """Said by somebody who is signed in."""
    wording = f"I want the newsletter. ({timezone.now()})"  # the same words within minutes are one opt-in
    told: dict[str, Any] = {
        "wording": wording,
        "place": "The join form",
        "proof": "signed_in",
        "occurred_at": _when(ago),
    }
    return lifecycle.opt_in(Store.objects.get(slug="tea-house"), email, **told | more)


def say_no(email: str = BEN, scope: str = "newsletter", *, ago: timedelta = timedelta(0)) -> OptOut:
    store = Store.objects.get(slug="tea-house")
    return lifecycle.opt_out(store, email, scope=scope, place="A page", occurred_at=_when(ago))


def _when(ago: timedelta) -> datetime | None:
    """Told of the past; what is said now has no time of the host's."""
    return timezone.now() - ago if ago else None


def fate(fact: OptIn | OptOut) -> tuple[str, str]:
    """State and reason of the one delivery of a yes or a no."""
    delivery = Delivery.objects.get(source=str(fact.uid))
    return delivery.state, delivery.reason_code


def age_jobs(by: timedelta) -> None:
    """As if all jobs of before had been made so much earlier."""
    for attempt in Attempt.objects.filter(operation__in=(SUBSCRIBE, UNSUBSCRIBE)):
        Attempt.objects.filter(pk=attempt.pk).update(started_at=attempt.started_at - by)


def jobs(sandbox: Sandbox) -> int:
    return len(sandbox.requests(SUBSCRIBE))
