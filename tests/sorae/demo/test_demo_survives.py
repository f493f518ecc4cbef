"""The demo keeps all laws, also when its worker is killed halfway and the broker's folder is emptied."""

import json
import shutil
from pathlib import Path

from tests.sorae.demo import demos

HALFWAY = "Playing six weeks of referrals: 1,1"
BREACHES = ("missing: ", "twice: ", "against_consent: ")


def test_nothing_is_lost_when_the_worker_is_killed_halfway_and_the_broker_is_emptied(tmp_path: Path) -> None:
    with demos.running(tmp_path, "--once") as demo:
        demo.listen(HALFWAY)
        demo.processes()["worker"].kill()
        for folder in (demo.folder / "broker").iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        outcome = json.loads(demo.listen())
        status = demo.process.wait()
    assert status == 0, "\n".join(line for line in demo.said if line.startswith(BREACHES)) or outcome
    assert (outcome["missing"], outcome["twice"], outcome["against_consent"]) == (0, 0, 0)
    assert outcome["facts"] >= 1_500
    assert "sending" not in outcome["deliveries"]
    assert outcome["deliveries"]["accepted"] + outcome["deliveries"]["confirmed"] > 1_500
    assert outcome["deliveries"]["confirmed"] > 1_000
    assert set(outcome["reasons"]) >= {
        "unknown_person",
        "suppressed",
        "unsubscribed",
        "never_subscribed",
        "no_profile",
        "consent_unknown",
        "expired",
        "list_suppressed",
        "opted_out",
        "complained",
        "bounced",
        "converted",
        "visited",
        "too_many",
    }
    assert outcome["sends"]["sorae"]["held"] == {"access_withdrawn": outcome["held_at_the_end"]}
    assert outcome["sends"]["sorae"]["queued"] == {"advocate_cap": outcome["postponed_at_the_end"]}
    assert outcome["mails"] > 50
    assert min(outcome[name] for name in ("subscribed", "pending", "confirmed", "reminders_by_the_program")) > 0
    assert outcome["waited"]["went_later"] > 0
    assert set(outcome["bad_answers"]) == {"401", "429", "503"}
    assert outcome["erased"] == 1
    assert len(outcome["klaviyo"]["events"]) == 9
    assert outcome["klaviyo"]["profiles"] > 300
    assert any(line.startswith("The worker was killed (signal 9)") for line in demo.said)
