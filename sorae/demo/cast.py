"""The cast: the demo's people by store, and the profiles that Klaviyo holds before the first fact."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from sorae.demo import names
from sorae.demo.random_source import Dice
from sorae.demo.scene import COFFEE, HARBOR, LISTS, SHOPS, TEA, Shop

SUPPRESSIONS = ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED")
ADVOCATES = {TEA.slug: 66, COFFEE.slug: 34, HARBOR.slug: 14}
FRIENDS = {TEA.slug: 170, COFFEE.slug: 90, HARBOR.slug: 48}
STRANGERS = 20  # at Klaviyo, and nothing to do with us
KNOWN = {TEA.slug: 0.5, COFFEE.slug: 0.65, HARBOR.slug: 0.5}

Known = dict[str, Any]  # an account and its person, in the words of the sandbox's control API, but lists by name


@dataclass(frozen=True)
class Person:
    """Somebody with an address, a name and perhaps a phone."""

    email: str
    first_name: str
    last_name: str
    phone: str
    locale: str


@dataclass(frozen=True)
class Cast:
    """Who is in the program of each store, whom they may invite, and Klaviyo's people by account."""

    advocates: dict[str, list[Person]]
    friends: dict[str, list[Person]]
    known: list[Known]


def gather(dice: Dice) -> Cast:
    advocates, friends, known = {}, {}, []
    number = 0
    for shop in SHOPS:
        people = []
        for _ in range(ADVOCATES[shop.slug] + FRIENDS[shop.slug]):
            people.append(_person(dice, number, shop))
            number += 1
        advocates[shop.slug] = people[: ADVOCATES[shop.slug]]
        friends[shop.slug] = people[ADVOCATES[shop.slug] :]
        # Klaviyo takes international domains in their ASCII form only, so it cannot have known the others.
        ascii_only = [person for person in people if person.email.isascii()]
        known += [_known(dice, person, shop) for person in ascii_only if dice.happens(KNOWN[shop.slug])]
    friends[COFFEE.slug] += friends[TEA.slug][:15]  # the same people, at another store and account
    advocates[COFFEE.slug] += advocates[TEA.slug][:8]
    strangers = [_person(dice, number + i, TEA) for i in range(STRANGERS)]
    known += [_known(dice, person, TEA) for person in strangers if person.email.isascii()]
    return Cast(advocates, friends, known + _one_of_each())


def _person(dice: Dice, number: int, shop: Shop) -> Person:
    first, last = dice.one_of(names.FIRST), dice.one_of(names.LAST)
    if number % 9 == 4:
        first, last = names.ODD[number // 9 % len(names.ODD)]
    return Person(
        email=_email(dice, number, first, last),
        first_name=first,
        last_name=last,
        phone=_phone(dice, number, shop),
        locale=dice.one_of(names.LOCALES),
    )


def _email(dice: Dice, number: int, first: str, last: str) -> str:
    """Written in the ways that people write them: with a plus, in capitals, international, with an apostrophe."""
    local = f"{_ascii(first) or 'friend'}.{_ascii(last) or 'tea'}"[:40].strip(".") + str(number)
    domain = dice.one_of(names.DOMAINS)
    match number % 12:
        case 3:
            local += dice.one_of(("+tea", "+shop+2026", "+"))
        case 5:
            local, domain = local.upper(), domain.upper()
        case 7:
            domain = dice.one_of(names.INTERNATIONAL_DOMAINS)
        case 9:
            local = f"o'{local}_-{number}"
        case 10:
            local = f"{local}{'x' * (60 - len(local))}" if number % 5 == 0 else local
    return f"{local}@{domain}"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]+", "", plain)


def _phone(dice: Dice, number: int, shop: Shop) -> str:
    if dice.happens(0.3):
        return ""
    if dice.happens(0.15):
        return dice.one_of(names.BAD_PHONES)
    return dice.one_of(names.PHONES[shop.country]).format(number % 100)


def _known(dice: Dice, person: Person, shop: Shop) -> Known:
    """A person as Klaviyo has them already; sometimes written differently from how we write them."""
    known: Known = {"account": shop.account, "email": person.email}
    if dice.happens(0.2):
        known["email"] = person.email.swapcase()
    if dice.happens(0.5):
        known |= {"first_name": _ascii(person.first_name).title() or "Friend", "properties": {"Loyalty": "gold"}}
    draw = dice.between(0, 1)
    if draw < 0.5:
        known |= {"consent": "SUBSCRIBED", "lists": [dice.one_of(tuple(LISTS[shop.account]))]}
    elif draw < 0.75:
        known |= {"consent": "NEVER_SUBSCRIBED"}
    elif draw < 0.87:
        known |= {"consent": "UNSUBSCRIBED", "suppressions": ["UNSUBSCRIBE"] if dice.happens(0.7) else []}
    else:
        reasons = [dice.one_of(SUPPRESSIONS)]
        known |= {"consent": dice.one_of(("SUBSCRIBED", "NEVER_SUBSCRIBED")), "suppressions": reasons}
    return known


def _one_of_each() -> list[Known]:
    """Somebody for every reason there is; `PENDING_REVIEW` is a consent that nobody has thought of yet."""
    states: list[Known] = [
        {"consent": "SUBSCRIBED"},
        {"consent": "NEVER_SUBSCRIBED"},
        {"consent": "UNSUBSCRIBED"},
        {"consent": "PENDING_REVIEW"},
        *({"consent": "SUBSCRIBED", "suppressions": [reason]} for reason in SUPPRESSIONS),
        {"consent": "NEVER_SUBSCRIBED", "suppressions": list(SUPPRESSIONS)},
    ]
    return [
        {"account": shop.account, "email": friend_of_each(shop, number), **state}
        for shop in SHOPS
        for number, state in enumerate([*states, _left_the_list(shop)])
    ]


def _left_the_list(shop: Shop) -> Known:
    return {"consent": "SUBSCRIBED", "list_suppressions": [shop.newsletter or shop.list_name]}


EACH = 12  # as many as `_one_of_each` knows for a store, and one whom Klaviyo has never seen


def friend_of_each(shop: Shop, number: int) -> str:
    return f"case{number}@{shop.slug}.test"
