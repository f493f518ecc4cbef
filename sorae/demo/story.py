"""One run of the demo, from its first process to its report."""

import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from klaviyo.models import ConsentWatch
from klaviyo.sandbox import Remote
from klaviyo.webhooks import turns
from sorae.demo import DemoError, generate, laws, report, servers, setting_up
from sorae.demo.cast import Known
from sorae.demo.connecting import NAME, Operator
from sorae.demo.console import Teller
from sorae.demo.environment import Ports
from sorae.demo.opt_outs import mails
from sorae.demo.playing import Stage
from sorae.demo.processes import Processes
from sorae.demo.report import Outcome
from sorae.demo.scene import SHOPS
from sorae.demo.season import Season
from sorae.demo.world import World


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
        self.sandbox = Remote(self.ports.sandbox_url)
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
        self.teller.say("Preparing the database.")
        call_command("migrate", verbosity=0, interactive=False)
        setting_up.operator(self.password)
        self.teller.say("Starting Klaviyo's sandbox, the site, a Celery worker and beat.")
        servers.start(self.processes, self.ports)
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
            changes=season.opt_outs.changes,
            away=frozenset(one.id for one in self.sandbox.accounts() if not one.installs),
            erased=season.played.erased,
        )
        return Outcome(season.played, world, season.waiting, laws.judge(world))

    def _connect(self, people: list[Known]) -> Operator:
        """Klaviyo's people first, then the accounts, then what joins them to the stores, and the ear for consent."""
        self.teller.say("Connecting three Klaviyo accounts, as an operator would in the admin.")
        lists = setting_up.klaviyo(self.sandbox, people)
        operator = Operator(self.ports.site_url)
        operator.sign_in(self.password)
        for shop in SHOPS:
            setting_up.join(shop, operator.connect(shop.account), lists[shop.account])
        turns.take_all()  # as beat has it done within half a minute
        if ConsentWatch.objects.filter(webhook_id="").exists():
            raise DemoError("An account will not tell us of changed consent by a webhook.")
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
