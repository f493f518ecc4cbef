"""A site in which everything has happened once, so that every page has something to show. Nobody is called."""

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from integrations.api import tokens
from integrations.api.outcome import Outcome
from integrations.models import Attempt, Connection, Delivery, NoticeAddress, RefusedCall
from integrations.notices import publish_to
from integrations.notices.needs import NEEDS_SOMEBODY
from klaviyo.actions import catalogue, checking, record
from klaviyo.actions.record import By
from klaviyo.delivery.erasure import erase
from klaviyo.models import Backfill, BackfillProblem, StoreSetting
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.klaviyo.canary import notice
from tests.klaviyo.made_sends import a_decision, a_send
from tests.klaviyo.syncs import made_syncs

State = Delivery.State


def move_in() -> StoreSetting:
    """Tea House, joined to an account; Ann and her friends; one delivery in each state; a person erased."""
    store = Store.objects.create(slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE")
    spring = Program.objects.create(store=store, slug="spring", name="Spring", offer="5 EUR off the first tea")
    setting = StoreSetting.objects.create(store=store, connection=_account("VxYz12", Connection.State.CONNECTED))
    _account("Qk7LmA", Connection.State.UNDECIDED, replaces=setting.connection)
    ann = lifecycle.join(spring, "ann@example.com", first_name="Ann", last_name="Lee")
    bens = lifecycle.invite(ann, "ben@friends.test", recipient_name="Ben")
    lifecycle.visit(ann, invite=bens, landing_page="https://teahouse.example/")
    bought = lifecycle.convert(ann, order_id="1", friend_email="ben@friends.test", total="20", currency="EUR")
    lifecycle.refund(bought, refund_id="1", total="5")
    lifecycle.reward(ann, kind="credit", amount="5", currency="EUR", conversion=bought)
    lifecycle.opt_in(store, "ben@friends.test", wording="Yes, send me news.", place="join form")
    lifecycle.opt_out(store, "dan@friends.test", scope="everything", place="a message")
    for number, state in enumerate(State):
        send = a_send(ann, f"friend-{number}@friends.test", state=state, code="list_gone", reason="The list is gone.")
        a_decision(send, "unsubscribed", "They have unsubscribed.", {"consent": "UNSUBSCRIBED"})
    attempt = Attempt.objects.create(connection=setting.connection, operation="create_event", started_at=timezone.now())
    attempt.deliveries.set(Delivery.objects.all()[:2])
    notice(setting.connection, 1, "ben@friends.test")
    Group.objects.create(name="Readers")
    User.objects.create_user("reader")
    mailbox = NoticeAddress.objects.create(kind="email", shown="team@shop.test", names=[NEEDS_SOMEBODY.name])
    publish_to([mailbox], NEEDS_SOMEBODY, setting.connection, {"sentence": "The app was removed."})
    token, _ = tokens.make("Till", None, abilities=["read"], connections=[setting.connection])
    RefusedCall.objects.create(token=token, code=RefusedCall.Code.ABILITY_NOT_ALLOWED, method="POST", route="/tea")
    erase.erase("eve@friends.test", None)
    _a_run(setting.connection)
    _a_backfill(setting, ann)
    made_syncs.fill(setting.connection)
    return setting


def _a_run(connection: Connection) -> None:
    """Of an action, by nobody in particular."""
    action, given = catalogue.find("list_list_profiles"), {"list_id": "Y6nRLr"}
    row, _ = record.begin(action, connection, checking.checked(action, given), by=By())
    record.end(
        row, Outcome("success", data={"items": [{"id": "01ABC", "attributes": {"email": "ben@friends.test"}}]}), []
    )


def _a_backfill(setting: StoreSetting, ann: Advocate) -> None:
    """Under way, and one person was refused."""
    row = Backfill.objects.create(setting=setting, upto=ann.pk, people=1)
    BackfillProblem.objects.create(backfill=row, advocate=ann, code="invalid", detail="The phone number is none.")


def _account(number: str, state: Connection.State, **more: Connection) -> Connection:
    """Connected as far as we know; whoever tries to reach it finds nobody."""
    row = Connection.objects.create(
        provider="klaviyo",
        account_id=number,
        account_name=f"Tea House {number}",
        state=state,
        generation=1,
        access_expires_at=timezone.now() + timedelta(hours=1),
        refreshed_at=timezone.now(),
        **more,
    )
    row.access_token, row.refresh_token = "an-access-token", "a-refresh-token"
    row.save()
    return row
