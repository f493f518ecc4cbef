"""Impostors answer in Klaviyo's place: nothing counts as done because of it, and our tokens go nowhere else."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from integrations import connections
from integrations.models import Connection
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import State, make_due, metrics, states


class Elsewhere(BaseHTTPRequestHandler):
    """Another host, which writes down what it is asked."""

    heard: list[str]

    def do_GET(self) -> None:
        self.heard.append(f"{self.command} {self.path} {dict(self.headers)}")
        self.send_response(200)
        self.end_headers()

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it has heard."""
    heard: list[str] = []
    with HTTPServer(("127.0.0.1", 0), type("Listening", (Elsewhere,), {"heard": heard})) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/events", heard
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("operation", ["create_event", "create_or_update_profile", "get_profiles"])
@pytest.mark.parametrize("kind", ["wrong_success", "html_403", "not_json"])
def test_a_page_in_html_is_no_answer_whatever_its_status(
    sandbox: Sandbox, ann: Advocate, drain: Drain, operation: str, kind: str
) -> None:
    sandbox.fault(operation, kind, count=2)
    for _ in range(4):
        drain()
        make_due()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    assert sandbox.profile("VxYz12", ann.email) is not None


@pytest.mark.parametrize("operation", ["create_event", "create_or_update_profile", "get_profiles", "get_accounts"])
def test_a_redirect_is_not_followed(
    sandbox: Sandbox, ann: Advocate, drain: Drain, elsewhere: tuple[str, list[str]], operation: str
) -> None:
    address, heard = elsewhere
    sandbox.fault(operation, "redirect", count=2, location=address)
    connections.probe_all()
    for _ in range(4):
        drain()
        make_due()
    assert heard == []
    assert states() == {State.ACCEPTED}
    assert Connection.objects.get().is_connected


@pytest.mark.parametrize("operation", ["oauth_token", "oauth_revoke"])
def test_neither_is_one_of_the_token_endpoint(
    sandbox: Sandbox, connection: Connection, elsewhere: tuple[str, list[str]], operation: str
) -> None:
    address, heard = elsewhere
    sandbox.fault(operation, "redirect", count=2, location=address)
    if operation == "oauth_token":
        with pytest.raises(connections.renewal.AccessUnavailable):
            connections.renew(connection.pk, connection.generation)
    else:
        assert not connections.disconnect(connection, None)
    assert heard == []
