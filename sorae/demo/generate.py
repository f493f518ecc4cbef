"""Writes the committed export: `python -m sorae.demo.generate`. The same text every time."""

import json
from pathlib import Path
from typing import Any

from sorae.demo import cast, last_day, oddities
from sorae.demo.cast import Cast
from sorae.demo.journeys import WEEKS, Journey, Story
from sorae.demo.last_day import DUSK, LAST, NIGHT, Evening
from sorae.demo.random_source import Dice
from sorae.demo.scene import COFFEE, HARBOR, TEA

FACTS = Path(__file__).with_name("export.jsonl")
PEOPLE = Path(__file__).with_name("people.jsonl")
SEED = 20261120
FORGOTTEN = {"account": TEA.account, "email": oddities.forgotten(TEA), "consent": "SUBSCRIBED"}
SCENES = ("", DUSK, NIGHT, LAST)


def texts() -> tuple[str, str]:
    """The two files: what happened, oldest first, and whom Klaviyo knew before."""
    dice = Dice(SEED)
    people = cast.gather(dice)
    story = Story()
    _tea(story, dice, people)
    _coffee(story, dice, people)
    _harbor(story, dice, people)
    oddities.add_repeats(story)
    return _text(sorted(story.lines, key=_order)), _text([*people.known, FORGOTTEN, *last_day.known()])


def _tea(story: Story, dice: Dice, people: Cast) -> None:
    """Friends invite friends; two advocates sometimes know the same friend."""
    friends = people.friends[TEA.slug]
    turn = 0
    journeys = []
    for number, advocate in enumerate(people.advocates[TEA.slug]):
        journey = Journey(story, dice, TEA, advocate, dice.between(14, WEEKS * 7))
        journeys.append(journey)
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
    oddities.add_forgotten(story, hosts(journeys)[0], TEA)
    Evening(story, dice, TEA, hosts(journeys)).tell()


def _coffee(story: Story, dice: Dice, people: Cast) -> None:
    """Partners bring visitors whom nobody invited by name, and earn a share of what they buy."""
    friends = people.friends[COFFEE.slug]
    turn = 0
    journeys = []
    for number, advocate in enumerate(people.advocates[COFFEE.slug]):
        journey = Journey(story, dice, COFFEE, advocate, dice.between(14, WEEKS * 7))
        journeys.append(journey)
        journey.visited(journey.later(journey.age, 1, 6), dice.count(1, 6))
        for _ in range(dice.count(0, 2)):
            journey.referred(friends[turn % len(friends)])
            turn += 1
        for _ in range(dice.count(1, 4)):
            journey.bought(friends[turn % len(friends)], journey.later(journey.age, 1, 13))
            turn += 1
        if number == 0:
            oddities.add_every_case(story, journey, COFFEE)
    Evening(story, dice, COFFEE, hosts(journeys)).tell()


def _harbor(story: Story, dice: Dice, people: Cast) -> None:
    """Sorae writes to the friends itself, and reminds them by itself."""
    friends = people.friends[HARBOR.slug]
    journeys = [
        Journey(story, dice, HARBOR, advocate, dice.between(31, WEEKS * 7))
        for advocate in people.advocates[HARBOR.slug]
    ]
    turn = 0
    for number, journey in enumerate(journeys):
        for _ in range(dice.count(1, 4)):
            journey.referred(friends[turn % len(friends)])
            turn += 1
        if number < 5:  # more than anybody gets in a week
            journey.invite(oddities.popular(HARBOR), at=20 - number)
    oddities.add_every_case(story, journeys[2], HARBOR)
    Evening(story, dice, HARBOR, hosts(journeys)).tell()


def hosts(journeys: list[Journey]) -> tuple[Journey, Journey]:
    """Two who have been there for long enough to invite at any time of the story's last month."""
    first, second, *_ = sorted(journeys, key=lambda journey: -journey.age)
    return first, second


def _order(line: dict[str, Any]) -> tuple[int, float]:
    """Oldest first, then scene by scene. Lines with a date of their own come last: nobody knew them in time."""
    return SCENES.index(line.get("scene", "")), -float(line.get("days_ago", 0))


def _text(lines: list[dict[str, Any]]) -> str:
    """JSON lines in ASCII, because some lines hold half of a character on purpose."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


if __name__ == "__main__":
    facts, people = texts()
    FACTS.write_text(facts, encoding="ascii")
    PEOPLE.write_text(people, encoding="ascii")
