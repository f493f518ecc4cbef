"""Health of a connection: a ladder of facts from the database, without a request to the provider.

authorised → scopes complete → right account → in use → within quota → queue → delivering → confirmed;
and, where somebody has paused it or is about to end it, that, behind the first.
The first broken rung is the headline; those below it do not matter until it is mended.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.timesince import timesince

from integrations import providers, reasons
from integrations.connections.health_check import ANOTHER_ACCOUNT
from integrations.models import Connection
from integrations.pages import figures, times
from integrations.pages.figures import Figures

Level = Literal["good", "warn", "bad", "off"]
State = Literal["ok", "broken", "unknown"]

OLD = timedelta(minutes=5)
TOO_MANY_REFUSED = 0.05  # of a day's requests answered with 429
FEW = 10

STAYS = "What waits stays, and only unsubscribes and erasures go."

C = Connection.State


@dataclass(frozen=True)
class Rung:
    """One thing that must be so; `headline` and `level` are what it means for the whole when it is broken."""

    name: str
    state: State
    sentence: str
    advice: str = ""
    headline: str = ""
    level: Level = "warn"
    deliveries: str = ""  # the filter of those that it speaks of


@dataclass(frozen=True)
class Health:
    level: Level
    headline: str
    advice: str
    rungs: tuple[Rung, ...]

    @property
    def broken(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.state == "broken"), None)


def of(connection: Connection) -> Health:
    """The health of one connection."""
    return judge(connection, figures.of(connection), served([connection])[connection.pk], timezone.now())


def of_all(connections: Iterable[Connection]) -> dict[int, Health]:
    """The health of many, in as many queries as of one; by connection id."""
    rows = list(connections)
    known, whom, now = figures.of_all(rows), served(rows), timezone.now()
    return {row.pk: judge(row, known[row.pk], whom[row.pk], now) for row in rows}


def served(connections: Sequence[Connection]) -> dict[int, Sequence[str]]:
    """Whom each connection serves, asked of each provider once."""
    found: dict[int, Sequence[str]] = {row.pk: () for row in connections}
    for slug in {row.provider for row in connections}:
        found |= providers.get(slug).served([row for row in connections if row.provider == slug])
    return found


def judge(connection: Connection, known: Figures, whom: Sequence[str], now: datetime) -> Health:
    """The health that the figures amount to, of a connection that serves these."""
    rungs = tuple(_ladder(connection, known, whom, now))
    if connection.state in (C.DISCONNECTED, C.DISCONNECTING):
        return Health("off", connection.get_state_display(), rungs[0].advice, rungs)
    for rung in rungs:
        if rung.state == "broken":
            return Health(rung.level, rung.headline, rung.advice, rungs)
    return Health("good", "Works", "", rungs)


def _ladder(connection: Connection, known: Figures, whom: Sequence[str], now: datetime) -> Sequence[Rung]:
    first = _authorised(connection)
    if connection.state != C.CONNECTED:
        names = ("Scopes complete", "Right account", "In use", "Within quota", "Queue", "Delivering", "Confirmed")
        unknown = (Rung(name, "unknown", "Not known until the account is connected.") for name in names)
        return [first, *_not_stopped(known), *unknown]
    return [
        first,
        *_not_stopped(known),
        _scopes(connection),
        _account(connection, known),
        _in_use(whom),
        _quota(known),
        _queue(known, now),
        _delivering(known),
        _confirmed(known),
    ]


def _authorised(connection: Connection) -> Rung:
    name = "Authorised"
    match connection.state:
        case C.CONNECTED if connection.refresh_failures:
            problem = connection.refresh_problem or "The provider did not answer."
            sentence = f"Access could not be renewed {_times(connection.refresh_failures)}. {problem}"
            return Rung(name, "broken", sentence, "It is tried again by itself.", "Renewal fails")
        case C.CONNECTED if connection.has_key:
            return Rung(name, "ok", f"By a private key that ends in {connection.key_ending}. It does not run out.")
        case C.CONNECTED:
            renewed = f"; last {times.ago(connection.refreshed_at)}" if connection.refreshed_at else ""
            return Rung(name, "ok", f"Access renews by itself{renewed}.")
        case C.RECONNECT:
            sentence = connection.problem or "The provider no longer accepts our access."
            if connection.problem_at:
                sentence += f" That was on {times.written(connection.problem_at)}."
            again = "Paste a new key." if connection.has_key else "Connect the account again."
            advice = f"{again} What waits is kept, and goes out then."
            return Rung(name, "broken", sentence, advice, "Reconnect", "bad")
        case C.UNDECIDED:
            came = "The key opens a different account." if connection.has_key else ""
            sentence = came or "A different account came back from the consent screen."
            return Rung(name, "broken", sentence, "Decide what becomes of it.", "Decide", "bad")
        case _:
            sentence = connection.problem or "Disconnected on purpose: nothing is sent."
            return Rung(name, "unknown", sentence, "Connect the account again whenever you like.")


def _not_stopped(known: Figures) -> Sequence[Rung]:
    """A rung only where somebody has stopped it, or will have."""
    if known.leaves_by:
        sentence = (
            f"It is disconnected once what waits is delivered, on {times.written(known.leaves_by)} at the latest."
        )
        return [Rung("To stay", "broken", sentence, "Until then it can be called off.", "Leaving")]
    if known.paused is None:
        return ()
    sentence = f"{known.paused.sentence} That was on {times.written(known.paused.began_at)}. {STAYS}"
    return [Rung("Not paused", "broken", sentence, "Resume it whenever you like.", "Paused")]


def _scopes(connection: Connection) -> Rung:
    if connection.has_key:
        return _scopes_of_key(connection)
    scopes = providers.get(connection.provider).scopes
    missing = [scope.name for scope in scopes if not scope.is_optional and scope.name not in connection.granted]
    resting = [scope.name for scope in scopes if scope.is_optional and scope.name not in connection.granted]
    sentence = f"{len(scopes) - len(missing) - len(resting)} of {len(scopes)} granted."
    if missing:
        sentence += f" Missing: {', '.join(missing)}."
    if resting:
        sentence += f" Optional, and not granted: {', '.join(resting)}."
    if not missing:
        return Rung("Scopes complete", "ok", sentence)
    advice = "Reconnect and allow everything that is asked for; the reason for each is on this page."
    return Rung("Scopes complete", "broken", sentence, advice, "Scopes missing", "bad")


def _scopes_of_key(connection: Connection) -> Rung:
    """What a key may do is known where it was tried; what no key may do is not counted."""
    provider = providers.get(connection.provider)
    never = provider.keys.never if provider.keys else {}
    scopes = [scope for scope in provider.scopes if scope.name not in never]
    refused = connection.lacks(scope.name for scope in scopes)
    missing = [scope.name for scope in scopes if not scope.is_optional and scope.name in refused]
    resting = [scope.name for scope in scopes if scope.is_optional and scope.name in refused]
    unknown = [scope.name for scope in scopes if scope.name not in refused and scope.name not in connection.granted]
    sentence = f"{len(scopes) - len(refused) - len(unknown)} of {len(scopes)} seen."
    if missing:
        sentence += f" Missing: {', '.join(missing)}."
    if resting:
        sentence += f" Optional, and missing: {', '.join(resting)}."
    if unknown:
        sentence += f" Untried: {', '.join(unknown)}."
    if not missing:
        return Rung("Scopes complete", "ok", sentence)
    advice = "Make a key with the missing scopes, and paste it under Reconnect; the reason for each is on this page."
    return Rung("Scopes complete", "broken", sentence, advice, "Scopes missing", "bad")


def _account(connection: Connection, known: Figures) -> Rung:
    name, check = "Right account", known.last_check
    if check is None:
        return Rung(name, "unknown", "Not asked yet; it is asked every ten minutes.")
    when = times.ago(check.checked_at)
    if check.passed:
        return Rung(name, "ok", f"{connection.account_id}, as on connection day; asked {when}.")
    if check.code == ANOTHER_ACCOUNT.code:
        advice = "Reconnect with the right account."
        return Rung(name, "broken", check.sentence, advice, reasons.title(check.code), "bad")
    advice = "It is asked again by itself. Use “Test connection” to ask at once."
    return Rung(name, "broken", f"Asked {when}, without success: {check.sentence}", advice, "No answer")


def _in_use(whom: Sequence[str]) -> Rung:
    name = "In use"
    if whom:
        return Rung(name, "ok", f"It serves {whom[0]}{f' and {len(whom) - 1} more' if len(whom) > 1 else ''}.")
    sentence = "No store is joined to it, or all that are have been switched off: nothing will be sent."
    return Rung(name, "broken", sentence, "Join a store to it.", "No store joined")


def _quota(known: Figures) -> Rung:
    refused, requests = known.refused, known.requests
    if not refused:
        return Rung("Within quota", "ok", "No request was refused for being too many in the last day.")
    share = refused / max(requests, 1)
    sentence = f"{intcomma(refused)} of {intcomma(requests)} requests of the last day were too many, and waited."
    if refused < FEW or share < TOO_MANY_REFUSED:
        return Rung("Within quota", "ok", sentence)
    advice = "Nothing is lost, but it takes longer. See whether other apps use up the account's limits."
    return Rung("Within quota", "broken", sentence, advice, "Throttled")


def _queue(known: Figures, now: datetime) -> Rung:
    if known.oldest_due_at is None or known.oldest_due_at > now:
        return Rung("Queue", "ok", "Nothing is due.")
    age = now - known.oldest_due_at
    long = timesince(known.oldest_due_at, now) if age >= timedelta(minutes=1) else "less than a minute"
    sentence = f"The oldest delivery has been due for {long}."
    if age <= OLD:
        return Rung("Queue", "ok", sentence)
    if known.paused or known.trouble:
        waits = "until the account is resumed" if known.paused else "for the account"
        return Rung("Queue", "ok", f"{sentence} It waits {waits}.")
    advice = "Whoever runs this site should see that the workers run."
    return Rung("Queue", "broken", sentence, advice, "Queue is late")


def _delivering(known: Figures) -> Rung:
    if known.trouble:
        advice = "What waits goes out by itself when it is over."
        return Rung("Delivering", "broken", known.trouble.sentence, advice, reasons.title(known.trouble.code))
    if known.tried_and_failed >= FEW and not known.delivered:
        sentence = f"{intcomma(known.tried_and_failed)} deliveries failed in the last day, and none arrived."
        advice, failed = "Each of the failed deliveries says why.", "state=failed&settled=day"
        return Rung("Delivering", "broken", sentence, advice, "Nothing arrives", deliveries=failed)
    if known.last_delivered_at is None:
        return Rung("Delivering", "unknown", "Nothing was delivered yet.")
    return Rung("Delivering", "ok", f"Last delivery {times.ago(known.last_delivered_at)}.")


def _confirmed(known: Figures) -> Rung:
    """The last rung: what the provider took is seen there."""
    name, seen = "Confirmed", known.last_confirmed_at
    last = f"Last event seen in the account {times.ago(seen)}. {known.latency.sentence}".strip() if seen else ""
    if known.not_confirmed:
        them = "One event was" if known.not_confirmed == 1 else f"{intcomma(known.not_confirmed)} events were"
        sentence = f"{them} taken in the last day, and cannot be seen in the account. {last}".strip()
        advice = "Each of these deliveries says what to do."
        those = f"state=accepted&reason={figures.NOT_CONFIRMED}&settled=day"
        return Rung(name, "broken", sentence, advice, "Not confirmed", deliveries=those)
    if not seen:
        return Rung(name, "unknown", f"Nothing was read back yet. {known.latency.sentence}".strip())
    return Rung(name, "ok", last)


def _times(count: int) -> str:
    return "the last time" if count == 1 else f"the last {count} times"
