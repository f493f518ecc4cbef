"""Duplicates: two beats, a message nobody can read, a task nobody knows; all is done once, and the work goes on."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection as database

from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Reminder
from sorae.celery import app
from tests import migrated, servers
from tests.conftest import Drain
from tests.consent_screen import TEA_HOUSE_LTD
from tests.klaviyo.sending_cast import invited_days_ago
from tests.klaviyo.story import BEN, end_leases, make_due, metrics
from tests.workers import playing
from tests.workers.conftest import House, Observer

BEATS = 3 if database.vendor == "postgresql" else 1  # SQLite lets one write at a time: there they come in turn
MESSAGE = {
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "properties": {
        "delivery_tag": "1",
        "delivery_info": {"exchange": "", "routing_key": "deliveries"},
        "body_encoding": "base64",
    },
}
KNOWN = {"task": "integrations.tasks.drain", "id": "1"}
PICKLED = {"headers": KNOWN, "content-type": "application/x-python-serialize", "body": "gAR9lC4="}
POISON: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'"text"',
    json.dumps(MESSAGE).encode(),
    *(
        json.dumps(MESSAGE | {"headers": headers, "body": body}).encode()
        for headers in ({"task": "no.such.task", "id": "1"}, KNOWN, {"lang": "py"}, {})
        for body in ("!", "W10=", "W1tdLCB7fSwge31d", "W1siYSIsICJiIl0sIHt9LCB7fV0=", "gAR9lC4=")
    ),
    json.dumps(MESSAGE | PICKLED).encode(),
    b"[" * 100_000,
)


def every_beat() -> None:
    """Everything that beat asks for, once."""
    try:
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            app.tasks[str(entry["task"])]()
    finally:
        if BEATS > 1:
            database.close()


def all_beats() -> None:
    """Two beats and more, side by side."""
    app.loader.import_default_modules()
    if BEATS == 1:
        every_beat()
        every_beat()
        return
    with ThreadPoolExecutor(BEATS) as beats:
        for run in [beats.submit(every_beat) for _ in range(BEATS)]:
            run.result(timeout=600)


def test_beats_side_by_side_do_everything_once(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    invite = invited_days_ago(ann, drain)
    lifecycle.visit(ann)
    for _ in range(2):
        all_beats()
        drain()
        end_leases()
        make_due()
    assert Reminder.objects.filter(invite=invite).count() == 1
    assert metrics(sandbox, BEN).count("Sorae Invite Reminder") == 1
    assert Counter(metrics(sandbox, ann.email))["Sorae Referred Visit"] <= 1


def test_messages_that_nobody_can_read_stop_no_worker(tmp_path: Path) -> None:
    observer = Observer()
    try:
        address = servers.redis()
        with Sandbox(limits=False, observer=observer) as klaviyo, address as url:
            env = playing.environment(klaviyo, tmp_path) | {"REDIS_URL": url}
            migrated.sqlite(tmp_path)
            with House(env, klaviyo, observer) as house, redis.Redis.from_url(url) as client:
                house.play("open")
                for queue in ("deliveries", "auth"):
                    for prefix in ("", "sorae:"):
                        client.lpush(f"{prefix}{queue}", *POISON)
                worker = house.start_worker("-B")
                (ann,) = house.play("join", 1)
                settled = house.wait_until_settled()
                assert worker.poll() is None
                house.wait_until(lambda: client.llen("sorae:deliveries") == 0)
            assert settled == {"accepted": 2}
            assert [event.email for event in klaviyo.events(TEA_HOUSE_LTD)] == [ann]
    except servers.NotHere as missing:
        pytest.skip(f"A broker with unreadable messages. {missing}")
