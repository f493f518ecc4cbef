"""A person whose every word can be told from everybody else's, and a look for it in all that is stored."""

from typing import Any

from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.consent import topics
from klaviyo.models import Notice
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.story import State

BIRD = "Kanari.Vogel@voliere.test"
MARKS = ("kanari", "vogel", "voliere", "30901820", "zaunkönig")
NAMES: dict[str, Any] = {"first_name": "Kanari", "last_name": "Vogel", "phone": "+493090182000"}
WORDING = "Yes, send me news."


def tell_of(ann: Advocate, email: str = BIRD) -> Advocate:
    """They are invited by Ann, come, buy and are rewarded; join, invite Cid and sell to Dan; say yes, and no."""
    store = ann.program.store
    invite = lifecycle.invite(ann, email, recipient_name="Kanari Vogel")
    lifecycle.visit(
        ann, invite=invite, referrer="https://mail.test/kanari", landing_page="https://teahouse.example/?v=vogel"
    )
    named: dict[str, Any] = {f"friend_{name}": value for name, value in NAMES.items()}
    bought = lifecycle.convert(ann, order_id=f"B-{email}"[:3], friend_email=email, total="20", currency="EUR", **named)
    lifecycle.reward(ann, kind="credit", amount=5, currency="EUR", conversion=bought, recipient="friend")
    bird = lifecycle.join(ann.program, email, **NAMES, locale="de", tier="Zaunkönig")
    sold = lifecycle.convert(bird, order_id="D-1", friend_email="dan@friends.test", total="30", currency="EUR")
    lifecycle.reward(bird, kind="cash", amount=7, currency="EUR", conversion=sold)
    lifecycle.invite(bird, "cid@friends.test")
    lifecycle.visit(bird, referrer="https://forum.test/vogel")
    lifecycle.opt_in(store, email, wording=WORDING, place="join form", phone=NAMES["phone"], channels=["email", "sms"])
    lifecycle.opt_out(store, email, scope="newsletter", place="a message")
    return bird


def remind(ann: Advocate, email: str = BIRD) -> None:
    """Something that waits, in each state that there is."""
    invite = Invite.objects.get(advocate=ann, recipient_email=email)
    for number, state in enumerate(Delivery.State, 1):
        reminder = lifecycle.remind(invite, number)
        row = Delivery.objects.filter(source=str(reminder.uid))
        row.update(
            state=state,
            reason="Klaviyo refuses it: kanari is no name.",
            evidence={"email": email},
            warnings=["vogel"],
            settled_at=None if state in Delivery.OPEN else timezone.now(),
        )


def notice(connection: Connection, number: int, email: str = "", profile_id: str = "") -> Notice:
    return Notice.objects.create(
        connection=connection,
        external_id=f"n{number}",
        topic=topics.UNSUBSCRIBED,
        email=email,
        profile_id=profile_id,
        payload={"email": email},
        happened_at=timezone.now(),
    )


def found() -> list[str]:
    """Where a mark stands in any column of any table: table, mark and row."""
    found: list[str] = []
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
            for row in cursor.fetchall():
                words = str(row).lower().encode().decode("unicode_escape", "replace") + str(row).lower()
                found += [f"{table} {mark}: {row}" for mark in MARKS if mark in words]
    return found


def settle_all(drain: Drain) -> None:
    """As if the waits of an erasure had gone by as well."""
    drain()
    Delivery.objects.filter(kind="erase", state=State.QUEUED).update(next_try_at=timezone.now())
    drain()
