"""Sends in any state, made by hand; and somebody of the staff who may do just so much."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from integrations.models import Delivery
from klaviyo.models import ConsentDecision, Send, StoreSetting
from referrals.models import Advocate, Invite, Reminder

State = Delivery.State
SENDS = "/admin/klaviyo/sends/"


def a_send(
    ann: Advocate,
    email: str = "ben@friends.test",
    name: str = "",
    state: Delivery.State = State.ACCEPTED,
    code: str = "",
    reason: str = "",
    **fields: Any,
) -> Send:
    """An invite of Ann's; `number` makes it that reminder of hers."""
    setting = StoreSetting.objects.get(store=ann.program.store)
    invite, _ = Invite.objects.get_or_create(advocate=ann, recipient_email=email, defaults={"recipient_name": name})
    number = fields.pop("number", 0)
    reminder = Reminder.objects.create(invite=invite, number=number) if number else None
    delivery = Delivery.objects.create(
        connection=setting.connection,
        kind="event",
        key=str(uuid.uuid4()),
        source=str((reminder or invite).uid),
        subject=email,
        options={"sync": setting.pk, "metric": "invite_received"},
        body={"data": {}},
        state=state,
        reason_code=code,
        reason=reason,
        occurred_at=timezone.now(),
        next_try_at=timezone.now() + timedelta(hours=1),
        settled_at=None if state in Delivery.OPEN else timezone.now(),
    )
    known = {
        "kind": "reminder" if reminder else "invite",
        "channel": "klaviyo",
        "reminder": reminder,
        "setting": setting,
    }
    return Send.objects.create(
        store=ann.program.store, program=ann.program, invite=invite, delivery=delivery, **known | fields
    )


def a_decision(send: Send, code: str, sentence: str, evidence: dict[str, Any], **fields: Any) -> ConsentDecision:
    now = fields.pop("decided_at", datetime(2026, 3, 2, 12, 0, tzinfo=timezone.get_default_timezone()))
    known = {"is_allowed": False, "policy": "not_opted_out", "asked_at": now - timedelta(seconds=3)}
    return ConsentDecision.objects.create(
        send=send, code=code, sentence=sentence, evidence=evidence, decided_at=now, **known | fields
    )


def state_of(send: Send) -> tuple[str, str]:
    delivery = Delivery.objects.get(pk=send.delivery_id)
    return delivery.state, delivery.reason_code


def signed_in_with(*permissions: str) -> Client:
    """Somebody of the staff who may do just that."""
    user = User.objects.create_user(uuid.uuid4().hex, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, address: str, data: dict[str, Any] | None = None, status: int = 200) -> str:
    response = client.get(address) if data is None else client.post(address, data)
    assert response.status_code == status, (address, response.status_code)
    return response.content.decode()
