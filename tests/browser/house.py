"""A house in which everything has happened, for tests that look at each page; and the addresses of its pages."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from integrations import pauses
from integrations.api.outcome import Outcome
from integrations.models import (
    Attempt,
    Connection,
    Delivery,
    HealthCheck,
    Leaving,
    NoticeAddress,
    NoticeDelivery,
    Pause,
)
from integrations.notices import publish_to
from integrations.notices.needs import NEEDS_SOMEBODY
from integrations.pauses import by_hand
from klaviyo.actions import catalogue, checking, record
from klaviyo.actions.record import By
from klaviyo.models import (
    ActionRun,
    Backfill,
    BackfillProblem,
    Erasure,
    FlowReading,
    FlowRevenue,
    KitItem,
    Send,
    StarterKit,
    StoreSetting,
)
from klaviyo.starter_kit.plan import PLAN, SCOPES
from referrals import lifecycle, messages
from referrals.models import Advocate, Invite, Store
from tests.klaviyo.made_sends import State, a_decision, a_send
from tests.klaviyo.syncs import made_syncs

LONG_NAME = "W" * 150
LONG = "ben.the.friend.with.a.very.long.address.indeed@mail.friends-of-tea.example"
OUTCOMES = [
    (State.QUEUED, "", ""),
    (State.QUEUED, "http_503", "Klaviyo answered with an error of its own."),
    (State.SENDING, "", ""),
    (State.ACCEPTED, "", ""),
    (State.ACCEPTED, "not_confirmed", "Klaviyo took it, and does not show it."),
    (State.CONFIRMED, "", ""),
    (State.SKIPPED, "unsubscribed", "The person has unsubscribed."),
    (State.SKIPPED, "superseded", "Something newer about the same person was sent instead."),
    (State.HELD, "list_gone", "The store's list is no longer in the account."),
    (State.FAILED, "outcome_unknown", "The answer did not come, so it may have gone out."),
    (State.FAILED, "odd_code", "Something was refused."),
    (State.CANCELLED, "operator", "An operator took it back."),
]


def fill(ann: Advocate) -> None:
    """Accounts in every state, what was sent and told in every state, people with all that a person can have."""
    store, connection = ann.program.store, Connection.objects.get()
    for number, (state, code, reason) in enumerate(OUTCOMES):
        _tell(a_send(ann, f"friend-{number}@friends.test", "Ben", state, code, reason))
    _tell(a_send(ann, LONG, LONG_NAME, State.ACCEPTED, bounced_at=timezone.now(), bounce="550 no such user"))
    unsubscribed = a_send(ann, "ben@friends.test", "Ben", State.SKIPPED, "unsubscribed", "The person has unsubscribed.")
    said: dict[str, Any] = {"consent": "UNSUBSCRIBED", "suppression": [{"reason": "HARD_BOUNCE"}]}
    for _ in range(2):
        a_decision(unsubscribed, "unsubscribed", "The person has unsubscribed.", said)
    Delivery.objects.filter(pk=unsubscribed.delivery_id).update(warnings=["The phone number was left out."])
    _facts(ann)
    others = _other_accounts(store)
    for other in others:
        _held(ann, other)
    erased = Erasure.objects.create(mailbox_hash="0" * 64, removed={"invites": 3})
    deletion: dict[str, Any] = {"kind": "erase", "source": str(erased.uid), "occurred_at": timezone.now()}
    for number, one in enumerate((connection, *others)):
        Delivery.objects.create(connection=one, key=f"erase-{number}", state=State.HELD, reason="Held.", **deletion)
    ended: list[dict[str, Any]] = [{"data": {"items": [{"id": LONG_NAME}], "count": 1}}, {"is_known": False}]
    for run in ended:
        _a_run(connection, Outcome("error" if "is_known" in run else "success", **run))
    _backfills(ann, connection)
    made_syncs.fill(connection)
    HealthCheck.objects.create(connection=connection, passed=True, checked_at=timezone.now())
    _notices(connection)


def _notices(connection: Connection) -> None:
    """A mailbox and an endpoint, each told something, in each state."""
    names = [NEEDS_SOMEBODY.name]
    for kind, shown in (("email", LONG), ("endpoint", f"{LONG_NAME}.example …ices")):
        address = NoticeAddress.objects.create(kind=kind, shown=shown, names=names, is_on=kind == "email")
        for state in NoticeDelivery.State:
            publish_to([address], NEEDS_SOMEBODY, connection, {"sentence": "The app was removed. " + LONG_NAME})
            told = NoticeDelivery.objects.latest("pk")
            problem = "The endpoint answered 500." if state != NoticeDelivery.State.TOLD else ""
            NoticeDelivery.objects.filter(pk=told.pk).update(state=state, problem=problem)
    flows_and_a_kit(connection)


def addresses() -> Iterator[str]:
    """Every page of the admin that can be had by its address."""
    yield from _of_integrations()
    yield from _of_klaviyo()
    yield from map(reverse, ("admin:index", "admin:password_change", "integrations:release_messages"))
    for model, pages in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        if pages.search_fields:
            yield f"{reverse(f'{name}_changelist')}?q=nothing"
        if model._meta.label in ("referrals.Store", "referrals.Program", "auth.User", "auth.Group"):
            yield reverse(f"{name}_add")
        if row := model._default_manager.order_by("pk").first():
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def flows_and_a_kit(connection: Connection) -> None:
    """Flows as a worker has read them, what they have earned, and a kit in every state; with long names."""
    now = timezone.now()
    connection.scopes = " ".join({*connection.granted, *SCOPES})
    connection.save()
    listened = {
        "invite_received": {"seen_at": now.isoformat(), "flows": [["Flow01", "You are invited", "live"]]},
        "conversion": {"seen_at": now.isoformat(), "flows": [["Flow02", LONG_NAME, "live"], ["Flow03", "B", "draft"]]},
        "reward_issued": {"seen_at": None, "flows": []},
    }
    others = [["Metric", "Placed Order", "Shopify"], ["Other1", LONG_NAME, LONG_NAME]]
    read: dict[str, Any] = {"read_at": now, "tried_at": now, "next_look_at": now}
    FlowReading.objects.create(connection=connection, metrics=listened, has_flows=True, others=others, **read)
    FlowRevenue.objects.create(
        connection=connection,
        metric_id="Metric",
        metric_name="Placed Order",
        since=now - timedelta(days=30),
        until=now,
        currency="EUR",
        flows=[["Flow02", LONG_NAME, 1200, 31, 1834.5]],
        referred={"EUR": "912.40", "USD": "10"},
        problem="Klaviyo answered with an error of its own.",
        **read,
    )
    kit = StarterKit.objects.create(connection=connection, wish="make", asked_at=now, next_look_at=now, problem=LONG)
    states = KitItem.State.values
    for number, planned in enumerate(PLAN):
        state = states[number % len(states)]
        reason = "Somebody has changed it since it was made." if state == KitItem.State.KEPT else ""
        KitItem.objects.create(kit=kit, key=planned.key, klaviyo_id="W" * 64, state=state, reason=reason)


def forms(page: str, address: str) -> list[str]:
    """Where each form of a page that posts, and has a button to press, leads to."""
    found = [one for one in re.findall(r"<form\b.*?</form>", page, re.S) if 'method="post"' in one.partition(">")[0]]
    pressed = [one for one in found if re.search(r"<button\b(?![^>]*\bdisabled)", one)]
    actions = [re.search(r'^<form[^>]*\baction="([^"]*)"', one) for one in pressed]
    return [html.unescape(action[1]) if action else address for action in actions]


def public_addresses(ann: Advocate) -> Iterator[tuple[str, int]]:
    """The pages for everybody, with the status that each answers."""
    invite = Invite.objects.filter(closed_at=None).latest("pk")
    yield "/join/tea-house/spring", 200
    yield f"/i/{invite.uid}", 200
    yield f"/u/{messages.unsubscribe_address(invite).rpartition('/')[2]}", 200
    yield "/i/nobody", 404
    yield "/u/nobody", 404
    yield "/admin/login/", 200


def _of_integrations() -> Iterator[str]:
    at = "/admin/integrations/"
    yield from (at, f"{at}klaviyo/", f"{at}klaviyo/enable", f"{at}klaviyo/key")
    yield from (f"{at}deliveries/", f"{at}deliveries/?of=0", f"{at}activity/", f"{at}activity/?words=nothing")
    yield from (f"{at}deliveries/?state={state}" for state in ("held", "failed", "skipped", "open"))
    yield from (f"{at}notices/", f"{at}notices/add")
    yield from (f"{at}notices/{address.pk}/remove" for address in NoticeAddress.objects.all())
    for connection in Connection.objects.order_by("pk"):
        yield from (f"{at}{connection.pk}/", f"{at}{connection.pk}/allow", f"{at}{connection.pk}/key")
        if connection.state not in Connection.ENDED:
            yield f"{at}{connection.pk}/disconnect"
        if connection.state == Connection.State.UNDECIDED:
            yield f"{at}{connection.pk}/decide"
    latest = Delivery.objects.order_by("pk").values_list("state", "pk")
    yield from (f"{at}deliveries/{pk}/" for pk in dict(latest).values())


def _of_klaviyo() -> Iterator[str]:
    at = "/admin/klaviyo/"
    setting = StoreSetting.objects.earliest("pk")
    yield from (f"{at}settings/", f"{at}settings/?q=nothing", f"{at}settings/add/", f"{at}events/", f"{at}people/")
    yield f"{at}accounts/{setting.connection_id}/samples"
    yield f"{at}accounts/{setting.connection_id}/backfill"
    yield from (f"{at}backfills/{run.pk}/" for run in Backfill.objects.all())
    yield from made_syncs.addresses()
    for connection in StoreSetting.objects.order_by("pk").values_list("connection", flat=True):
        yield from (f"{at}accounts/{connection}/flows", f"{at}accounts/{connection}/flows/kit")
    yield f"{at}accounts/{setting.connection_id}/flows/kit/remove"
    yield f"{at}people/preview"
    yield f"{at}accounts/{setting.connection_id}/review?store={Store.objects.latest('pk').pk}"
    yield from (f"{at}settings/{setting.pk}/", f"{at}settings/{setting.pk}/remove", f"{at}erasures/")
    yield from (f"{at}erasures/{erasure.uid}/" for erasure in Erasure.objects.all())
    yield from (f"{at}sends/", f"{at}sends/?friend=0")
    yield from (f"{at}actions/", f"{at}actions/?q=nothing+like+it", f"{at}actions/runs/")
    names = ("add_profile_to_list", "create_event", "subscribe_profile_to_list", "upload_image")
    yield from (f"{at}actions/{setting.connection_id}/{name}/" for name in names)
    yield from (f"{at}actions/runs/{run.pk}/" for run in ActionRun.objects.all())
    yield from (f"{at}sends/?state={state}" for state in ("held", "failed", "skipped", "delivered"))
    latest = Send.objects.order_by("pk").values_list("delivery__state", "pk")
    yield from (f"{at}sends/{pk}/" for pk in dict(latest).values())
    yield f"{at}people/of-send/{Send.objects.latest('pk').pk}/"
    yield f"{at}people/of-advocate/{Advocate.objects.earliest('pk').pk}/"


def _other_accounts(store: Store) -> list[Connection]:
    rows = []
    states = Connection.State
    for state in (states.RECONNECT, states.UNDECIDED, states.DISCONNECTED):
        account: dict[str, Any] = {"account_name": LONG_NAME if state == states.RECONNECT else f"Account {state}"}
        problem = {"problem": "Klaviyo no longer accepts our access.", "problem_at": timezone.now()}
        account |= problem if state == states.RECONNECT else {"disconnected_at": timezone.now()}
        row = Connection.objects.create(provider="klaviyo", account_id=f"Acc{state[:3]}", state=state, **account)
        StoreSetting.objects.create(store=store, connection=row)
        rows.append(row)
    rows += [_connected("paused", store), _connected("leaving", store)]
    said = {"until": by_hand.FOR_GOOD, "code": "paused", "sentence": f"Paused by {LONG_NAME}."}
    Pause.objects.create(connection=rows[-2], kind=pauses.BY_HAND, **said)
    for row in (rows[0], rows[-1]):
        Leaving.objects.create(connection=row, upto=10**9, number=1_000, ends_at=timezone.now() + timedelta(hours=1))
    return rows


def _connected(name: str, store: Store) -> Connection:
    account = {"account_name": f"Account {name}", "account_id": f"Acc{name[:3]}"}
    row = Connection.objects.create(provider="klaviyo", state=Connection.State.CONNECTED, **account)
    StoreSetting.objects.create(store=store, connection=row)
    return row


def _backfills(ann: Advocate, connection: Connection) -> None:
    """In each state, the last with facts of the past, reasons, and somebody whom Klaviyo refused."""
    setting, states = StoreSetting.objects.get(connection=connection), Backfill.State
    known: dict[str, Any] = {"setting": setting, "upto": ann.pk, "people": 12_000, "told": 9_000, "left_out": 50}
    for state in (states.DONE, states.STOPPED, states.PAUSED):
        ended = {"ended_at": timezone.now()} if state != states.PAUSED else {"problem": "The account is away."}
        Backfill.objects.create(**known, state=state, begun_by=User.objects.first(), **ended)
    last = Backfill.objects.latest("pk")
    since = {"facts_since": timezone.now() - timedelta(days=90), "facts_until": timezone.now()}
    Backfill.objects.filter(pk=last.pk).update(
        facts=8_000, left_out_for={"unknown_person": 40, "odd_code": 10}, **since
    )
    BackfillProblem.objects.create(backfill=last, advocate=ann, code="invalid", detail=f"{LONG_NAME} is none.")


def _a_run(connection: Connection, outcome: Outcome) -> None:
    action = catalogue.find("list_list_profiles")
    row, _ = record.begin(action, connection, checking.checked(action, {"list_id": "Y6nRLr"}), by=By())
    exchange = {"method": "GET", "address": f"https://a.klaviyo.com/{LONG_NAME}", "answer": {"data": []}, "status": 200}
    record.end(row, outcome, [exchange])


def _held(ann: Advocate, connection: Connection) -> None:
    Delivery.objects.create(
        connection=connection,
        kind="event",
        key=f"held-{connection.pk}",
        subject=LONG,
        options={"metric": "advocate_started"},
        state=State.HELD,
        reason_code="reconnect",
        reason="The account must be connected again.",
        occurred_at=timezone.now(),
        source=str(ann.uid),
    )


def _tell(send: Send) -> None:
    """What was asked of Klaviyo for it: an answer, an error, and one that never came."""
    now = timezone.now()
    for minutes, status, code in ((3, 503, "http_503"), (2, None, "unreachable"), (1, None, ""), (0, 202, "")):
        finished_at = now if status or code else None
        about: dict[str, Any] = {"status": status, "code": code, "finished_at": finished_at, "request_id": "r" * 36}
        attempt = Attempt.objects.create(
            connection=send.delivery.connection,
            operation="create_event",
            started_at=now - timedelta(minutes=minutes),
            **about,
        )
        attempt.deliveries.add(send.delivery)


def _facts(ann: Advocate) -> None:
    store = ann.program.store
    words = "Yes, send me news about tea. I can stop at any time, by the link in each message."
    for email in (ann.email, "ben@friends.test"):
        lifecycle.opt_in(store, email, wording=words, place="join form", proof="signed_in")
        lifecycle.opt_out(store, email, scope="newsletter", place="account page")
    order = lifecycle.convert(ann, order_id="1001", friend_email="ben@friends.test", total="49.90", currency="EUR")
    lifecycle.reward(ann, kind="discount", amount="5", currency="EUR", conversion=order, code="THANKS5")
    lifecycle.visit(ann, landing_page=f"https://teahouse.example/{'tea-' * 40}", referrer="https://blog.example/")
    lifecycle.invite(ann, "cid@example.com", recipient_name="Cid")
    Store.objects.create(slug="other", name=LONG_NAME, url="https://other.example/", country="NO", currency="NOK")
