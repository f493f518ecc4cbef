"""Duplicate and invalid lines of the script, as a shop's data export brings them, and friends of every consent."""

from typing import Any

from sorae.demo.cast import EACH, Person, friend_of_each
from sorae.demo.journeys import Journey, Script
from sorae.demo.scene import Shop

ONCE_ONLY = {"join", "invite", "remind", "convert", "refund", "reverse"}  # without a visitor, each visit is one


def add_every_case(script: Script, journey: Journey, shop: Shop) -> None:
    """One advocate invites and reminds a friend of every consent there is; one invite is out of date."""
    for number in range(EACH):
        friend = Person(friend_of_each(shop, number), f"Case {number}", "", "", "")
        invite = journey.invite(friend, at=9 - number / 10)
        if not shop.most_reminders:
            script.tell("remind", 5 - number / 10, invite=invite, number=1)
    late = Person(f"late@{shop.slug}.test", "Late", "Comer", "", "")
    journey.invite(late, expires_in_days=5, at=12)
    script.tell("visit", 3, advocate=journey.me, landing_page=shop.url + "/" + "very-long/" * 150)
    # The clock of the shop's old system began in the year 2000; Klaviyo's begins a year later.
    _dated_visit(script, journey, f"old-{shop.slug}", "2000-06-15T12:00:00+00:00")


def add_forgotten(script: Script, journey: Journey, shop: Shop) -> None:
    """A friend who was invited, bought and was thanked, and then asks to be forgotten everywhere."""
    friend = Person(forgotten(shop), "Ida", "Menot", "", "")
    journey.invite(friend, at=30)
    order = script.tell(
        "convert",
        29,
        advocate=journey.me,
        order_id="FORGOTTEN-1",
        friend_email=friend.email,
        friend_first_name=friend.first_name,
        total="20.00",
        currency=shop.currency,
    )
    script.tell(
        "reward",
        28,
        advocate=journey.me,
        order=order,
        recipient="friend",
        kind="credit",
        amount="5.00",
        currency=shop.currency,
    )
    script.tell("erase", 20, email=friend.email)
    _late_order(script, journey, shop, friend)
    # What a shop's own systems know besides: a complaint about other mail, an invite that is of no use any more.
    script.tell("suppress", 13, email=f"angry@{shop.slug}.test", reason="complained", store=shop.slug)
    journey.invite(Person(f"angry@{shop.slug}.test", "Angry", "", "", ""), at=11)
    closed = journey.invite(Person(f"closed@{shop.slug}.test", "Closed", "", "", ""), at=11)
    script.tell("visit", 10.1, advocate=journey.me, invite=closed, landing_page=shop.url)
    script.tell("close", 10, invite=closed, by="visited")
    script.tell("remind", 9, invite=closed, number=1)


def _late_order(script: Script, journey: Journey, shop: Shop, friend: Person) -> None:
    """The shop's till was off the net for two weeks: it tells of an order by somebody who has been erased since."""
    script.tell(
        "convert",
        24,
        told=10,
        advocate=journey.me,
        order_id="FORGOTTEN-2",
        friend_email=friend.email,
        friend_first_name=friend.first_name,
        total="30.00",
        currency=shop.currency,
    )


def forgotten(shop: Shop) -> str:
    return f"forget.me@{shop.slug}.test"


def popular(shop: Shop) -> Person:
    """Whom everybody invites."""
    return Person(f"popular@{shop.slug}.test", "Popular", "", "", "")


def add_repeats(script: Script) -> None:
    """Every fiftieth line is told again, and one order by another person's mouth."""
    known = [line for line in script.lines[::50] if line["do"] in ONCE_ONLY and "scene" not in line]
    script.lines += [line | {"days_ago": line["days_ago"] * 0.9} for line in known]
    first, other = [line for line in script.lines if line["do"] == "convert"][:2]
    script.lines.append(first | {"id": "stolen-order", "days_ago": 0.5, "advocate": other["advocate"]})


def add_refusals(script: Script, journey: Journey, shop: Shop) -> None:
    """Lines that `lifecycle` refuses, each for a reason of its own."""
    friend = {"recipient_email": f"fine@{shop.slug}.test"}
    order = {"order_id": "X-1", "friend_email": f"fine@{shop.slug}.test", "total": "10.00", "currency": shop.currency}
    joins: list[dict[str, Any]] = [
        {"email": "not-an-address"},
        {"email": "ann@localhost"},
        {"email": "two@signs@kettle.test"},
        {"email": "a" * 95 + "@kettle.test"},
        {"email": "half\ud83d@kettle.test"},
        {"email": "nul\0@kettle.test"},
        {"email": "fine1@kettle.test", "first_name": "Nul\0"},
        {"email": "fine2@kettle.test", "last_name": "Half of a \ud83d"},
        {"email": "fine3@kettle.test", "first_name": "long " * 200},
        {"email": "fine4@kettle.test", "role": "emperor"},
    ]
    for told in joins:
        script.tell("join", 8, program=shop.program, **told)
    script.tell("invite", 7, advocate=journey.me, **friend, channel="pigeon")
    script.tell("invite", 7, advocate="join-of-nobody", **friend)
    for change in (
        {"total": "-10.00"},
        {"total": "NaN"},
        {"total": "12,50"},
        {"total": "10.001"},
        {"total": "1e30"},
        {"currency": "XXX"},
        {"currency": "BITCOIN"},
        {"lines": [{"sku": "A", "quantity": 0, "price": "1.00"}]},
        {"order_id": "   "},
        {"friend_email": ""},
    ):
        script.tell("convert", 6, advocate=journey.me, **(order | change))
    _dated_visit(script, journey, "before-time", "1970-01-01T00:00:00+00:00")
    _dated_visit(script, journey, "after-time", "2999-01-01T00:00:00+00:00")
    script.lines.append({"do": "teleport", "id": "no-such-verb", "days_ago": 1.0, "advocate": journey.me})


def _dated_visit(script: Script, journey: Journey, line_id: str, at: str) -> None:
    script.lines.append({"do": "visit", "id": line_id, "at": at, "advocate": journey.me})
