"""What tests of the laws share: a small story that Klaviyo has heard, and the judge's word on it."""

from typing import Any

from klaviyo.sandbox import Sandbox, SeenEvent
from referrals.models import Invite, Reminder
from sorae.demo import laws
from sorae.demo.cast import Known
from sorae.demo.consent_history import Change
from sorae.demo.laws import Broken
from sorae.demo.mail_folder import Mail
from sorae.demo.world import World
from tests.consent_screen import TEA_HOUSE_LTD

BEN = "ben@letters.test"


def seen(sandbox: Sandbox) -> list[SeenEvent]:
    return sandbox.events(TEA_HOUSE_LTD)


def without(sandbox: Sandbox, metric: str) -> list[SeenEvent]:
    """What Klaviyo has, as if it had lost these."""
    return [event for event in seen(sandbox) if event.metric != metric]


def judged(
    sandbox: Sandbox, events: list[SeenEvent] | None = None, before: list[Known] | None = None, **more: Any
) -> Broken:
    profiles = sandbox.profiles(TEA_HOUSE_LTD)
    return laws.judge(World(seen(sandbox) if events is None else events, profiles, before or [], **more))


def ben(consent: str, *suppressions: str, **more: Any) -> list[Known]:
    known = {"account": TEA_HOUSE_LTD, "email": BEN, "consent": consent, "suppressions": list(suppressions)}
    return [known | more]


def change(to: str, *sent_before: str) -> Change:
    """Ben changes his mind at Klaviyo, after these had been sent to him."""
    return Change(TEA_HOUSE_LTD, BEN, to, frozenset(sent_before))


def mail_of(fact: Invite | Reminder, to: str = BEN) -> Mail:
    return Mail(to, str(fact.uid), f"<{fact.uid}.1@sorae.test>", "")
