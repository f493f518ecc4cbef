"""Evidence for the laws: Klaviyo's events and profiles, Sorae's own e-mail, and what people had said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from integrations.mail import mailer
from integrations.models import Delivery
from klaviyo.mapping import catalogue
from klaviyo.models import StoreSetting
from klaviyo.sandbox import SeenEvent, SeenProfile
from referrals.models import Invite, OptIn, OptOut
from sorae.demo.cast import Known
from sorae.demo.consent_history import Change, Register, Said
from sorae.demo.expected import Expected, Told
from sorae.demo.mail_folder import Mail, mailbox


@dataclass(frozen=True)
class World:
    """`before` is whom Klaviyo knew, and how, before the first fact; `away` are accounts that we have no access to."""

    events: Sequence[SeenEvent]
    profiles: Sequence[SeenProfile]
    before: Sequence[Known] = ()
    mails: Sequence[Mail] = ()
    changes: Sequence[Change] = ()
    away: frozenset[str] = frozenset()
    erased: Sequence[str] = field(default_factory=tuple)

    @cached_property
    def register(self) -> Register:
        return Register.of(self.before, self.changes)

    @cached_property
    def went_out(self) -> frozenset[str]:
        """The invites that have left, as it can be seen from outside, and known: at Klaviyo, or as a message."""
        at_klaviyo = {fact_id(event) for event in self.events if event.metric == catalogue.INVITE_RECEIVED.name}
        mailed = {mail.fact_id for mail in self.mails} - self.in_doubt
        return frozenset(str(uid) for uid in Invite.objects.values_list("uid", flat=True)) & (at_klaviyo | mailed)

    @cached_property
    def in_doubt(self) -> frozenset[str]:
        """Facts whose e-mail broke off while it was handed over: our books say that nobody knows, which is true."""
        failed = Delivery.objects.filter(kind="email", state=Delivery.State.FAILED, reason_code="outcome_unknown")
        broke_off = failed.filter(attempts__operation=mailer.OPERATION, attempts__status=None)
        return frozenset(broke_off.values_list("source", flat=True))

    def has(self, one: Expected) -> bool:
        """Whether it has come about: Klaviyo holds the event, or the message was written."""
        return (one.fact_id, one.email) in self._written if one.by_mail else one.told in self._told

    def may_be_told(self, one: Expected) -> bool:
        """Whether the person had nothing against it when it was sent, by the store's policy."""
        if one.metric.consent is None:
            return True
        said = [self.register.when_sent(one.account, one.email, one.fact_id)]
        if (one.account, one.email) in self.opted_in:
            said.append(said[0].after("subscribed"))
        return any(allows(one, word) for word in said)

    def had_something_against_it(self, one: Expected) -> bool:
        """Whether they ever said something that forbids it."""
        if one.metric.consent is None:
            return False
        is_out = (one.account, one.email) in self.opted_out
        return is_out or not all(allows(one, said) for said in self.register.ever(one.account, one.email))

    @cached_property
    def profile_of(self) -> dict[tuple[str, str], SeenProfile]:
        """Klaviyo's people by account and mailbox."""
        return {(profile.account, mailbox(profile.email)): profile for profile in self.profiles}

    @cached_property
    def opted_in(self) -> set[tuple[str, str]]:
        """Who asked for the newsletter of a store, by the accounts it is joined to.

        After a no, only what is proved to be theirs; what their mailbox confirmed, the register knows.
        """
        return _at_accounts(one for one in OptIn.objects.all() if "email" in one.channels and _may_be_theirs(one))

    @cached_property
    def opted_in_to_texts(self) -> set[tuple[str, str]]:
        return _at_accounts(one for one in OptIn.objects.all() if "sms" in one.channels)

    @cached_property
    def opted_out(self) -> set[tuple[str, str]]:
        """Who turned down the newsletter, or everything."""
        return _at_accounts(OptOut.objects.exclude(scope=OptOut.Scope.INVITES))

    @cached_property
    def opted_out_of_all(self) -> set[tuple[str, str]]:
        return _at_accounts(OptOut.objects.filter(scope=OptOut.Scope.EVERYTHING))

    @cached_property
    def _told(self) -> set[Told]:
        return {told(event) for event in self.events}

    @cached_property
    def _written(self) -> set[tuple[str, str]]:
        return {(mail.fact_id, mail.to) for mail in self.mails}


def told(event: SeenEvent) -> Told:
    return event.account, event.metric, fact_id(event), mailbox(event.email)


def fact_id(event: SeenEvent) -> str:
    """Of what Sorae has told; empty for a marketer's own events."""
    return str(event.properties.get("fact_id", ""))


def allows(one: Expected, said: Said) -> bool:
    lists = (one.setting.list_name, one.setting.newsletter_list_name)
    return said.allows(one.setting.policy(one.metric.consent or "invite"), filter(None, lists))


def _may_be_theirs(opt_in: OptIn) -> bool:
    noes = OptOut.objects.filter(store=opt_in.store_id, person=opt_in.person, turn__lt=opt_in.turn)
    return bool(opt_in.proof) or not noes.exists()


def _at_accounts(facts: Iterable[OptIn | OptOut]) -> set[tuple[str, str]]:
    accounts: dict[int, list[str]] = {}
    for setting in StoreSetting.objects.select_related("connection"):
        accounts.setdefault(setting.store_id, []).append(setting.connection.account_id)
    return {(account, mailbox(fact.email)) for fact in facts for account in accounts.get(fact.store_id, ())}
