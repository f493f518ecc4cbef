"""What the host's mail service says of our messages afterwards, in whatever words."""

import pytest

from klaviyo import bounces
from klaviyo.models import Send
from referrals import lifecycle, suppressions
from referrals.models import Advocate, Program, Store, Suppression
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import outcomes
from tests.klaviyo.story import BEN, State
from tests.mail_server import MailServer

Reason = Suppression.Reason


@pytest.fixture
def sent(own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain) -> Send:
    """Ben's invite has gone out."""
    lifecycle.invite(ann, BEN)
    drain()
    return Send.objects.get()


def suppressed(store: Store) -> str | None:
    row = suppressions.of(store.pk, [BEN]).get(BEN)
    return row.reason if row else None


def test_a_bounce_is_on_record_and_keeps_the_address_from_being_written_to(
    sent: Send, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    lifecycle.remind(sent.invite, 1)
    assert bounces.bounced(sent.message_id, "550 5.1.1 No such user")
    sent.refresh_from_db()
    assert sent.bounced_at is not None
    assert sent.bounce == "550 5.1.1 No such user"
    assert suppressed(sent.store) == Reason.BOUNCED
    assert outcomes()[BEN] == (State.CANCELLED, "bounced")
    lifecycle.remind(sent.invite, 2)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "bounced")
    assert len(mail_server.arrived) == 1


def test_a_passing_bounce_is_on_record_only(sent: Send) -> None:
    assert bounces.bounced(sent.message_id, "452 Mailbox full", is_permanent=False)
    sent.refresh_from_db()
    assert sent.bounce == "452 Mailbox full"
    assert suppressed(sent.store) is None


def test_a_complaint_is_a_no(sent: Send) -> None:
    lifecycle.remind(sent.invite, 1)
    assert bounces.complained(sent.message_id)
    sent.refresh_from_db()
    assert sent.bounce == "Reported as spam."
    assert suppressed(sent.store) == Reason.COMPLAINED
    assert outcomes()[BEN] == (State.CANCELLED, "complained")


def test_the_first_time_stays_and_the_last_words(sent: Send) -> None:
    bounces.bounced(sent.message_id, "452 Full", is_permanent=False)
    first = Send.objects.get().bounced_at
    bounces.bounced(sent.message_id, "550 Gone")
    again = Send.objects.get()
    assert (again.bounced_at, again.bounce) == (first, "550 Gone")
    assert Suppression.objects.count() == 1


def test_other_stores_may_still_write(sent: Send) -> None:
    bounces.bounced(sent.message_id)
    assert Send.objects.get().bounce == "No reason was given."
    assert Suppression.objects.get().store == sent.store


def test_ids_may_come_in_any_dress(sent: Send) -> None:
    plain = sent.message_id.strip("<>")
    for spelling in (f"<{plain}>", plain, f" <{plain}>\r\n", f"{plain}>", f"<<{plain}>>"):
        assert bounces.bounced(spelling)


ODD = ["", " ", "<>", "<", "unknown@example.com", "\0", "<\0>", "\ud800", "x" * 100_000, "%", "' OR 1=1 --", "é\n\r"]


def test_an_id_that_is_none_of_ours_is_nothing(sent: Send) -> None:
    for odd in ODD:
        assert not bounces.bounced(odd)
        assert not bounces.complained(odd)
    assert not bounces.bounced(None)  # type: ignore[arg-type]
    assert Suppression.objects.count() == 0


def test_any_reason_can_be_kept(sent: Send) -> None:
    for odd in ODD:
        assert bounces.bounced(sent.message_id, odd)
        assert bounces.complained(sent.message_id, odd)
        assert 0 < len(Send.objects.get().bounce) <= 1000


def test_of_an_erased_person_nothing_is_written_any_more(sent: Send) -> None:
    lifecycle.erase(BEN)
    assert not bounces.bounced(sent.message_id, f"550 {BEN} has gone")
    assert Send.objects.get().bounce == ""


def test_a_message_that_was_never_sent_has_no_id(own_mail: Program, mail_server: MailServer, ann: Advocate) -> None:
    lifecycle.invite(ann, BEN)
    assert not bounces.bounced(Send.objects.get().message_id)
