"""The last look before a message leaves: at the settings as they are now, and at the invite that it is about."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from integrations.models import Delivery
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.sending_cast import EITHER_WAY, let_invite
from tests.klaviyo.story import BEN, State, metrics

Change = Callable[[StoreSetting], None]


def tighten(setting: StoreSetting) -> None:
    StoreSetting.objects.filter(pk=setting.pk).update(invite_policy="subscribed_only")


def switch_off(setting: StoreSetting) -> None:
    StoreSetting.objects.filter(pk=setting.pk).update(is_enabled=False)


def part(setting: StoreSetting) -> None:
    StoreSetting.objects.get(pk=setting.pk).delete()


def delete_the_send(setting: StoreSetting) -> None:
    Send.objects.all().delete()


def delete_the_invite(setting: StoreSetting) -> None:
    Invite.objects.all().delete()


CHANGES: list[tuple[Change, str]] = [
    (tighten, "no_profile"),
    (switch_off, "sync_off"),
    (part, "sync_off"),
    (delete_the_send, "invite_gone"),
    (delete_the_invite, "invite_gone"),
]


@EITHER_WAY
@pytest.mark.parametrize(("change", "code"), CHANGES, ids=lambda one: getattr(one, "__name__", one))
def test_what_changes_after_the_batch_began_counts(
    sandbox: Sandbox,
    setting: StoreSetting,
    ann: Advocate,
    spoil: Spoil,
    drain: Drain,
    inviter: str,
    change: Change,
    code: str,
) -> None:
    let_invite(ann, inviter)
    drain()
    lifecycle.invite(ann, BEN)

    def looked_up(document: Any) -> Any:
        change(setting)
        return document

    spoil("get_profiles", looked_up, times=1)
    drain()
    assert mail.outbox == []
    assert metrics(sandbox, BEN) == []
    assert list(Delivery.objects.filter(subject=BEN).values_list("state", "reason_code")) == [(State.SKIPPED, code)]


@EITHER_WAY
def test_what_does_not_change_lets_it_go(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, inviter: str
) -> None:
    let_invite(ann, inviter)
    lifecycle.invite(ann, BEN)
    drain()
    assert [message.to for message in mail.outbox] + metrics(sandbox, BEN) in ([[BEN]], ["Sorae Invite Received"])
