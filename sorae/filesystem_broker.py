"""The filesystem broker: kombu's folder of messages, where messages do not pile up, and a torn one ends no worker."""

import hashlib
import json
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from django.utils import timezone
from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps

from sorae import messages


class Channel(filesystem.Channel):
    """A message that kombu 5.7 takes while it is still being written is dropped; the next sweep makes up for it."""

    def _put(self, queue: str, payload: Any, **options: Any) -> None:  # type: ignore[override]
        """Of messages that wait once, a new one takes the place of the one that waits."""
        if not (name := messages.once(payload)):
            super()._put(queue, payload, **options)
            return
        try:
            self._put_once(queue, hashlib.sha256(name.encode()).hexdigest(), dumps(payload))
        except OSError as error:
            raise ChannelError(f"Cannot add a message to {self.data_folder_out!r}") from error

    def _put_once(self, queue: str, name: str, text: str) -> None:
        folder = Path(self.data_folder_out)
        waiting = next(folder.glob(f"*_{name}.{queue}.msg"), None)
        draft = folder / f"{uuid.uuid4()}.draft"
        draft.write_text(text)
        # kombu reads in the order of the names: https://docs.celeryq.dev/projects/kombu/en/stable/reference/
        # kombu.transport.filesystem.html
        draft.replace(waiting or folder / f"{round(time.monotonic() * 1000)}_{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002  (the published signature)
        try:
            return super()._get(queue)
        except ValueError:
            raise Empty from None

    def basic_consume(self, queue: str, *args: Any, **options: Any) -> Any:
        """Whoever begins to take messages throws away what is of no use any more."""
        now = timezone.now()
        for path in Path(self.data_folder_in).glob(f"*.{queue}.msg"):
            with suppress(OSError, ValueError):
                if messages.is_stale(json.loads(path.read_text()), now):
                    path.unlink()
        return super().basic_consume(queue, *args, **options)


class Transport(filesystem.Transport):
    Channel = Channel
