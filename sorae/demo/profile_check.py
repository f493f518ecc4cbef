"""The check of advocates' profiles: the `sorae_` properties at Klaviyo say what our own books say."""

from collections.abc import Iterable
from typing import Any

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import SeenProfile
from referrals import standing, suppressions
from referrals.models import Advocate
from referrals.standing import Standing
from sorae.demo.mail_folder import mailbox
from sorae.demo.world import World


def differences(world: World) -> Iterable[str]:
    """A sentence for each advocate whom Klaviyo should know, and does not, or not as they stand now."""
    standings = standing.of(Advocate.objects.values_list("pk", flat=True))
    for setting in StoreSetting.objects.filter(is_enabled=True).select_related("connection"):
        account = setting.connection.account_id
        held = _held(setting) if account in world.away else set()
        for advocate in Advocate.objects.filter(program__store=setting.store_id).select_related("program__store"):
            here = (account, mailbox(advocate.email))
            is_unknown = not world.register.knew(*here) and not setting.creates_profiles
            if is_unknown or advocate.pk in held or suppressions.is_erased(advocate.email):
                continue
            wrong = _wrong(advocate, standings[advocate.pk], world.profile_of.get(here))
            if wrong:
                yield f"The profile of advocate {advocate.uid} at {account} {wrong}"


def _held(setting: StoreSetting) -> set[int]:
    """Of whom an account that is away will hear as soon as it is back."""
    waiting = Delivery.objects.filter(connection=setting.connection_id, kind="profile", state=Delivery.State.HELD)
    return {options["advocate"] for options in waiting.values_list("options", flat=True)}


def _wrong(advocate: Advocate, now: Standing, profile: SeenProfile | None) -> str:
    if profile is None:
        return "is missing."
    sets = _sets(profile.properties, advocate.referral_code)
    if not sets:
        return "lacks the referral code."
    books = _books(advocate, now)
    names = sorted({name for said in sets for name, value in books.items() if said.get(name) != value})
    return f"differs from our books in {', '.join(names)}." if names else ""


def _sets(properties: dict[str, Any], code: str) -> list[dict[str, Any]]:
    """All that is said about this advocate: who is in two programs has a set for each, under a prefix each."""
    prefixes = [
        name.removesuffix("referral_code")
        for name, value in properties.items()
        if name.startswith("sorae_") and name.endswith("referral_code") and value == code
    ]
    return [
        {name.removeprefix(prefix): value for name, value in properties.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]


def _books(advocate: Advocate, now: Standing) -> dict[str, Any]:
    currency = advocate.program.store.currency
    return {
        "share_link": advocate.share_link,
        "program": advocate.program.slug,
        "role": advocate.role,
        "tier": advocate.tier or None,
        "invites": now.invites,
        "visits": now.visits,
        "conversions": now.conversions,
        "rewards": now.rewards,
        "amount_earned": float(now.earned.get(currency, 0)),
        "amount_owed": float(now.owed.get(currency, 0)),
    }
