"""The demo from its first process to its last word."""

import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from klaviyo.models import ConsentWatch
from klaviyo.webhooks import turns
from sorae.demo import generate, laws, report, setting_up
from sorae.demo.broker import WORKER, Broker
from sorae.demo.cast import Known
from sorae.demo.connecting import NAME, Operator
from sorae.demo.console import Teller
from sorae.demo.environment import Ports
from sorae.demo.opt_outs import mails
from sorae.demo.playing import Stage
from sorae.demo.processes import Processes
from sorae.demo.report import Outcome
from sorae.demo.sandbox_state import Sandbox
from sorae.demo.scene import SHOPS
from sorae.demo.season import Season
from sorae.demo.world import World

READY_SECONDS = 60.0


class BrokenOff(Exception):
    """A sentence on why the demo cannot go on."""


@dataclass
class Story:
    """One run. `ports` are free, and the settings are the demo's own."""

    ports: Ports
    teller: Teller
    is_once: bool

    def run(self) -> bool:
        """Whether all laws were kept. Serves until it is interrupted, unless it runs once."""
        self.processes = Processes(Path(settings.VAR_DIR), self.teller.say)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.processes.interrupt)
        self.sandbox = Sandbox(self.ports.sandbox_url)
        self.password = secrets.token_urlsafe(9)
        try:
            outcome = self._outcome()
            self._show(outcome)
            if not self.is_once:
                self._serve()
            return not outcome.broken
        finally:
            self.processes.end()

    def _outcome(self) -> Outcome:
        lines, people = generate.script()
        self._start()
        programs = setting_up.stores()
        operator = self._connect(people)
        stage = Stage(programs, timezone.now())
        season = Season(self.sandbox, operator, self.teller, stage, self.processes.check)
        season.play(lines)
        world = World(
            events=[event for shop in SHOPS for event in self.sandbox.events(shop.account)],
            profiles=[profile for shop in SHOPS for profile in self.sandbox.profiles(shop.account)],
            before=people,
            mails=mails(),
            changes=season.dusk.changes,
            away=self.sandbox.away(),
            erased=season.played.erased,
        )
        return Outcome(season.played, world, season.waiting, laws.judge(world))

    def _start(self) -> None:
        self.teller.say("Preparing the database.")
        call_command("migrate", verbosity=0, interactive=False)
        setting_up.operator(self.password)
        self.teller.say("Starting Klaviyo's sandbox, the site, a Celery worker and beat.")
        manage = (sys.executable, "manage.py")
        state = Path(settings.VAR_DIR) / "sandbox.sqlite3"
        self.processes.start("sandbox", *manage, "sandbox", "--port", str(self.ports.sandbox), "--state", str(state))
        self.processes.start("site", sys.executable, "-m", "gunicorn", *_gunicorn(self.ports.site))
        celery = (sys.executable, "-m", "celery", "-A", "sorae")
        self.processes.start(WORKER, *celery, *_WORKER)
        # Beat is a process of its own: inside the worker it would outlive a worker that is killed.
        self.processes.start("beat", *celery, "beat", "--loglevel", "WARNING", "--pidfile", "")
        broker = Broker(Path(settings.VAR_DIR) / "broker", self.processes, self.teller.say)
        self.processes.watch(broker.look)
        self._until(self.sandbox.is_there, "sandbox")
        self._until(self._site_is_there, "site")

    def _connect(self, people: list[Known]) -> Operator:
        """Klaviyo's people first, then the accounts, then what joins them to the stores, and the ear for consent."""
        self.teller.say("Connecting three Klaviyo accounts, as an operator would in the admin.")
        lists = setting_up.klaviyo(self.sandbox, people)
        operator = Operator(self.ports.site_url)
        operator.sign_in(self.password)
        for shop in SHOPS:
            setting_up.join(shop, operator.connect(shop.account), lists[shop.account])
        turns.look_at_all()  # as beat has it done within half a minute
        if ConsentWatch.objects.filter(webhook_id="").exists():
            raise BrokenOff("An account will not tell us of changed consent by a webhook.")
        return operator

    def _show(self, outcome: Outcome) -> None:
        report.show(self.teller.console, outcome)
        if self.is_once:
            self.teller.last(outcome.as_json())
        else:
            self.teller.addresses(
                {
                    "Sorae": f"{self.ports.site_url}/admin/   {NAME} / {self.password}",
                    "Klaviyo's sandbox": f"{self.ports.sandbox_url}/",
                    "Sorae's e-mail": f"{self.processes.folder}/mail",
                    "Logs": f"{self.processes.folder}/logs",
                }
            )

    def _serve(self) -> None:
        self.teller.say("It all keeps running until you press Ctrl-C.")
        while True:
            self.processes.check()
            time.sleep(1)

    def _until(self, is_ready: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            self.processes.check()
            if time.monotonic() > deadline:
                raise BrokenOff(f"The {name} did not answer in time. What it said: {self.processes.log_of(name)}")
            time.sleep(0.1)

    def _site_is_there(self) -> bool:
        try:
            return requests.get(f"{self.ports.site_url}/admin/login/", timeout=5).ok
        except requests.RequestException:
            return False


_WORKER = (
    "worker",
    "--pool",
    "threads",
    "--concurrency",
    "4",
    "--queues",
    "deliveries,auth,low",
    "--loglevel",
    "WARNING",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)


def _gunicorn(port: int) -> tuple[str, ...]:
    return (
        "sorae.wsgi:application",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
        "--threads",
        "4",
        "--no-control-socket",
        "--graceful-timeout",
        "3",
    )
