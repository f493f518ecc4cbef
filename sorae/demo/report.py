"""The demo's report: tables for people, one line of JSON for programs."""

import json
from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from integrations.models import Connection, Delivery
from klaviyo.mapping import catalogue
from klaviyo.models import Send
from sorae.demo import expected, figures, settling
from sorae.demo.figures import Waiting
from sorae.demo.laws import Broken
from sorae.demo.playing import Played
from sorae.demo.scene import SHOPS
from sorae.demo.world import World

MOST_BREACHES = 10
LAWS = {
    "missing": "Nothing lost: every fact is at Klaviyo or in the mail, or its delivery says why not",
    "twice": "Nothing twice: no event and no message is there more often than it happened",
    "against_consent": "No one contacted who said no, no consent changed but by the person",
}


@dataclass(frozen=True)
class Outcome:
    """Everything that the tables show."""

    played: Played
    world: World
    waiting: Waiting
    broken: Broken

    def as_json(self) -> str:
        """The last line of `--once`."""
        document = {
            "facts": expected.count_of_facts(),
            "deliveries": settling.by_state(),
            "reasons": settling.by_reason(),
            "klaviyo": {
                "profiles": len(self.world.profiles),
                "events": dict(sorted(Counter(event.metric for event in self.world.events).items())),
            },
            **figures.as_json(self.world, self.waiting),
            **{law: len(getattr(self.broken, law)) for law in LAWS},
        }
        return json.dumps(document)


def show(console: Console, outcome: Outcome) -> None:
    console.print(_facts(outcome.played))
    if outcome.played.refused:
        console.print(_refused(outcome.played))
    console.print(_deliveries())
    console.print(_sends())
    console.print(_waited(outcome.waiting))
    console.print(_consent(outcome.world))
    console.print(_klaviyo(outcome.world))
    console.print(_laws(outcome.broken))
    for law in LAWS:
        for sentence in getattr(outcome.broken, law)[:MOST_BREACHES]:
            console.print(f"{law}: {sentence}", markup=False)


def _facts(played: Played) -> Table:
    table = _table("Facts told", ("verb", "lines"))
    for verb, number in played.told.most_common():
        table.add_row(verb, f"{number:,}")
    table.add_section()
    table.add_row("stored as facts", f"{expected.count_of_facts():,}")
    return table


def _refused(played: Played) -> Table:
    table = _table("Refused, and why", ("reason", "lines"))
    for sentence, number in sorted(played.refused.items()):
        table.add_row(sentence, str(number))
    return table


def _deliveries() -> Table:
    table = _table("Deliveries", ("state", "reason", "number"))
    for state, reason, number in settling.by_state_and_reason():
        table.add_row(state, reason, f"{number:,}")
    return table


def _sends() -> Table:
    """Every invite and reminder: how it was to go, what became of it, and why."""
    table = _table("Invites and reminders", ("by", "state", "reason", "number"))
    labels = dict(Send.Channel.choices)
    before = ""
    for channel, state, code, number in figures.sends():
        if before and channel != before:
            table.add_section()
        table.add_row(labels[channel] if channel != before else "", state, figures.words(code), f"{number:,}")
        before = channel
    return table


def _waited(waiting: Waiting) -> Table:
    """What trouble at Klaviyo has put off, and what became of it."""
    table = _table(
        "Of these, some had to wait", ("state", "reason", "waited", "went", "taken back", "not sent", "wait still")
    )
    for state, code, now in waiting.afterwards():
        name = "postponed" if state == Delivery.State.QUEUED else state
        sent = now["accepted"] + now["confirmed"]
        numbers = (now.total(), sent, now["cancelled"], now["skipped"], now["held"] + now["queued"])
        table.add_row(name, figures.words(code), *map(str, numbers))
    return table


def _consent(world: World) -> Table:
    table = _table("People's own word", ("", "number"))
    for what, number in figures.newsletter().items():
        table.add_row(what, str(number))
    table.add_section()
    table.add_row("said no at Klaviyo while something waited for them", str(figures.cancelled_by_webhook(world)))
    table.add_row("erased everywhere", str(len(world.erased)))
    table.add_row("messages written by Sorae itself", str(len(world.mails)))
    table.add_row("reminders that a program made by itself", str(figures.reminders_by_the_program()))
    return table


def _klaviyo(world: World) -> Table:
    names = dict(Connection.objects.values_list("account_id", "account_name"))
    table = _table("At Klaviyo", ("", *(names.get(shop.account, shop.account) for shop in SHOPS)))
    counts = Counter((event.metric, event.account) for event in world.events)
    people = Counter(profile.account for profile in world.profiles)
    table.add_row("profiles", *(f"{people[shop.account]:,}" for shop in SHOPS), end_section=True)
    for metric in catalogue.CATALOGUE:
        table.add_row(metric.name, *(f"{counts[metric.name, shop.account]:,}" for shop in SHOPS))
    return table


def _laws(broken: Broken) -> Table:
    table = _table("The laws", ("law", "breaches"))
    for law, sentence in LAWS.items():
        breaches = len(getattr(broken, law))
        table.add_row(sentence, f"[bold red]{breaches}[/]" if breaches else "[green]0 ✓[/]")
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        is_number = column not in ("verb", "reason", "state", "law", "by", "")
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number)
    return table
