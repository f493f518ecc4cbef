"""Messages that the version before has sent and nobody has received yet: the new one's workers know what they mean.

The file holds one of each task as the embedded broker keeps it, with its body as text. What is in them is Celery's
protocol 2: https://docs.celeryq.dev/en/v5.5.3/internals/protocol.html#version-2
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from celery.signals import task_success
from celery.worker.request import Request
from kombu import Connection
from kombu.message import Message

from integrations.models import Delivery
from klaviyo.models import Notice
from klaviyo.sandbox import Sandbox
from referrals.models import Visit
from sorae.celery import app
from tests.upgrades import past
from tests.upgrades.past import Fixture

MESSAGES = "messages_before_store_settings.json"


def put_into(folder: Path, messages: Any) -> None:
    """As the broker that the version before has left: one file a message."""
    for number, message in enumerate(messages):
        queue = message["properties"]["delivery_info"]["routing_key"]
        body = base64.b64encode(message["body"].encode()).decode()
        (folder / f"{number}_{message['headers']['id']}.{queue}.msg").write_text(json.dumps(message | {"body": body}))


def received_from(folder: Path) -> Iterator[Message]:
    """All that a worker which serves every queue gets out of it."""
    folders = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder)}
    with Connection("filesystem://", transport_options=folders) as broker:
        for name in app.amqp.queues:
            queue = broker.SimpleQueue(name, accept=app.conf.accept_content)
            try:
                while True:
                    yield queue.get(block=False)
            except Empty:
                queue.close()


def run(message: Message) -> str:
    """Run the task that a message names with what it carries, as a worker does; the task's name, if all went well."""
    done: list[str] = []

    def note(sender: Any, **_: Any) -> None:
        done.append(sender.name)

    task_success.connect(note)
    try:
        Request(message, app=app).execute()
    finally:
        task_success.disconnect(note)
    return "".join(done)


def test_messages_of_before_are_understood(upgraded: Fixture, sandbox: Sandbox, tmp_path: Path) -> None:
    messages = past.read(MESSAGES)
    folder = tmp_path / "messages"
    folder.mkdir()
    put_into(folder, messages)
    app.loader.import_default_modules()  # as a worker does when it starts
    done = [run(message) for message in received_from(folder)]
    assert sorted(done) == sorted(message["headers"]["task"] for message in messages)
    assert len(done) == 13
    told = Delivery.objects.get(kind="event", subject="invite-queued@friends.test")
    assert told.state in (Delivery.State.ACCEPTED, Delivery.State.CONFIRMED)  # which comes some time after
    assert not Notice.objects.filter(processed_at=None).exists()
    assert Visit.objects.exists()
