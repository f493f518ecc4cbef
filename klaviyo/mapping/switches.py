"""Switches of a store setting: which events and which profile fields its account is told of; all, if nobody says no.

A fact whose event is off when it happens is on record as not sent, and stays so. An invite or a reminder is a message
to somebody, so it is no switch: the policies and the program say whether it goes. Nor is what a person says no to.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from integrations.models import Delivery
from integrations.outcomes import Skipped
from integrations.reasons import Who, declare
from klaviyo.mapping import catalogue, contents
from klaviyo.mapping.catalogue import Metric
from klaviyo.models import StoreSetting

EVENT_OFF = declare(
    "event_off",
    "Event switched off",
    "{name} is switched off in the store's settings for this account.",
    because="this event is switched off in the store's settings for the account",
    means="Somebody has chosen that the account is not told of this. What happens while it is off is not sent later.",
    who=Who.MERCHANT,
    do="Nothing to do, or switch the event on in the store's settings: what happens from then on is sent.",
    is_for_good=True,
)
EVENT, FIELD = "event", "field"  # how a switch is named: event:visit, field:tier


@dataclass(frozen=True)
class Switch:
    """One event or field: its name as it is stored, what it is called, and what it says."""

    name: str
    label: str
    meaning: str = ""


@dataclass(frozen=True)
class Group:
    """Switches that have to do with each other."""

    name: str
    switches: tuple[Switch, ...]


def _events(name: str, *metrics: Metric) -> Group:
    return Group(name, tuple(Switch(f"{EVENT}:{one.key}", one.name, one.when) for one in metrics))


def _fields(name: str, **labels: str) -> Group:
    return Group(name, tuple(Switch(f"{FIELD}:{field}", label) for field, label in labels.items()))


EVENTS = (
    _events("Advocates", catalogue.ADVOCATE_STARTED, catalogue.INVITE_SENT, catalogue.REFERRED_VISIT),
    _events("Orders", catalogue.CONVERSION, catalogue.REFERRED_PURCHASE),
    _events("Rewards", catalogue.REWARD_ISSUED, catalogue.REWARD_REVERSED),
)
FIELDS = (
    _fields(
        "The person", first_name="First name", last_name="Last name", phone_number="Phone number", locale="Language"
    ),
    _fields("Code and link", referral_code="Referral code", share_link="Share link"),
    _fields("Program", store="Store", program="Program", program_type="Type of program", role="Role", tier="Tier"),
    _fields("How many", invites="Friends invited", visits="Visits by friends", conversions="Orders", rewards="Rewards"),
    _fields("Money", currency="Currency", amount_earned="Amount earned", amount_owed="Amount owed"),
)
NAMES = frozenset(switch.name for group in (*EVENTS, *FIELDS) for switch in group.switches)


def objection(setting: StoreSetting, metric: str) -> Skipped | None:
    """What speaks against an event, by its metric's key; nothing against one that is no switch."""
    name = f"{EVENT}:{metric}"
    if name not in setting.left_out or name not in NAMES:
        return None
    return Skipped(EVENT_OFF.about(name=catalogue.METRICS[metric].name))


def objection_to(setting: StoreSetting, delivery: Delivery) -> Skipped | None:
    """The same of a delivery, which may have been queued while its event was on."""
    return objection(setting, contents.Event.of(delivery).metric) if delivery.kind == contents.Event.kind else None


def fields_off(setting: StoreSetting | None) -> frozenset[str]:
    """The profile fields that the account is not told of, without the prefix of ours."""
    prefix = f"{FIELD}:"
    names = setting.left_out if setting else ()
    return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def without(said: dict[str, Any], off: Collection[str]) -> dict[str, Any]:
    """What is said of a person, without these fields; an amount goes in every currency."""
    return {name: value for name, value in said.items() if not (off and _is_off(name, off))}


def left_out(chosen: Iterable[str]) -> list[str]:
    """What is off where these are on, as it is stored."""
    return sorted(NAMES.difference(chosen))


def _is_off(name: str, off: Collection[str]) -> bool:
    return name in off or any(name.startswith(f"{one}_") for one in off if one.startswith("amount_"))
