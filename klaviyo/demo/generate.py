"""Writes the committed export: `python -m klaviyo.demo.generate`. The same text every time."""

import json
from pathlib import Path
from typing import Any

from klaviyo.demo import cast, oddities
from klaviyo.demo.cast import Cast
from klaviyo.demo.dice import Dice
from klaviyo.demo.journeys import WEEKS, Journey, Story
from klaviyo.demo.scene import COFFEE, TEA

FACTS = Path(__file__).with_name("export.jsonl")
PEOPLE = Path(__file__).with_name("people.jsonl")
SEED = 20261120


def texts() -> tuple[str, str]:
    """The two files: what happened, oldest first, and whom Klaviyo knew before."""
    dice = Dice(SEED)
    people = cast.gather(dice)
    story = Story()
    _tea(story, dice, people)
    _coffee(story, dice, people)
    oddities.add_repeats(story)
    return _text(sorted(story.lines, key=_age, reverse=True)), _text(people.known)


def _tea(story: Story, dice: Dice, people: Cast) -> None:
    """Friends invite friends; two advocates sometimes know the same friend."""
    friends = people.friends[TEA.slug]
    turn = 0
    for number, advocate in enumerate(people.advocates[TEA.slug]):
        journey = Journey(story, dice, TEA, advocate, dice.between(14, WEEKS * 7))
        for _ in range(dice.count(0, 6)):
            journey.referred(friends[turn % len(friends)])
            turn += 1
        if dice.happens(0.3):
            journey.visited(journey.later(journey.age, 1, 12), dice.count(1, 3))
        if dice.happens(0.2):
            journey.changed()
        if number == 0:
            oddities.add_every_case(story, journey, TEA)
            oddities.add_refusals(story, journey, TEA)


def _coffee(story: Story, dice: Dice, people: Cast) -> None:
    """Partners bring visitors whom nobody invited by name, and earn a share of what they buy."""
    friends = people.friends[COFFEE.slug]
    turn = 0
    for number, advocate in enumerate(people.advocates[COFFEE.slug]):
        journey = Journey(story, dice, COFFEE, advocate, dice.between(14, WEEKS * 7))
        journey.visited(journey.later(journey.age, 1, 6), dice.count(1, 6))
        for _ in range(dice.count(0, 2)):
            journey.referred(friends[turn % len(friends)])
            turn += 1
        for _ in range(dice.count(1, 4)):
            journey.bought(friends[turn % len(friends)], journey.later(journey.age, 1, 13))
            turn += 1
        if number == 0:
            oddities.add_every_case(story, journey, COFFEE)


def _age(line: dict[str, Any]) -> float:
    """Lines with a date of their own come last: nobody knew them in time."""
    return float(line.get("days_ago", 0))


def _text(lines: list[dict[str, Any]]) -> str:
    """JSON lines in ASCII, because some lines hold half of a character on purpose."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


if __name__ == "__main__":
    facts, people = texts()
    FACTS.write_text(facts, encoding="ascii")
    PEOPLE.write_text(people, encoding="ascii")
