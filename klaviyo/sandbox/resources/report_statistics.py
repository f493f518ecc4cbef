"""Report statistics of messages, from the events that tell of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

# What each of Klaviyo's own metrics counts towards; several channels have their own.
COUNTED = {
    "Received Email": "delivered",
    "Received SMS": "delivered",
    "Received Push": "delivered",
    "Received WhatsApp": "delivered",
    "Opened Email": "opens",
    "Opened Push": "opens",
    "Clicked Email": "clicks",
    "Clicked SMS": "clicks",
    "Clicked WhatsApp": "clicks",
    "Bounced Email": "bounced",
    "Failed to Deliver SMS": "failed",
    "Marked Email as Spam": "spam_complaints",
    "Unsubscribed": "unsubscribes",
    "Unsubscribed from Email Marketing": "unsubscribes",
    "Unsubscribed from SMS Marketing": "unsubscribes",
}


@dataclass
class Tally:
    """What happened to one group of messages: events by what they count towards, and their people."""

    number: dict[str, float] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)

    def add(self, what: str, profile: str, amount: float = 1.0) -> None:
        self.number[what] = self.number.get(what, 0.0) + amount
        self.people.setdefault(what, set()).add(profile)

    def of(self, what: str) -> float:
        return self.number.get(what, 0.0)

    def unique(self, what: str) -> float:
        return float(len(self.people.get(what, ())))

    @property
    def recipients(self) -> float:
        return self.of("delivered") + self.of("bounced") + self.of("failed")


def _part(of: float, whole: float) -> float:
    return of / whole if whole else 0.0


_STATISTICS: Mapping[str, Callable[[Tally], float]] = {
    "average_order_value": lambda t: _part(t.of("value"), t.of("conversions")),
    "bounce_rate": lambda t: _part(t.of("bounced"), t.recipients),
    "bounced": lambda t: t.of("bounced"),
    "bounced_or_failed": lambda t: t.of("bounced") + t.of("failed"),
    "bounced_or_failed_rate": lambda t: _part(t.of("bounced") + t.of("failed"), t.recipients),
    "click_rate": lambda t: _part(t.unique("clicks"), t.of("delivered")),
    "click_to_open_rate": lambda t: _part(t.unique("clicks"), t.unique("opens")),
    "clicks": lambda t: t.of("clicks"),
    "clicks_unique": lambda t: t.unique("clicks"),
    "conversion_rate": lambda t: _part(t.unique("conversions"), t.of("delivered")),
    "conversion_uniques": lambda t: t.unique("conversions"),
    "conversion_value": lambda t: t.of("value"),
    "conversions": lambda t: t.of("conversions"),
    "delivered": lambda t: t.of("delivered"),
    "delivery_rate": lambda t: _part(t.of("delivered"), t.recipients),
    "failed": lambda t: t.of("failed"),
    "failed_rate": lambda t: _part(t.of("failed"), t.recipients),
    "message_segment_count_sum": lambda _: 0.0,
    "open_rate": lambda t: _part(t.unique("opens"), t.of("delivered")),
    "opens": lambda t: t.of("opens"),
    "opens_unique": lambda t: t.unique("opens"),
    "recipients": lambda t: t.recipients,
    "revenue_per_recipient": lambda t: _part(t.of("value"), t.of("delivered")),
    "spam_complaint_rate": lambda t: _part(t.unique("spam_complaints"), t.of("delivered")),
    "spam_complaints": lambda t: t.of("spam_complaints"),
    "text_message_credit_usage_amount": lambda _: 0.0,
    "text_message_roi": lambda _: 0.0,
    "text_message_spend": lambda _: 0.0,
    "unsubscribe_rate": lambda t: _part(t.unique("unsubscribes"), t.of("delivered")),
    "unsubscribe_uniques": lambda t: t.unique("unsubscribes"),
    "unsubscribes": lambda t: t.of("unsubscribes"),
}
NAMES = tuple(_STATISTICS)


def of(tally: Tally, names: Iterable[str]) -> dict[str, float]:
    return {name: _STATISTICS[name](tally) for name in names}
