"""The Celery app: messages only wake workers up; the delivery table is the queue."""

import os
from typing import Any

from celery import Celery, signals
from kombu import Queue
from kombu.transport import TRANSPORT_ALIASES

from integrations import shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")

# kombu 5.7 imports a transport by the alias of its URL's scheme
TRANSPORT_ALIASES["filesystem"] = "sorae.filesystem_broker:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "sorae.redis_broker:Transport"

app = Celery("sorae")
app.config_from_object("django.conf:settings", namespace="CELERY")
# `deliveries` is for wake-ups only, so that nothing waits there but accounts with work to do. They are not among the
# settings, which every command reads, as a Queue brings all of kombu along.
app.conf.task_queues = [Queue("deliveries"), Queue("auth"), Queue("low")]  # a worker that names none serves all
app.autodiscover_tasks()

# https://docs.celeryq.dev/en/stable/userguide/signals.html#worker-shutting-down
signals.worker_shutting_down.connect(shutdown.ask)


@signals.beat_init.connect
@signals.worker_init.connect
def refuse_a_broken_configuration(**_kwargs: Any) -> None:
    """A worker or beat with a missing setting says so and ends, instead of failing task by task."""
    from sorae.configuration import refuse_if_broken

    refuse_if_broken()


@signals.worker_init.connect
def import_what_work_needs(**_kwargs: Any) -> None:
    """Now, and not when the first message is at work."""
    from sorae.preloading import preload

    preload()


@signals.task_prerun.connect
@signals.task_postrun.connect
def keep_good_connections(task: Any = None, **_kwargs: Any) -> None:
    """As between two requests: a thread's connection stays for CONN_MAX_AGE, unless it is broken.

    https://docs.djangoproject.com/en/5.2/ref/databases/#persistent-database-connections
    """
    from django.db import close_old_connections

    if task is None or not task.request.is_eager:  # whose connection is its caller's
        close_old_connections()


@signals.worker_init.connect
def keep_to_oneself(sender: Any, **_kwargs: Any) -> None:
    """As --without-mingle and --without-gossip: without remote control nobody answers, and nobody is to be believed.

    https://docs.celeryq.dev/en/stable/reference/cli.html#celery-worker
    """
    sender.options.update(without_mingle=True, without_gossip=True)
