"""Turns of workers at starter kits: each is made or removed in as many turns as Klaviyo's limits need."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from integrations.errors import IntegrationError, OperatorRequired, OutOfTime, PermanentError, TemporaryError, Throttled
from integrations.models import Connection
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from integrations.workers.rota import Rota
from klaviyo.actions import rests
from klaviyo.api import published
from klaviyo.models import KitItem, StarterKit
from klaviyo.starter_kit import making, removal
from klaviyo.starter_kit.plan import PLAN, SCOPES
from klaviyo.starter_kit.work import Work

State, Wish = KitItem.State, StarterKit.Wish
EVERY = timedelta(hours=1)  # with nothing to do
LEASE = timedelta(minutes=4)
AFTER_TROUBLE = timedelta(minutes=1)
BROKE_OFF = "Something went wrong at our side. It is in the site's log, and is tried again by itself."
DO = {Wish.MAKE: making.make, Wish.REMOVE: removal.remove}


def take_all() -> int:
    """A turn for every kit with which somebody wants something done."""
    return ROTA.take_all() if StarterKit.objects.exclude(wish=Wish.NOTHING).exists() else 0


def lacking(connection: Connection) -> Sequence[str]:
    """The scopes that an account is known not to have granted for it."""
    return connection.lacks(SCOPES)


def ask(connection: Connection, wish: StarterKit.Wish) -> bool:
    """Have it made or removed by a worker; False where something else is under way, or this already."""
    kit, _ = StarterKit.objects.get_or_create(connection=connection)
    idle = StarterKit.objects.filter(pk=kit.pk, wish=Wish.NOTHING)
    asked = {"wish": wish, "last_wish": wish, "asked_at": Now(), "ended_at": None, "problem": "", "next_look_at": None}
    settled = (State.REMOVED, State.REFUSED, State.KEPT) if wish == Wish.MAKE else (State.REFUSED, State.KEPT)
    with transaction.atomic():
        # Of two who ask at once the second finds it asked: https://www.postgresql.org/docs/current/transaction-iso.html
        if not idle.update(**asked):
            return False
        KitItem.objects.bulk_create([KitItem(kit=kit, key=one.key) for one in PLAN], ignore_conflicts=True)
        kit.items.filter(state__in=(*settled, State.WAITS)).update(state=State.WAITS, reason="")
    return True


def stop(connection: Connection) -> bool:
    """Leave it as it is now; False where nothing was under way."""
    under_way = StarterKit.objects.filter(connection=connection).exclude(wish=Wish.NOTHING)
    return bool(under_way.update(wish=Wish.NOTHING, ended_at=Now(), problem="", next_look_at=Now()))


def _turn(kit: StarterKit) -> None:
    wish = Wish(kit.wish)
    if wish not in DO:
        return
    if _waits_for_an_operator(kit):
        return
    try:
        rests.obey(kit.connection, published.operation("get_tags"))
        DO[wish](Work.on(kit))
    except CalledOff:
        if not _waits_for_an_operator(kit):
            _look_again(kit, AFTER_TROUBLE, "")  # unless the turn is another's by now
    except (Throttled, OutOfTime) as error:
        _look_again(kit, error.retry_after or timedelta(), "" if not error.may_have_happened else error.sentence)
    except (OperatorRequired, PermanentError) as error:
        _end(kit, wish, error.sentence)
    except IntegrationError as error:
        wait = error.retry_after if isinstance(error, TemporaryError) and error.retry_after else AFTER_TROUBLE
        _look_again(kit, max(wait, AFTER_TROUBLE), error.sentence)
    except Exception:
        _look_again(kit, AFTER_TROUBLE, BROKE_OFF)
        raise  # to the log
    else:
        _end(kit, wish, "")


def _waits_for_an_operator(kit: StarterKit) -> bool:
    """Whether somebody has paused the account, where nothing is changed then."""
    why = by_hand.until_resumed(kit.connection)
    if why:
        _look_again(kit, AFTER_TROUBLE, why)
    return bool(why)


def _end(kit: StarterKit, wish: str, problem: str) -> None:
    """Unless somebody has asked for something else meanwhile."""
    same = StarterKit.objects.filter(pk=kit.pk, wish=wish, next_look_at=kit.next_look_at)
    same.update(wish=Wish.NOTHING, ended_at=Now(), problem=problem)


def _look_again(kit: StarterKit, wait: timedelta, problem: str) -> None:
    same = StarterKit.objects.filter(pk=kit.pk, next_look_at=kit.next_look_at)
    same.update(next_look_at=Now() + wait, problem=problem)


ROTA = Rota(StarterKit, _turn, every=EVERY, lease=LEASE)
