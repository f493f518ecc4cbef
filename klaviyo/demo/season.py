"""What is played: six weeks of facts, and meanwhile the days on which something goes wrong, or somebody says no."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from celery import current_app
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo import bounces
from klaviyo.demo import evening, mailbag, playing, settling
from klaviyo.demo.connecting import Operator
from klaviyo.demo.consents import Change
from klaviyo.demo.evening import DUSK, LAST, NIGHT, friend_of_the_evening
from klaviyo.demo.figures import Waiting
from klaviyo.demo.kept import Sandbox, mailbox
from klaviyo.demo.mailbag import Mail
from klaviyo.demo.playing import Line, Played, Stage
from klaviyo.demo.scene import COFFEE, HARBOR, SHOPS, TEA, Shop
from klaviyo.demo.telling import Teller
from klaviyo.models import Notice, Send
from referrals.models import Invite, Program, Reminder

ON_THE_WIRE = 2.0  # seconds, after an account has told us of a no, for what was on its way at that moment
PATIENCE_SECONDS = 150.0  # more than a minute: by then everything that was lost has been found again
POSTPONED = "8"  # seconds, asked for by an account that is asked too much
DAYS_PASS = timedelta(days=4)

State = Delivery.State


class Stalled(Exception):
    """A sentence on what did not come about in time."""


@dataclass
class Season:
    """One run of the story. `check` raises when the demo is to end."""

    sandbox: Sandbox
    operator: Operator
    teller: Teller
    stage: Stage
    check: Callable[[], None]
    played: Played = field(default_factory=Played)
    changes: list[Change] = field(default_factory=list)
    waiting: Waiting = field(default_factory=Waiting)

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
        self._last(_of(LAST, lines))
        self._settle("Delivering the rest")

    def _six_weeks(self, lines: list[Line]) -> None:
        accidents: dict[int, Callable[[], None]] = {
            len(lines) * 3 // 10: self._access_dies,
            len(lines) * 5 // 10: lambda: self.sandbox.answer_badly(TEA.account, "create_event", "503"),
            len(lines) * 6 // 10: lambda: self.sandbox.answer_badly(HARBOR.account, "get_profiles", "503"),
        }
        with self.teller.progress("Playing six weeks of referrals", len(lines)) as advance:
            for told, _ in enumerate(playing.play(lines, self.stage, self.played), 1):
                self.check()
                advance(told)
                accidents.get(told, _nothing)()

    def _access_dies(self) -> None:
        self.sandbox.uninstall(COFFEE.account)
        self.teller.say(f"Somebody removes our app from {COFFEE.name}'s account; what is for it is held.")

    def _dusk(self, lines: list[Line]) -> None:
        """Two accounts ask to come back later and one is gone; while all waits, people change their minds."""
        first = self._first_messages()
        self.sandbox.answer_badly(TEA.account, "create_event", "429", retry_after=POSTPONED)
        self.sandbox.answer_badly(HARBOR.account, "get_profiles", "429", retry_after=POSTPONED)
        self._tell(lines)
        friends = [friend_of_the_evening(shop, number).email for shop in SHOPS for number in range(evening.FRIENDS)]
        self.waiting.look(friends)
        self.teller.say("Klaviyo asks to come back later; meanwhile some friends unsubscribe, and some do it here.")
        self._until(lambda: _state(COFFEE) == Connection.State.RECONNECT, f"{COFFEE.name}'s lost access is noticed")
        self._come_back(first)
        self._withdraw()
        self.waiting.look()
        self._until(lambda: not Notice.objects.filter(processed_at=None).exists(), "What accounts told is heeded")
        self.operator.reconnect(Connection.objects.get(account_id=COFFEE.account))
        self.teller.say(f"The operator has connected {COFFEE.name} again; what was held goes out.")

    def _first_messages(self) -> dict[int, Mail]:
        """The first messages to those friends who answer them, each in their own way."""
        who = {
            friend_of_the_evening(HARBOR, n).email: n for n in (evening.OPTS_OUT, evening.BOUNCES, evening.COMPLAINS)
        }
        found: dict[int, Mail] = {}

        def have_come() -> bool:
            found.update({who[mail.to]: mail for mail in mails() if mail.to in who})
            return len(found) == len(who)

        self._until(have_come, "The first messages are written")
        return found

    def _come_back(self, first: dict[int, Mail]) -> None:
        """One friend uses the link, as their mail program does it; one message bounces; one is reported as spam."""
        one_click = {"List-Unsubscribe": "One-Click"}
        requests.post(first[evening.OPTS_OUT].unsubscribe, data=one_click, timeout=60).raise_for_status()
        bounces.bounced(first[evening.BOUNCES].message_id, "550 5.1.1 No such user here")
        bounces.complained(first[evening.COMPLAINS].message_id)

    def _withdraw(self) -> None:
        """Some of the evening's friends say no at Klaviyo. From when it can be known, nothing may go to them."""
        for shop in SHOPS:
            for number, to in evening.WITHDRAW.items():
                self.sandbox.flip(shop.account, friend_of_the_evening(shop, number).email, to)
        self._until(lambda: all(self.sandbox.is_told(shop.account) for shop in SHOPS), "Webhooks are told")
        time.sleep(ON_THE_WIRE)
        for shop in SHOPS:
            sent = self._sent(shop.account)
            for number, to in evening.WITHDRAW.items():
                email = mailbox(friend_of_the_evening(shop, number).email)
                self.changes.append(Change(shop.account, email, to, frozenset(sent.get(email, ()))))

    def _sent(self, account: str) -> dict[str, set[str]]:
        """What has reached people by now: the facts' ids, by mailbox."""
        found: dict[str, set[str]] = {}
        for email, fact_id in [(event.email, event.fact_id) for event in self.sandbox.events(account)]:
            found.setdefault(email, set()).add(fact_id)
        for mail in mails():
            found.setdefault(mail.to, set()).add(mail.fact_id)
        return found

    def _confirm(self) -> None:
        """Every second one of those who were asked for a confirmation clicks."""
        asked = Delivery.objects.filter(kind="subscribe", state=State.ACCEPTED, reason_code="pending_opt_in")
        waiting = list(asked.order_by("pk").select_related("connection"))[::2]
        for delivery in waiting:
            account, email = delivery.connection.account_id, mailbox(delivery.subject)
            sent = self._sent(account)
            if self.sandbox.confirm(account, delivery.subject):
                self.changes.append(Change(account, email, "subscribed", frozenset(sent.get(email, ()))))
        confirmed = Delivery.objects.filter(pk__in=[delivery.pk for delivery in waiting], state=State.CONFIRMED)
        self._until(lambda: confirmed.count() == len(waiting), "Confirmations are heard of")

    def _days_pass(self) -> None:
        """Nobody waits for days: the books are put back by as much, and the program reminds by itself."""
        program = Program.objects.get(slug=HARBOR.program)
        Invite.objects.filter(advocate__program=program).update(contacted_at=F("contacted_at") - DAYS_PASS)
        Send.objects.filter(program=program).update(mailed_at=F("mailed_at") - DAYS_PASS)
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        due = Invite.objects.filter(unexpired, advocate__program=program, closed_at=None, went_out_at__isnull=False)
        wanted = due.count()
        self.teller.say(f"Four days pass: {program.name} reminds {wanted} friends who neither came nor bought.")
        current_app.send_task("referrals.tasks.remind", retry=False, ignore_result=True)
        made = Reminder.objects.filter(invite__advocate__program=program)
        self._until(lambda: made.count() >= wanted, "Reminders are made")

    def _last(self, lines: list[Line]) -> None:
        self.sandbox.uninstall(HARBOR.account)
        self.teller.say(f"{HARBOR.name}'s account is lost as well, and left so: its last invites stay held.")
        self._tell(lines)
        self._until(lambda: _state(HARBOR) == Connection.State.RECONNECT, f"{HARBOR.name}'s lost access is noticed")

    def _tell(self, lines: list[Line]) -> None:
        for _ in playing.play(lines, self.stage, self.played):
            self.check()

    def _settle(self, what: str) -> None:
        with self.teller.progress(what, settling.total()) as advance:
            for standing in settling.wait():
                self.check()
                advance(standing.total - standing.open)
                if standing.is_stuck:
                    logs = Path(settings.VAR_DIR) / "logs"
                    self.teller.say(f"{standing.open} deliveries have not moved for minutes; see {logs}.")

    def _until(self, has_come: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not has_come():
            self.check()
            if time.monotonic() > deadline:
                raise Stalled(f"{what}: this did not come about in time. See {Path(settings.VAR_DIR) / 'logs'}.")
            time.sleep(0.2)


def mails() -> list[Mail]:
    return mailbag.read(Path(settings.VAR_DIR) / "mail")


def _of(scene: str, lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.get("scene") == scene]


def _state(shop: Shop) -> str:
    return Connection.objects.values_list("state", flat=True).get(account_id=shop.account)


def _nothing() -> None:
    """Most days nothing goes wrong."""
