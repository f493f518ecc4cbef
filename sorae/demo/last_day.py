"""The script's last day, scene by scene: opt-ins, opt-outs, invites that meet trouble, invites that come too late."""

from dataclasses import dataclass

from sorae.demo import names
from sorae.demo.cast import Known, Person
from sorae.demo.journeys import Journey, Script
from sorae.demo.random_source import Dice
from sorae.demo.scene import HARBOR, MAIL_PER_ADVOCATE_AND_DAY, SHOPS, TEA, TEA_CLUB, Shop

DUSK, NIGHT, LAST = "dusk", "night", "last"  # scenes after the main play, in their order

WITHDRAW = {0: "unsubscribed", 1: "suppressed", 2: "spam"}  # friends of the evening who say no at Klaviyo
OPTS_OUT, BOUNCES, COMPLAINS = 5, 6, 7  # and those whose first message of ours leads to it
TURN_DOWN = {8: "newsletter", 9: "everything", 10: "invites"}  # and what these say no to, to Sorae
FRIENDS = 11

WORDS = "Yes, send me news and offers of {} by e-mail. I can unsubscribe at any time."
WORDS_WITH_TEXTS = "Yes, send me news and offers of {} by e-mail and text message."
BAD_PHONE = "call me"


@dataclass(frozen=True)
class LastDay:
    """One shop's last day."""

    script: Script
    dice: Dice
    shop: Shop
    hosts: tuple[Journey, Journey]

    def tell(self) -> None:
        self._yes(readers(self.shop))
        self._no()
        self._dusk()
        if self.shop == TEA:
            self._limits()
        if self.shop == HARBOR:
            self._last()

    def _yes(self, friends: list[Person]) -> None:
        """Opt-ins with and without text messages; one too old, one said twice in other words, one taken back."""
        for number, friend in enumerate(friends[:6]):
            with_texts = number % 3 == 1
            self._opt_in(friend, 0.6 - number / 50, with_texts=with_texts, phone=self._phone(number))
        self._opt_in(friends[6], 20.0)
        self._opt_in(friends[0], 0.25, with_texts=True, phone=self._phone(7))
        self.script.tell(
            "opt_in",
            0.3,
            store=self.shop.slug,
            email=friends[7].email,
            wording="Text me.",
            place="checkout",
            channels=["sms"],
            phone=BAD_PHONE,
        )
        self._opt_in(friends[8], 0.2)
        self._opt_out(friends[8], 0.1, "newsletter")

    def _no(self) -> None:
        """People of the newsletter who turn it down, or everything, or just invites; then somebody invites them."""
        for number, scope in TURN_DOWN.items():
            person = friend(self.shop, number)
            self._opt_out(person, 0.4, scope)
            self.hosts[1].invite(person, at=0.3 - number / 100)
        for number in TURN_DOWN:  # and a stranger types their address into the join form, and ticks the box
            self._opt_in(friend(self.shop, number), 0.15)

    def _dusk(self) -> None:
        """Some were invited and written to before; now a second host invites them."""
        for number in (OPTS_OUT, BOUNCES, COMPLAINS):
            self.hosts[0].invite(friend(self.shop, number), at=30 - number / 10)
        self.script.scene = DUSK
        for number in range(COMPLAINS + 1):
            self.hosts[1].invite(friend(self.shop, number), at=0.03)
        self.script.scene = ""

    def _limits(self) -> None:
        """Somebody joins the tea club and invites more friends than one may in a day."""
        self.script.scene = NIGHT
        host = self.script.tell("join", 0.026, program=TEA_CLUB, email="eager@club.test", first_name="Eager")
        for number in range(MAIL_PER_ADVOCATE_AND_DAY + 2):
            guest = _person(self.shop, "guest", 11 + number)
            self.script.tell(
                "invite", 0.025, advocate=host, recipient_email=guest.email, recipient_name=guest.first_name
            )
        self.script.scene = ""

    def _last(self) -> None:
        self.script.scene = LAST
        for number in range(3):
            self.hosts[1].invite(_person(self.shop, "late", 20 + number), at=0.02)
        self.script.scene = ""

    def _opt_in(self, person: Person, days_ago: float, *, with_texts: bool = False, phone: str = "") -> None:
        channels = ["email", "sms"] if with_texts else ["email"]
        words = (WORDS_WITH_TEXTS if with_texts else WORDS).format(self.shop.name)
        place = self.dice.one_of(("join form", "invite page", "checkout"))
        self.script.tell(
            "opt_in",
            days_ago,
            store=self.shop.slug,
            email=person.email,
            wording=words,
            place=place,
            channels=channels,
            phone=phone if with_texts else "",
            first_name=person.first_name[:20],
        )

    def _opt_out(self, person: Person, days_ago: float, scope: str) -> None:
        self.script.tell(
            "opt_out", days_ago, store=self.shop.slug, email=person.email, scope=scope, place="account page"
        )

    def _phone(self, number: int) -> str:
        return {"FI": "+358 40 555 12{:02}", "NO": "+47 922 33 4{:02}", "US": "+1 503 555 01{:02}"}[
            self.shop.country
        ].format(number)


def friend(shop: Shop, number: int) -> Person:
    return _person(shop, "evening", number)


def addresses() -> list[str]:
    return [friend(shop, number).email for shop in SHOPS for number in range(FRIENDS)]


def known() -> list[Known]:
    """Klaviyo has them all as subscribers, some of them of the newsletter list."""
    return [
        {
            "account": shop.account,
            "email": friend(shop, number).email,
            "consent": "SUBSCRIBED",
            "lists": [shop.newsletter] if shop.newsletter and number in TURN_DOWN else [],
        }
        for shop in SHOPS
        for number in range(FRIENDS)
    ]


def readers(shop: Shop) -> list[Person]:
    """Who asks for the newsletter."""
    return [_person(shop, "reader", 30 + number) for number in range(9)]


def _person(shop: Shop, what: str, number: int) -> Person:
    name = names.FIRST[(number * 5 + len(shop.slug)) % len(names.FIRST)]
    return Person(f"{what}{number}@{shop.slug}.test", name, "", "", "")
