"""The demo's servers, a process each: Klaviyo's sandbox, the site, a Celery worker with its broker, and beat."""

import sys
from functools import partial
from pathlib import Path

import requests
from django.conf import settings

from sorae.demo.environment import Ports
from sorae.demo.processes import Processes
from sorae.demo.settling import until

WORKER = "worker"
WORKER_OPTIONS = (
    "--pool threads --concurrency 4 --queues deliveries,auth,low --loglevel WARNING "
    "--without-gossip --without-mingle --without-heartbeat"
)
SITE_OPTIONS = "--workers 1 --threads 4 --no-control-socket --graceful-timeout 3"
BROKER_PATIENCE_SECONDS = 30.0


def start(processes: Processes, ports: Ports) -> None:
    """Returns when both web servers answer."""
    python, var = sys.executable, Path(settings.VAR_DIR)
    sandbox = ("--port", str(ports.sandbox), "--state", str(var / "sandbox.sqlite3"))
    site = ("sorae.wsgi:application", "--bind", f"127.0.0.1:{ports.site}")
    celery = (python, "-m", "celery", "-A", "sorae")
    processes.start("sandbox", python, "manage.py", "sandbox", *sandbox)
    processes.start("site", python, "-m", "gunicorn", *site, *SITE_OPTIONS.split())
    processes.start(WORKER, *celery, "worker", *WORKER_OPTIONS.split())
    # Beat is a process of its own: inside the worker it would outlive a worker that is killed.
    processes.start("beat", *celery, "beat", "--loglevel", "WARNING", "--pidfile", "")
    processes.watch(Broker(var / "broker", processes).look)
    until(partial(_answers, f"{ports.sandbox_url}/sandbox/state"), "The sandbox answers", processes.check)
    until(partial(_answers, f"{ports.site_url}/admin/login/"), "The site answers", processes.check)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


class Broker:
    """Celery's filesystem broker, whose folder anybody can empty.

    A worker makes its queues when it starts, and never again: without them every wake-up is lost. So when they
    are gone, the worker is started again. What was in them is of no account: a sweep finds whatever is due.
    """

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.was_there = False
        self.age = 0.0
        self.patience = BROKER_PATIENCE_SECONDS

    def look(self) -> None:
        """To be called again and again."""
        age = self.processes.age(WORKER)
        if age < self.age:  # a new worker, which has yet to make its queues
            self.was_there = False
        self.age = age
        if (self.folder / "control" / "deliveries.exchange").exists() and (self.folder / "messages").is_dir():
            self.was_there, self.patience = True, BROKER_PATIENCE_SECONDS
        elif self.was_there or age > self.patience:
            # A worker that is only slow to start must not be started again for ever: each one gets longer.
            self.was_there, self.patience = False, self.patience * 2
            for name in ("messages", "control"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.processes.say("The broker's folder was emptied; the worker is started again to make its queues.")
            self.processes.restart(WORKER)
