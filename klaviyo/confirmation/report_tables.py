"""Reconciliation report as tables for the terminal."""

from collections.abc import Iterator

from django.utils.timezone import localtime
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klaviyo.confirmation.compare import Found, Verdict
from klaviyo.confirmation.report import Reconciliation

TITLES = {
    Verdict.MISSING: "missing: taken by Klaviyo, and not there",
    Verdict.EXTRA: "extra: there, and told by no delivery",
    Verdict.UNNOTICED: "there, though our books say that it was not sent",
}
WRONG = (Verdict.MISSING, Verdict.EXTRA, Verdict.UNNOTICED)


def show(console: Console, report: Reconciliation) -> None:
    """Two tables, a few examples of what differs, and a sentence that says what it comes to."""
    until = f"{localtime(report.until):%Y-%m-%d %H:%M}"
    console.print(f"[bold]{escape(str(report.connection))}[/], {localtime(report.since):%Y-%m-%d %H:%M} to {until}")
    console.print(_here(report))
    console.print(_there(report))
    for line in _examples(report):
        console.print(line, markup=False, highlight=False)
    for sentence in _sentences(report):
        console.print(sentence)


def _here(report: Reconciliation) -> Table:
    """What happened, and the law of the books: each event is in one state."""
    table = _table("In our books")
    table.add_row("facts", f"{report.facts:,}")
    if report.untold:
        table.add_row("  of these, queued for this account by nothing", f"{report.untold:,}")
    table.add_section()
    for state, number in report.states.items():
        table.add_row(state, f"{number:,}")
    table.add_section()
    table.add_row("events that the facts call for", f"{report.told:,}")
    return table


def _there(report: Reconciliation) -> Table:
    found = report.found
    table = _table("At Klaviyo")
    table.add_row("there, and confirmed here", f"{found[Verdict.THERE]:,}")
    table.add_row("there, to be confirmed here", f"{found[Verdict.TO_CONFIRM]:,}")
    table.add_row("too new to be called missing", f"{report.young:,}")
    table.add_section()
    for verdict in WRONG:
        number = found[verdict]
        table.add_row(TITLES[verdict], f"[bold red]{number:,}[/]" if number else "[green]0[/]")
    return table


def _examples(report: Reconciliation) -> Iterator[str]:
    for verdict in WRONG:
        for found in report.examples.get(verdict, ()):
            yield f"{verdict.name.lower()}: {_words(found)}"
    for fact in report.untold_examples:
        yield f"never queued: {fact}"


def _words(found: Found) -> str:
    which = f"delivery {found.told.pk}, {found.told.state}" if found.told else f"event id {found.unique_id or 'none'}"
    return f"{found.name or 'an event'} of {localtime(found.at):%Y-%m-%d %H:%M:%S} ({which})"


def _sentences(report: Reconciliation) -> Iterator[str]:
    if report.is_even:
        yield "Nothing is missing, and nothing is there that should not be."
    for what, number in report.mended.items():
        yield f"{number:,} {'was' if number == 1 else 'were'} {what}."
    left = report.found[Verdict.MISSING] - report.mended["sent again"]
    if report.mended and left:
        yield f"{left:,} of the missing {'is' if left == 1 else 'are'} not sent again: invites, reminders, and erased."


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("number", justify="right", no_wrap=True)
    return table
