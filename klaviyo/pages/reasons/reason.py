"""What there is to say about a reason."""

from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """Who can change it, as the page says it."""

    PERSON = "Only the person themselves"
    PERSON_OR_MERCHANT = "The person, or the merchant in the store's settings"
    MERCHANT = "The merchant, in the store's settings"
    OPERATOR = "An operator, here"
    RECONNECT = "An operator, by connecting the account again"
    KLAVIYO = "The merchant, in Klaviyo"
    DATA = "Whoever keeps the store's data"
    RUNNER = "Whoever runs this site"
    NOBODY = "Nobody"
    ITSELF = "Nobody needs to: it goes on by itself"

    @property
    def is_about_settings(self) -> bool:
        return self in (Who.MERCHANT, Who.PERSON_OR_MERCHANT)


@dataclass(frozen=True)
class Reason:
    """`because` goes on from a colon: "Ben did not get this invite: they have unsubscribed."."""

    title: str
    because: str
    means: str
    who: Who
    do: str
