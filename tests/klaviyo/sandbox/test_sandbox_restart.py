"""What was answered is there after a restart, also after one that nobody was ready for."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile, StateInUse
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, event

ROOT = Path(__file__).parents[3]
RUN = """
import sys, threading
from pathlib import Path
from klaviyo.sandbox import Sandbox
sandbox = Sandbox(Path(sys.argv[1]), limits=False).start()
print(sandbox.url, sandbox.connect("VxYz12").access_token, flush=True)
threading.Event().wait()
"""


def test_people_tokens_lists_and_events_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "var" / "sandbox.sqlite3"
    with Sandbox(state) as sandbox:
        sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
        sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED", lists=["NwsLtr"])])
        token = sandbox.connect(TEA_HOUSE).access_token
        Client(sandbox.url, token).send("POST", "/api/events", event(unique_id="c-1"))
        before = (sandbox.profiles(TEA_HOUSE), sandbox.lists(TEA_HOUSE), sandbox.events(TEA_HOUSE))
    with Sandbox(state) as sandbox:
        assert (sandbox.profiles(TEA_HOUSE), sandbox.lists(TEA_HOUSE), sandbox.events(TEA_HOUSE)) == before
        assert Client(sandbox.url, token).send("POST", "/api/events", event(unique_id="c-1")).status_code == 202
        assert [one.received for one in sandbox.events(TEA_HOUSE)] == [2]


def put_campaign(client: Client) -> str:
    """A scheduled campaign to NwsLtr with its template, an image, and a coupon with a code; its id."""

    def post(path: str, kind: str, attributes: Any = None, **more: Any) -> Any:
        told = {"type": kind, **({"attributes": attributes} if attributes else {}), **more}
        answer = client.send("POST", f"/api/{path}", {"data": told})
        assert answer.ok, answer.text
        return answer.json()["data"]

    post("images", "image", {"import_from_url": "https://tea.test/a.png"})
    post("coupons", "coupon", {"external_id": "10OFF"})
    of_coupon = {"coupon": {"data": {"type": "coupon", "id": "10OFF"}}}
    post("coupon-codes", "coupon-code", {"unique_code": "A"}, relationships=of_coupon)
    template = post("templates", "template", {"name": "Gift", "editor_type": "CODE", "html": "<p>Hello</p>"})["id"]
    definition = {"channel": "email", "content": {"subject": "A gift"}}
    messages = [{"type": "campaign-message", "attributes": {"definition": definition}}]
    told = {
        "name": "Launch",
        "audiences": {"included": ["NwsLtr"]},
        "send_strategy": {"method": "static", "datetime": "2040-12-01T09:00:00+00:00"},
        "campaign-messages": {"data": messages},
    }
    made = post("campaigns", "campaign", told)
    message = made["relationships"]["campaign-messages"]["data"][0]["id"]
    assigned = {"template": {"data": {"type": "template", "id": template}}}
    post("campaign-message-assign-template", "campaign-message", id=message, relationships=assigned)
    post("campaign-send-jobs", "campaign-send-job", id=made["id"])
    return str(made["id"])


def test_campaigns_templates_images_and_coupons_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state) as sandbox:
        sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
        token = sandbox.connect(TEA_HOUSE).access_token
        made = put_campaign(Client(sandbox.url, token))
        before = seen(sandbox)
        assert all(before)
    with Sandbox(state) as sandbox:
        assert seen(sandbox) == before
        client = Client(sandbox.url, token)
        assert client.get(f"/api/campaigns/{made}")["data"]["attributes"]["status"] == "Scheduled"
        sandbox.reset()
        assert seen(sandbox) == ([], [], [], [])


def seen(sandbox: Sandbox) -> tuple[list[Any], ...]:
    return (
        sandbox.campaigns(TEA_HOUSE),
        sandbox.templates(TEA_HOUSE),
        sandbox.images(TEA_HOUSE),
        sandbox.coupon_codes(TEA_HOUSE),
    )


def test_a_killed_sandbox_has_lost_nothing_that_it_answered(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout
        url, token = process.stdout.readline().split()
        client = Client(url, token)
        for number in range(50):
            assert client.send("POST", "/api/events", event(unique_id=f"c-{number}")).status_code == 202
        client.session.close()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with Sandbox(state) as sandbox:
        assert {one.unique_id for one in sandbox.events(TEA_HOUSE)} == {f"c-{number}" for number in range(50)}


def test_two_sandboxes_do_not_share_a_file(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state), pytest.raises(StateInUse):
        Sandbox(state)


def test_a_file_of_an_earlier_sandbox_is_brought_up_to_date(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state) as sandbox:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        client.send("POST", "/api/events", event(unique_id="c-1"))
    with closing(sqlite3.connect(state)) as sql, sql:
        sql.execute("ALTER TABLE events DROP COLUMN received_at")
        sql.execute("CREATE TABLE job_profiles (job TEXT, profile TEXT REFERENCES profiles (id))")
    with Sandbox(state) as sandbox:
        assert sandbox.arrivals(TEA_HOUSE) == [("c-1", 0.0)]
        assert Client(sandbox.url, client.token).send("POST", "/api/events", event(unique_id="c-2")).status_code == 202
        assert sandbox.arrivals(TEA_HOUSE)[1][1] > 0
