"""The course of the demo: six weeks of facts with outages and a lost account, then the last day with its opt-outs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from integrations import messaging
from integrations.models import Connection, Delivery
from klaviyo.consent import topics
from klaviyo.models import Notice, Send, StoreSetting
from klaviyo.sandbox import Remote
from referrals.models import Invite, Program, Reminder
from sorae.demo import last_day, playing, settling
from sorae.demo.connecting import Operator
from sorae.demo.console import Teller
from sorae.demo.figures import Waiting
from sorae.demo.journeys import Line
from sorae.demo.last_day import DUSK, LAST, NIGHT
from sorae.demo.opt_outs import OptOuts
from sorae.demo.playing import Played, Stage
from sorae.demo.scene import COFFEE, HARBOR, TEA, Shop
from sorae.demo.settling import until

LATER = "8"  # seconds, asked for by an account that is asked too much
DAYS_PASS = timedelta(days=4)
READ_BACK_SECONDS = 12.0

State = Delivery.State


@dataclass
class Season:
    """One run of the story. `check` raises when the demo is to end."""

    sandbox: Remote
    operator: Operator
    teller: Teller
    stage: Stage
    check: Callable[[], None]
    played: Played = field(default_factory=Played)
    waiting: Waiting = field(default_factory=Waiting)

    def __post_init__(self) -> None:
        self.opt_outs = OptOuts(self.sandbox, self.check)

    def play(self, lines: list[Line]) -> None:
        """The six weeks with their accidents, then the last day's scenes."""
        self._six_weeks([line for line in lines if "scene" not in line])
        self._dusk(_of(DUSK, lines))
        self._settle("Delivering to Klaviyo and to friends")
        self._confirm()
        self._days_pass()
        self._tell(_of(NIGHT, lines))
        self._settle("Delivering the reminders")
        self.waiting.look()
        settling.read_back()
        self._last(_of(LAST, lines))
        self._settle("Delivering the rest")
        self._read_back()

    def _six_weeks(self, lines: list[Line]) -> None:
        accidents: dict[int, Callable[[], None]] = {
            len(lines) * 3 // 10: self._access_dies,
            len(lines) * 4 // 10: self._parted_and_joined,
            len(lines) * 5 // 10: lambda: self._fault(TEA, "create_event", "503"),
            len(lines) * 6 // 10: lambda: self._fault(HARBOR, "get_profiles", "503"),
        }
        with self.teller.progress("Playing six weeks of referrals", len(lines)) as advance:
            for told, _ in enumerate(playing.play(lines, self.stage, self.played), 1):
                self.check()
                advance(told)
                accidents.get(told, _nothing)()

    def _access_dies(self) -> None:
        self.sandbox.uninstall(COFFEE.account)
        self.teller.say(f"Somebody removes our app from {COFFEE.name}'s account; what is for it is held.")

    def _parted_and_joined(self) -> None:
        """Somebody clicks around while the account is away: what is held is the store's and the account's."""
        setting = StoreSetting.objects.get(store__slug=COFFEE.slug)
        setting.delete()
        setting.pk, setting._state.adding = None, True
        setting.save()
        self.teller.say(f"Somebody parts {COFFEE.name} from its account and joins it again; what is held stays held.")

    def _dusk(self, lines: list[Line]) -> None:
        """Two accounts ask to come back later and one is gone; while all waits, people change their minds."""
        first = self.opt_outs.first_messages()
        self._fault(TEA, "create_event", "429", LATER)
        self._fault(HARBOR, "get_profiles", "429", LATER)
        self._tell(lines)
        self.waiting.look(last_day.addresses())
        self.teller.say("Klaviyo asks to come back later; meanwhile some friends say no, there and here.")
        self._until(lambda: _state(COFFEE) == Connection.State.RECONNECT, f"{COFFEE.name}'s lost access is noticed")
        self.opt_outs.answer(first)
        self.opt_outs.withdraw()
        self.waiting.look()
        unheeded = Notice.objects.filter(processed_at=None, email__in=last_day.addresses(), topic__in=topics.OPT_OUTS)
        self._until(lambda: not unheeded.exists(), "What accounts told is heeded")
        self.operator.reconnect(Connection.objects.get(account_id=COFFEE.account))
        self.teller.say(f"The operator has connected {COFFEE.name} again; what was held goes out.")

    def _confirm(self) -> None:
        """Every second one of those who were asked for a confirmation clicks."""
        asked = Delivery.objects.filter(kind="subscribe", state=State.ACCEPTED, reason_code="pending_opt_in")
        waiting = list(asked.order_by("pk").select_related("connection"))[::2]
        clicked = [row.pk for row in waiting if self.opt_outs.confirm(row.connection.account_id, row.subject)]
        confirmed = Delivery.objects.filter(pk__in=clicked, state=State.CONFIRMED)
        self._until(lambda: confirmed.count() == len(clicked), "Confirmations are heard of")

    def _days_pass(self) -> None:
        """Nobody waits for days: the books are put back by as much, and the program reminds by itself."""
        program = Program.objects.get(slug=HARBOR.program)
        Invite.objects.filter(advocate__program=program).update(contacted_at=F("contacted_at") - DAYS_PASS)
        Send.objects.filter(program=program).update(mailed_at=F("mailed_at") - DAYS_PASS)
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        due = Invite.objects.filter(unexpired, advocate__program=program, closed_at=None, went_out_at__isnull=False)
        wanted = due.count()
        self.teller.say(f"Four days pass: {program.name} reminds {wanted} friends who neither came nor bought.")
        messaging.app().send_task("referrals.tasks.remind", retry=False, ignore_result=True)
        made = Reminder.objects.filter(invite__advocate__program=program)
        self._until(lambda: made.count() >= wanted, "Reminders are made")

    def _last(self, lines: list[Line]) -> None:
        self.sandbox.uninstall(HARBOR.account)
        self.teller.say(f"{HARBOR.name}'s account is lost as well, and left so: its last invites stay held.")
        self._tell(lines)
        self._until(lambda: _state(HARBOR) == Connection.State.RECONNECT, f"{HARBOR.name}'s lost access is noticed")

    def _read_back(self) -> None:
        if left := settling.read_back(READ_BACK_SECONDS):
            self.teller.say(f"{left} events that Klaviyo has taken were not seen there in time.")

    def _fault(self, shop: Shop, operation: str, kind: str, retry_after: str | None = None) -> None:
        """The account's next answer to such a call is a bad one."""
        self.sandbox.fault(operation, kind, account=shop.account, retry_after=retry_after)

    def _tell(self, lines: list[Line]) -> None:
        for _ in playing.play(lines, self.stage, self.played):
            self.check()

    def _settle(self, what: str) -> None:
        total = settling.total()
        with self.teller.progress(what, total) as advance:
            for standing in settling.wait():
                self.check()
                advance(min(standing.total - standing.open, total))
                if standing.is_stuck:
                    logs = Path(settings.VAR_DIR) / "logs"
                    self.teller.say(f"{standing.open} deliveries have not moved for minutes; see {logs}.")

    def _until(self, has_come: Callable[[], Any], what: str) -> None:
        until(has_come, what, self.check)


def _of(scene: str, lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.get("scene") == scene]


def _state(shop: Shop) -> str:
    return Connection.objects.values_list("state", flat=True).get(account_id=shop.account)


def _nothing() -> None:
    """Most days nothing goes wrong."""
