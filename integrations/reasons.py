"""Reasons: why something did not go out, or not yet; each with a code for programs, and words for people.

A reason is declared once, beside the code that gives it, and outcomes and errors are made from it. A code that a
provider made up itself is explained by the sentence that came with it.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial


class Who(StrEnum):
    """Who can change it, as the pages say it."""

    PERSON = "Only the person themselves"
    PERSON_OR_MERCHANT = "The person, or the merchant in the store's settings"
    MERCHANT = "The merchant, in the store's settings"
    OPERATOR = "An operator, here"
    RECONNECT = "An operator, by connecting the account again"
    ACCOUNT = "The merchant, in the account itself"
    DATA = "Whoever keeps the store's data"
    RUNNER = "Whoever runs this site"
    NOBODY = "Nobody"
    ITSELF = "Nobody needs to: it goes on by itself"

    @property
    def is_about_settings(self) -> bool:
        return self in (Who.MERCHANT, Who.PERSON_OR_MERCHANT)


@dataclass(frozen=True)
class Reason:
    """`sentence` stands on the record; `because` goes on from a colon: "Ben did not get it: they unsubscribed.".

    What was not sent for a reason that is for good is not sent later either, whoever tries.
    """

    code: str
    title: str
    sentence: str
    because: str
    means: str
    who: Who
    do: str
    is_for_good: bool = False

    def saying(self, sentence: str) -> "Reason":
        """The same reason, in words that fit what happened."""
        return replace(self, sentence=sentence)

    def about(self, **words: object) -> "Reason":
        """The same reason, with the words that its sentence leaves open."""
        return self.saying(self.sentence.format(**words))

    def naming(self, provider: str) -> "Reason":
        """The same reason, as the pages of one provider explain it."""
        because, means = (words.replace("the provider", provider) for words in (self.because, self.means))
        return replace(self, because=because, means=means)


ALL: dict[str, Reason] = {}
UNKNOWN = Reason(
    code="",
    title="Refused",
    sentence="It was refused.",
    because="it was refused",
    means="The reason given is above, in the words that came with it.",
    who=Who.OPERATOR,
    do="Mend what is named there, then retry.",
)
_SERVER_TROUBLE = re.compile(r"http_(3\d\d|5\d\d|408|425)")


def declare(
    code: str,
    title: str,
    sentence: str,
    *,
    because: str,
    means: str,
    who: Who,
    do: str = "Nothing to do.",
    is_for_good: bool = False,
) -> Reason:
    """A reason, for good: people have alerts on its code, and rows hold it."""
    if code in ALL:
        raise ValueError(f"The reason {code} is declared twice.")
    ALL[code] = Reason(code, title, sentence, because, means, who, do, is_for_good)
    return ALL[code]


on_the_way = partial(
    declare,
    means="This is about the way to the provider, not about the person. "
    "It is tried again by itself, less often with time.",
    who=Who.ITSELF,
    do="Nothing to do, unless it lasts for hours.",
)
access_ended = partial(
    declare,
    means="Our access to the account has ended. What waits is held, and nothing is lost.",
    who=Who.RECONNECT,
    do="Connect the account again. What waits is kept, and goes out then.",
)

SERVER_TROUBLE = on_the_way(
    "http_5xx",
    "Server in trouble",
    "The provider answered with an error of its own.",
    because="the provider answered with an error of its own",
)


def of(code: str, sentence: str = "") -> Reason:
    """The reason with that code, or what holds for any that we do not know; in the words that came with it."""
    known = ALL.get(cause(code), UNKNOWN)
    return replace(known, code=code, sentence=sentence or known.sentence)


def for_good() -> list[str]:
    """Codes of reasons that nobody's trying again changes."""
    return sorted(code for code, reason in ALL.items() if reason.is_for_good)


def is_known(code: str) -> bool:
    return cause(code) in ALL


def title(code: str) -> str:
    """The name of a reason; of a code that a provider made up, the code as a person would write it."""
    if is_known(code):
        return of(code).title
    return code.replace("http_", "error ", 1).replace("_", " ").capitalize()


def titles() -> list[tuple[str, str]]:
    """Codes and titles, for a choice."""
    return sorted(((reason.code, reason.title) for reason in ALL.values()), key=lambda pair: pair[1])


def cause(code: str) -> str:
    """The code of the reason that it is one of: troubles of a server are one, whatever their status."""
    return SERVER_TROUBLE.code if _SERVER_TROUBLE.fullmatch(code) else code


def codes(cause: str) -> list[str]:
    """All codes that rows may have of one reason."""
    if cause != SERVER_TROUBLE.code:
        return [cause]
    return [cause, *(f"http_{status}" for status in range(300, 600) if _SERVER_TROUBLE.fullmatch(f"http_{status}"))]
