"""Generator of the demo's script and of Klaviyo's people; its dice are seeded, so that every run plays the same."""

from collections.abc import Iterator
from itertools import cycle

from sorae.demo import cast, last_day, oddities
from sorae.demo.cast import Cast, Known, Person
from sorae.demo.journeys import WEEKS, Journey, Line, Script
from sorae.demo.last_day import DUSK, LAST, NIGHT, LastDay
from sorae.demo.random_source import Dice
from sorae.demo.scene import COFFEE, HARBOR, TEA, Shop

SEED = 20261120
FORGOTTEN: Known = {"account": TEA.account, "email": oddities.forgotten(TEA), "consent": "SUBSCRIBED"}
SCENES = ("", DUSK, NIGHT, LAST)


def script() -> tuple[list[Line], list[Known]]:
    """What happens, oldest first, and whom Klaviyo knew before."""
    dice = Dice(SEED)
    people = cast.gather(dice)
    script = Script()
    for shop, weeks in ((TEA, _tea), (COFFEE, _coffee), (HARBOR, _harbor)):
        journeys = weeks(script, dice, people)
        LastDay(script, dice, shop, hosts(journeys)).tell()
    oddities.add_repeats(script)
    return sorted(script.lines, key=_order), [*people.known, FORGOTTEN, *last_day.known()]


def _tea(script: Script, dice: Dice, people: Cast) -> list[Journey]:
    """Friends invite friends; two advocates sometimes know the same friend."""
    friends = cycle(people.friends[TEA.slug])
    journeys = []
    for journey in _journeys(script, dice, TEA, people.advocates[TEA.slug]):
        journeys.append(journey)
        for _ in range(dice.count(0, 6)):
            journey.referred(next(friends))
        if dice.happens(0.3):
            journey.visited(journey.later(journey.age, 1, 12), dice.count(1, 3))
        if dice.happens(0.2):
            journey.changed()
        if len(journeys) == 1:
            oddities.add_every_case(script, journey, TEA)
            oddities.add_refusals(script, journey, TEA)
    oddities.add_forgotten(script, hosts(journeys)[0], TEA)
    return journeys


def _coffee(script: Script, dice: Dice, people: Cast) -> list[Journey]:
    """Partners bring visitors whom nobody invited by name, and earn a share of what they buy."""
    friends = cycle(people.friends[COFFEE.slug])
    journeys = []
    for journey in _journeys(script, dice, COFFEE, people.advocates[COFFEE.slug]):
        journeys.append(journey)
        journey.visited(journey.later(journey.age, 1, 6), dice.count(1, 6))
        for _ in range(dice.count(0, 2)):
            journey.referred(next(friends))
        for _ in range(dice.count(1, 4)):
            journey.bought(next(friends), journey.later(journey.age, 1, 13))
        if len(journeys) == 1:
            oddities.add_every_case(script, journey, COFFEE)
    return journeys


def _harbor(script: Script, dice: Dice, people: Cast) -> list[Journey]:
    """Sorae writes to the friends itself, and reminds them by itself."""
    friends = cycle(people.friends[HARBOR.slug])
    journeys = list(_journeys(script, dice, HARBOR, people.advocates[HARBOR.slug], least=31))
    for number, journey in enumerate(journeys):
        for _ in range(dice.count(1, 4)):
            journey.referred(next(friends))
        if number < 5:  # more than anybody gets in a week
            journey.invite(oddities.popular(HARBOR), at=20 - number)
    oddities.add_every_case(script, journeys[2], HARBOR)
    return journeys


def _journeys(script: Script, dice: Dice, shop: Shop, advocates: list[Person], least: float = 14) -> Iterator[Journey]:
    """They join one after the other, between `least` days and the weeks of the story ago."""
    for advocate in advocates:
        yield Journey(script, dice, shop, advocate, dice.between(least, WEEKS * 7))


def hosts(journeys: list[Journey]) -> tuple[Journey, Journey]:
    """Two who have been there for long enough to invite at any time of the story's last month."""
    first, second, *_ = sorted(journeys, key=lambda journey: -journey.age)
    return first, second


def _order(line: Line) -> tuple[int, float]:
    """Oldest first, then scene by scene. Lines with a date of their own come last: nobody knew them in time.

    What is `told` late, so many days ago, comes then.
    """
    return SCENES.index(line.get("scene", "")), -float(line.get("told") or line.get("days_ago") or 0)
