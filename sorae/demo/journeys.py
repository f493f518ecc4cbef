"""Journeys of advocates in the script: they join, invite friends who visit and buy, are rewarded, and get refunds."""

from decimal import Decimal
from typing import Any

from sorae.demo import names
from sorae.demo.cast import Person
from sorae.demo.random_source import Dice
from sorae.demo.scene import Shop

WEEKS = 6
LATEST = 0.02  # days ago; about half an hour
CHANNELS = ("email", "email", "whatsapp", "sms", "link", "social", "other")
CENT = Decimal("0.01")

Line = dict[str, Any]


class Script:
    """The lines as they are written; each is a verb of `lifecycle` with its arguments."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.scene = ""  # of the lines that are told now; empty for the main play
        self._ids = 0

    def tell(self, do: str, days_ago: float, **told: Any) -> str:
        """Write one line; its id, by which later lines speak of it. What is empty is left out."""
        self._ids += 1
        line_id = f"{do}-{self._ids}"
        told["scene"] = self.scene
        kept = {name: value for name, value in told.items() if value not in ("", None)}
        self.lines.append({"do": do, "id": line_id, "days_ago": round(max(days_ago, LATEST), 4), **kept})
        return line_id


class Journey:
    """What one advocate sets off."""

    def __init__(self, script: Script, dice: Dice, shop: Shop, advocate: Person, age: float) -> None:
        self.script, self.dice, self.shop, self.advocate = script, dice, shop, advocate
        self.age = age
        self.me = script.tell(
            "join",
            age,
            program=shop.program,
            email=advocate.email,
            first_name=advocate.first_name,
            last_name=advocate.last_name,
            phone=advocate.phone,
            locale=advocate.locale,
        )

    def later(self, than: float, least: float, most: float) -> float:
        """A moment between `least` and `most` days after one that was `than` days ago."""
        return than - self.dice.between(least, most)

    def invite(self, friend: Person, *, expires_in_days: float | None = 45, at: float | None = None) -> str:
        when = self.later(self.age, 0.01, 12) if at is None else at
        return self.script.tell(
            "invite",
            when,
            advocate=self.me,
            recipient_email=friend.email,
            recipient_name=friend.first_name,
            channel=self.dice.one_of(CHANNELS),
            expires_in_days=expires_in_days,
        )

    def referred(self, friend: Person) -> None:
        """A friend's whole way: invited, reminded, visiting, and perhaps buying."""
        invited = self.later(self.age, 0.01, 12)
        invite = self.invite(friend, at=invited)
        if self.dice.happens(0.45) and not self.shop.most_reminders:  # else the program reminds by itself
            reminded = self.later(invited, 2, 4)
            self.script.tell("remind", reminded, invite=invite, number=1)
            if self.dice.happens(0.3):
                self.script.tell("remind", self.later(reminded, 2, 4), invite=invite, number=2)
        if self.dice.happens(0.55):
            self.visited(self.later(invited, 0.1, 5), self.dice.count(1, 2), invite)
        if self.dice.happens(0.34):
            self.bought(friend, self.later(invited, 0.5, 9))

    def visited(self, days_ago: float, times: int, invite: str = "") -> None:
        for number in range(times):
            self.script.tell(
                "visit",
                days_ago - 0.4 * number,
                advocate=self.me,
                landing_page=self.shop.url + self.dice.one_of(names.LANDING_PAGES),
                referrer=self.dice.one_of(names.REFERRERS),
                channel=self.dice.one_of(CHANNELS),
                invite=invite if number == 0 and self.dice.happens(0.4) else "",
            )

    def bought(self, friend: Person, days_ago: float) -> None:
        order, total = self._order(friend, days_ago)
        if self.dice.happens(0.2):
            self._order(friend, self.later(days_ago, 1, 10))  # a second order, which earns nothing
        rewards = self._rewards(order, total, self.later(days_ago, 0.01, 0.5))
        self._afterwards(order, total, days_ago, rewards)

    def _order(self, friend: Person, days_ago: float) -> tuple[str, Decimal]:
        lines = [self._line() for _ in range(self.dice.count(1, 3))]
        total = sum((Decimal(line["price"]) * line["quantity"] for line in lines), Decimal())
        number = f"{self.shop.slug[:3].upper()}-{10_000 + len(self.script.lines)}"
        order = self.script.tell(
            "convert",
            days_ago,
            advocate=self.me,
            order_id=number,
            friend_email=friend.email,
            friend_first_name=friend.first_name,
            friend_last_name=friend.last_name,
            friend_phone=friend.phone,
            lines=lines,
            discount_code=self.shop.offer_code if self.dice.happens(0.6) else "",
            total=str(total),
            currency=self.shop.currency,
        )
        return order, total

    def _line(self) -> dict[str, Any]:
        sku, name, price = self.dice.one_of(names.GOODS[self.shop.currency])
        return {"sku": sku, "name": name, "quantity": self.dice.count(1, 3), "price": price}

    def _rewards(self, order: str, total: Decimal, days_ago: float) -> list[str]:
        if self.shop.program_type == "affiliate":
            share = (total / 10).quantize(CENT)
            return [self._reward(order, days_ago, kind="cash", amount=str(share))]
        code = f"THANKS-{len(self.script.lines)}"
        thanks = self._reward(order, days_ago, kind="discount", amount="5.00", code=code, expires_in_days=90)
        welcome = self._reward(order, days_ago, recipient="friend", kind="credit", amount="5.00", expires_in_days=30)
        return [thanks, welcome]

    def _reward(self, order: str, days_ago: float, **told: Any) -> str:
        told.setdefault("recipient", "advocate")
        return self.script.tell("reward", days_ago, advocate=self.me, order=order, currency=self.shop.currency, **told)

    def _afterwards(self, order: str, total: Decimal, days_ago: float, rewards: list[str]) -> None:
        """Refunds take rewards back; some are fraud or expire; what stays is sometimes paid."""
        draw = self.dice.between(0, 1)
        if draw < 0.15:
            part = str((total / 2).quantize(CENT)) if self.dice.happens(0.3) else ""
            back = self.later(days_ago, 1, 8)
            self.script.tell("refund", back, order=order, refund_id=f"R-{order}", total=part)
            for reward in rewards if not part else ():
                self.script.tell("reverse", self.later(back, 0.01, 0.3), reward=reward, reason="refund")
        elif draw < 0.21:
            reason = "fraud" if draw < 0.18 else "expiry"
            self.script.tell("reverse", self.later(days_ago, 3, 9), reward=rewards[0], reason=reason)
        elif draw < 0.45:
            self.script.tell("pay", self.later(days_ago, 5, 9), reward=rewards[0])

    def changed(self) -> None:
        """The advocate's own details change; a bad phone is sometimes put right."""
        told = {"tier": self.dice.one_of(("silver", "gold", "золото", "💎"))}
        if self.dice.happens(0.4):
            told["phone"] = self.dice.one_of(names.PHONES[self.shop.country]).format(self.dice.count(0, 99))
        self.script.tell("update", self.later(self.age, 1, 20), advocate=self.me, **told)
