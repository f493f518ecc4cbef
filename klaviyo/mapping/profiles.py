"""Profile attributes mapped from an advocate: names, phone, and our own properties."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from klaviyo.api import values
from klaviyo.mapping import switches
from referrals import phones
from referrals.models import Advocate
from referrals.standing import Standing

NO_PHONE = "The phone number was left out: it is not a number that can be called."
GUESSED_PHONE = "The phone number was left out: without its country code (+49, say) it could be somebody else's."
LOCALE = re.compile(r"([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*)(?:[.@][A-Za-z0-9.@-]{1,20})?")


def person_attributes(raw: Mapping[str, Any], country: str) -> tuple[dict[str, Any], list[str]]:
    """Names and phone of a person as Klaviyo takes them; what we do not know is left out, never null."""
    known, warnings = values.properties({name: values.text(value) for name, value in raw.items()})
    given = known.pop("locale", "")
    if language := _language_tag(given):
        known["locale"] = language
    elif given:
        warnings.append("The language was left out: it is not like en or en-GB.")
    if "phone_number" in known:
        written = known.pop("phone_number")
        if number := phones.e164(written, country):
            known["phone_number"] = number
        else:
            warnings.append(GUESSED_PHONE if phones.is_guess(written, country) else NO_PHONE)
    return known, warnings


def _language_tag(given: str) -> str:
    """`pt-BR` for `pt_BR`, `pt-br` and `pt_BR.UTF-8`; empty for what is no language (RFC 5646, 2.1.1).

    It is the form that Klaviyo takes: https://developers.klaviyo.com/en/reference/profiles_api_overview
    """
    match = LOCALE.fullmatch(given)
    if match is None:
        return ""
    language, *others = match[1].replace("_", "-").split("-")
    return "-".join([language.lower(), *(_subtag(other) for other in others)])


def _subtag(part: str) -> str:
    """A script as `Hant`, a region as `BR`, anything else in lower case."""
    if len(part) == 4 and part.isalpha():
        return part.title()
    return part.upper() if len(part) == 2 else part.lower()


def profile(
    advocate: Advocate, standing: Standing, prefix: str = "sorae_", off: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """An advocate's profile: names, phone, and our own properties under our own prefix; without what is `off`."""
    names = {
        "first_name": advocate.first_name,
        "last_name": advocate.last_name,
        "phone_number": advocate.phone,
        "locale": advocate.locale,
    }
    attributes, warnings = person_attributes(switches.without(names, off), advocate.program.store.country)
    ours, trimmed = values.properties(switches.without(_standing(advocate, standing), off))
    attributes["properties"] = {f"{prefix}{name}": value for name, value in ours.items()}
    return attributes | {"email": values.address(advocate.email)}, warnings + trimmed


def _standing(advocate: Advocate, standing: Standing) -> dict[str, Any]:
    store = advocate.program.store
    told = {
        "referral_code": advocate.referral_code,
        "share_link": advocate.share_link,
        "store": store.slug,
        "program": advocate.program.slug,
        "program_type": advocate.program.type,
        "role": advocate.role,
        "tier": advocate.tier,
        "invites": standing.invites,
        "visits": standing.visits,
        "conversions": standing.conversions,
        "rewards": standing.rewards,
        "currency": store.currency,
        "amount_earned": float(standing.earned.get(store.currency, 0)),
        "amount_owed": float(standing.owed.get(store.currency, 0)),
    }
    for currency in sorted((set(standing.earned) | set(standing.owed)) - {store.currency}):
        told[f"amount_earned_{currency.lower()}"] = float(standing.earned.get(currency, 0))
        told[f"amount_owed_{currency.lower()}"] = float(standing.owed.get(currency, 0))
    return told
