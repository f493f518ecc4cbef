"""The filesystem broker: a half-written message does not stop a worker."""

from pathlib import Path

from kombu import Connection

from sorae.celery import app as current_app
from sorae.filesystem_broker import Transport


def test_a_half_written_message_does_not_stop_a_worker(tmp_path: Path) -> None:
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path)}
    with Connection("filesystem://", transport_options=folders) as broker:
        assert isinstance(broker.transport, Transport)
        assert current_app.main == "sorae"
        queue = broker.SimpleQueue("halves")  # kombu remembers for a process which queues it has declared
        (tmp_path / "0_half.halves.msg").write_text("")
        queue.put("whole")
        assert queue.get(timeout=300).payload == "whole"
