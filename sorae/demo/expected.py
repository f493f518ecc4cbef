"""Expected events and messages: what each fact should have become, for whom, at which account.

Written from the catalogue, not from the code that sends: it is what that code is measured against.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from klaviyo.mapping import catalogue
from klaviyo.mapping.catalogue import Metric
from klaviyo.models import StoreSetting
from referrals import suppressions
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Program, Reminder, Reward, Visit
from sorae.demo.mail_folder import mailbox

Told = tuple[str, str, str, str]  # an account, a metric's name, a fact's id and a mailbox
FACTS = (Advocate, Invite, Reminder, Visit, Conversion, Reward, OptIn, OptOut)


@dataclass(frozen=True)
class Expected:
    """One event that one account should hear of; or, `by_mail`, one message of Sorae's own."""

    setting: StoreSetting
    metric: Metric
    fact_id: str
    email: str
    invite_id: int = 0
    by_mail: bool = False

    @property
    def account(self) -> str:
        return self.setting.connection.account_id

    @property
    def told(self) -> Told:
        return self.account, self.metric.name, self.fact_id, self.email

    @property
    def key(self) -> str:
        """The key of its delivery."""
        return f"email:{self.fact_id}" if self.by_mail else f"{self.metric.key}:{self.fact_id}"

    @property
    def name(self) -> str:
        return f"The e-mail of {self.fact_id}" if self.by_mail else f"{self.metric.name} of {self.fact_id}"


@dataclass(frozen=True)
class _Due:
    store_id: int
    metric: Metric
    uid: UUID
    email: str
    invite_id: int = 0
    by_mail: bool = False


def of_all_facts(went_out: Collection[str]) -> list[Expected]:
    """Every event of every fact, for each account that the fact's store is joined to, and every message.

    `went_out`: the ids of the invites that have left, as it can be seen from outside: only of these are advocates
    told. Nothing is due to people who were erased.
    """
    store_settings: dict[int, list[StoreSetting]] = {}
    for setting in StoreSetting.objects.filter(is_enabled=True).select_related("connection", "store").order_by("pk"):
        store_settings.setdefault(setting.store_id, []).append(setting)
    return [
        Expected(setting, due.metric, str(due.uid), mailbox(due.email), due.invite_id, due.by_mail)
        for due in _due(went_out)
        if not suppressions.is_erased(due.email)
        for setting in store_settings.get(due.store_id, [])[: 1 if due.by_mail else None]
    ]


def forgotten() -> set[str]:
    """The ids of invites, and of their reminders, to people who were erased: what was told of them may be gone."""
    invites = Invite.objects.filter(recipient_email__endswith=f"@{suppressions.NOBODY}")
    reminders = Reminder.objects.filter(invite__in=invites)
    return {str(uid) for found in (invites, reminders) for uid in found.values_list("uid", flat=True)}


def count_of_facts() -> int:
    """People joined, invites, reminders, visits, orders, refunds, rewards and reversals, opt-ins and opt-outs."""
    stored = sum(model._default_manager.count() for model in FACTS)
    return stored + Reward.objects.exclude(reversed_at=None).count()


def _due(went_out: Collection[str]) -> Iterator[_Due]:
    for person in Advocate.objects.select_related("program"):
        yield _Due(person.program.store_id, catalogue.ADVOCATE_STARTED, person.uid, person.email)
    yield from _invitations(went_out)
    for visit in Visit.objects.select_related("advocate__program"):
        yield _Due(visit.advocate.program.store_id, catalogue.REFERRED_VISIT, visit.uid, visit.advocate.email)
    for order in Conversion.objects.filter(kind=Conversion.Kind.ORDER).select_related("advocate__program"):
        store = order.program.store_id
        yield _Due(store, catalogue.CONVERSION, order.uid, order.advocate.email)
        yield _Due(store, catalogue.REFERRED_PURCHASE, order.uid, order.friend_email)
    for reward in Reward.objects.select_related("advocate__program"):
        store = reward.advocate.program.store_id
        yield _Due(store, catalogue.REWARD_ISSUED, reward.uid, reward.recipient_email)
        if reward.reversed_at:
            yield _Due(store, catalogue.REWARD_REVERSED, reward.uid, reward.recipient_email)


def _invitations(went_out: Collection[str]) -> Iterator[_Due]:
    """The friend hears by a Klaviyo flow or by Sorae's own e-mail, as the program says; the advocate, if they did."""
    for invite in Invite.objects.select_related("advocate__program"):
        program = invite.advocate.program
        by_mail = program.invites_by == Program.Inviter.SORAE
        yield _Due(program.store_id, catalogue.INVITE_RECEIVED, invite.uid, invite.recipient_email, invite.pk, by_mail)
        if str(invite.uid) in went_out and not suppressions.is_erased(invite.recipient_email):
            yield _Due(program.store_id, catalogue.INVITE_SENT, invite.uid, invite.advocate.email)
    for reminder in Reminder.objects.select_related("invite__advocate__program"):
        invite, program = reminder.invite, reminder.invite.advocate.program
        by_mail = program.invites_by == Program.Inviter.SORAE
        yield _Due(
            program.store_id, catalogue.INVITE_REMINDER, reminder.uid, invite.recipient_email, invite.pk, by_mail
        )
