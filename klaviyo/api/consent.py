"""Consent: Klaviyo's `subscriptions` block, parsed once, with whatever cannot be read marked as such.

Consent (what a person said) and suppression (whether their address can be reached) are two axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.api.answers import members, words

UNREADABLE = "UNREADABLE"


@dataclass(frozen=True)
class Suppression:
    """A suppression as Klaviyo wrote it: of the address, or (with a `list_id`) of one list's mail to it.

    `since` is empty where that cannot be read, `list_id` where the entry names none.
    """

    reason: str
    since: str
    list_id: str = ""


@dataclass(frozen=True)
class Marketing:
    """What an account holds about marketing on one channel; `said` is the block itself, as evidence."""

    consent: str = ""
    is_reachable: bool = False
    changed_at: str = ""
    suppressions: tuple[Suppression, ...] = ()
    list_suppressions: tuple[Suppression, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def lists_are_readable(self) -> bool:
        """Whether each entry says which list the person has left."""
        return all(entry.list_id for entry in self.list_suppressions)


@dataclass(frozen=True)
class Subscriptions:
    """A person's consent by channel: None where the account holds nothing; of `unreadable` ones nothing is known.

    Where the profile was found by another address than its first, `of_another` names that one: what is told of e-mail
    is then about it, and nothing is known of the one that was asked for.
    """

    email: Marketing | None = None
    sms: Marketing | None = None
    was_asked: bool = True
    unreadable: frozenset[str] = frozenset()
    of_another: str = ""


def parse(attributes: Mapping[str, Any]) -> Subscriptions:
    """The subscriptions of a profile's attributes, asked for with `additional-fields[profile]=subscriptions`."""
    # Absent where nobody asked for it: https://developers.klaviyo.com/en/reference/get_profiles
    if "subscriptions" not in attributes:
        return Subscriptions(was_asked=False, unreadable=frozenset({"email", "sms"}))
    blocks = {channel: _block(attributes["subscriptions"], channel) for channel in ("email", "sms")}
    found = {channel: _marketing(block) for channel, block in blocks.items() if isinstance(block, dict)}
    unreadable = frozenset(channel for channel, block in blocks.items() if not isinstance(block, dict | None))
    return Subscriptions(found.get("email"), found.get("sms"), unreadable=unreadable)


def _block(subscriptions: Any, channel: str) -> Any:
    """The block about marketing on a channel: None where there is none, and whatever stands in its place."""
    block = UNREADABLE if subscriptions is None else subscriptions
    for name in (channel, "marketing"):
        block = block.get(name) if isinstance(block, dict) else block
    return block


def _marketing(block: dict[str, Any]) -> Marketing:
    return Marketing(
        consent=words(block.get("consent")),
        # Also of who never subscribed: https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api
        is_reachable=block.get("can_receive_email_marketing") is True,
        changed_at=words(block.get("last_updated") or block.get("consent_timestamp")),
        suppressions=_suppressions(block.get("suppression")),
        list_suppressions=_suppressions(block.get("list_suppressions")),
        said=block,
    )


def _suppressions(entries: Any) -> tuple[Suppression, ...]:
    """Entries of any reason count, also those that cannot be read."""
    if not entries:
        return ()
    return tuple(map(_suppression, entries if isinstance(entries, list) else [None]))


def _suppression(entry: Any) -> Suppression:
    told = members(entry)
    reason = str(told.get("reason") or "UNKNOWN") if isinstance(entry, dict) else UNREADABLE
    return Suppression(reason, words(told.get("timestamp")), words(told.get("list_id")))
