"""A random history of two stores, three accounts and a few people, and what each of them may be sure of in the end.

The oracle knows what was truly said, in its true order, whatever clocks and forms told us; it asks the sandbox what the
accounts hold, and our own pages what we say of it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from integrations import connections, outbox
from integrations.connections import Choice, accounts
from integrations.models import Connection, Delivery
from integrations.outbox import held_messages
from integrations.outbox.waiting import RECONNECT
from integrations.pauses import message_hold
from klaviyo import actions, tasks
from klaviyo.delivery.erasure import erase
from klaviyo.mapping import contents
from klaviyo.models import Erasure, StoreSetting
from klaviyo.pages import person as person_record
from klaviyo.pages import person_history, receipts
from klaviyo.profiles.batch import NOT_JOINED
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile, SeenProfile
from referrals import lifecycle, noes, person_key, signals
from referrals.models import Advocate, Conversion, OptOut, Program, Store, Suppression
from tests import budgets, consent_screen, snapshot
from tests.klaviyo.newsletter_cast import age_jobs
from tests.klaviyo.story import make_due

State = Delivery.State

ACCOUNTS = ("VxYz12", "Qk7LmA", "Rb3WdN")
PEOPLE = tuple(f"{name}@friends.test" for name in ("ada", "ben", "cid"))
STORES, ADVOCATES = ("tea", "oslo"), ("kim@example.com", "lou@example.com")
STEPS = 24
LONGEST_ACTION = 5  # seconds
AGAIN, LIVES = 0.6, 0.4  # how often an act goes on from the one before, and how often workers come before the next
WAIT = ("one_job_in_30_minutes", "advocate_cap", "messages_held")  # for longer than a history goes on
SKEWS = tuple(timedelta(seconds=s) for s in (0, 5, 5, -5, 90, -90, 7200, 7200, -7200))


@dataclass
class Word:
    """What a person truly said to a store; `order` is when, among all that happened."""

    order: float
    is_yes: bool
    scope: str = ""
    is_proved: bool = True
    is_confirmed: bool = False


@dataclass
class NoThere:
    """What a person has refused an account at Klaviyo itself; a complaint only their mailbox takes back."""

    order: float
    is_complaint: bool


@dataclass
class Person:
    """One person's true history. `erased_at` is the order of their last erasure, `came_back_at` of a later fact."""

    email: str
    words: dict[int, list[Word]] = field(default_factory=dict)
    noes_there: dict[str, NoThere] = field(default_factory=dict)  # by account
    complained: set[int] = field(default_factory=set)
    erased_at: float = 0.0
    came_back_at: float = 0.0
    is_unsure: bool = False  # a restore has lost something of what they said

    @property
    def is_erased(self) -> bool:
        return self.erased_at > self.came_back_at

    def last_proved(self, store_id: int) -> Word | None:
        """What counts at the store: the last no, unless a yes that is proved came after it."""
        said = [word for word in self.words.get(store_id, []) if not word.is_yes or word.is_proved]
        return max(said, key=lambda word: word.order, default=None)

    def has_said_no(self, store_id: int) -> bool:
        last = self.last_proved(store_id)
        return last is not None and not last.is_yes and last.scope == OptOut.Scope.EVERYTHING

    def noes_that_stand(self, store_id: int) -> set[str]:
        """What they have refused the store, each scope, since their last proved yes and since they were erased."""
        said = self.words.get(store_id, [])
        yeses = [word.order for word in said if word.is_yes and word.is_proved]
        since = max(yeses, default=0.0)
        return {word.scope for word in said if not word.is_yes and word.order > max(since, self.erased_at)}

    def has_said_no_there(self, account: str) -> bool:
        """Whether they have refused the account at Klaviyo, and said no yes since that may undo it."""
        no = self.noes_there.get(account)
        yeses = [word for said in self.words.values() for word in said if word.is_yes]
        return no is not None and not any(
            yes.order > no.order and (yes.is_confirmed if no.is_complaint else yes.is_proved) for yes in yeses
        )


class History:
    """One random history, by its seed; `told` says what happened, for whoever must understand a failure."""

    def __init__(self, seed: int, sandbox: Sandbox, operator: User, drain: Callable[[], None]) -> None:
        self.random = random.Random(seed)
        self.sandbox, self.operator, self.drain = sandbox, operator, drain
        self.told: list[str] = []
        self.order = 0.0
        self.email, self.slug, self.is_same = PEOPLE[0], STORES[0], False  # of the act before
        self.broken: list[str] = []  # what was not true in between
        self.people = {email: Person(email) for email in PEOPLE}
        self.sold: list[tuple[float, str, str]] = []  # when, which account must hear of it, the order
        self.snapshot: tuple[dict[type[Model], list[dict[str, Any]]], float] | None = None
        self._open()

    def play(self) -> None:
        act = ""
        for _ in range(STEPS):
            self.order += 1
            act = self._next(act)
            done = getattr(self, act)()
            if done is not None:
                self.told.append(f"{self.order:.0f} {act}: {done}")
                self.broken += [f"{self.order:.0f}: {wrong}" for wrong in self._at_any_time()]
            if self.random.random() < LIVES:
                self._live(1)
                self.broken += [f"{self.order:.0f}, lived: {wrong}" for wrong in self._owed(Connection.objects.all())]

    def _next(self, act: str) -> str:
        """Often what would undo the act before, and of the same person, store and account; else any."""
        self.is_same = act in FOLLOWED_BY and self.random.random() < AGAIN
        if self.is_same:
            return self.random.choice(FOLLOWED_BY[act])
        return self.random.choices(list(ACTS), list(ACTS.values()))[0]

    def end(self) -> None:
        """All hands are back, and some hours pass."""
        self.order += 1
        self._live(6)

    # --- What operators do ------------------------------------------------------------------------------

    def join(self) -> str | None:
        store, connection = self._store(), self._connection(connected=True)
        if connection is None or StoreSetting.objects.filter(store=store, connection=connection).exists():
            return None
        self._join(store, connection)
        return f"{store} → {connection}"

    def part(self) -> str | None:
        setting = self._setting()
        if setting is None:
            return None
        words = str(setting)
        setting.delete()
        return words

    def switch(self) -> str | None:
        setting = self._setting()
        if setting is None:
            return None
        setting.is_enabled = not setting.is_enabled
        setting.save()
        return f"{setting} {'on' if setting.is_enabled else 'off'}"

    def disconnect(self) -> str | None:
        connection = self._connection(connected=True)
        if connection is None:
            return None
        connections.disconnect(connection, self.operator)
        if cancels := self.random.random() < 0.7:
            outbox.cancel(connection.deliveries.all(), outbox.TAKEN_BACK)
        return f"{connection}{', what waits is cancelled' if cancels else ''}"

    def lose_access(self) -> str | None:
        connection = self._connection(connected=True)
        if connection is None:
            return None
        Connection.objects.filter(pk=connection.pk).update(
            state=Connection.State.RECONNECT, problem_code=RECONNECT.code, problem=RECONNECT.sentence
        )
        return str(connection)

    def reconnect(self) -> str | None:
        connection = self._connection(connected=False)
        if connection is None:
            return None
        consent_screen.connected_by(self.operator, self.sandbox, connection.account_id)
        return str(connection)

    def replace(self) -> str | None:
        """Somebody comes back from the consent screen with another account, and decides."""
        old, other = self._connection(connected=None), self.random.choice(ACCOUNTS)
        if old is None or old.account_id == other:
            return None
        outcome = accounts.store(*consent_screen.consent(self.operator, self.sandbox, other), old)
        if not outcome.is_undecided:
            return f"{other} was connected anyway"
        choice = self.random.choice(list(Choice))
        connections.decide(outcome.connection, choice, self.operator)
        return f"{old} by {other}: {choice}"

    def restore(self) -> str | None:
        """The database goes back to an earlier copy; Klaviyo does not."""
        if self.snapshot is None:
            self.snapshot = (snapshot.take(_models()), self.order)
            return "a copy is taken"
        rows, taken_at = self.snapshot
        snapshot.put_back(rows)
        self.snapshot = None
        self.sold = [sold for sold in self.sold if sold[0] <= taken_at]
        for person in self.people.values():
            words = [word for said in person.words.values() for word in said]
            lost = any(word.order > taken_at for word in words)
            if lost or person.erased_at > taken_at or person.came_back_at > taken_at:
                person.is_unsure = True
        return f"the copy of {taken_at:.0f}"

    def let_messages_go(self) -> str | None:
        """What a restore holds back goes when an operator has looked."""
        hold = message_hold.current()
        if hold is None:
            return None
        return f"{held_messages.let_go(hold, self.operator)} cancelled"

    def act(self) -> str | None:
        """An action by hand: none of them makes known who was erased, or reaches who has said no."""
        connection, person = self._connection(connected=True), self._person()
        if connection is None:
            return None
        name = self.random.choice(list(ACTIONS))
        given = {key: self._filled(value, connection, person) for key, value in ACTIONS[name].items()}
        outcome = actions.run(name, connection, **given, timeout_seconds=LONGEST_ACTION, max_retries=0)
        return f"{name} of {person.email} at {connection}: {outcome.outcome} {outcome.code}"

    def _filled(self, value: Any, connection: Connection, person: Person) -> Any:
        match value:
            case "EMAIL":
                return person.email
            case "LIST":
                return self.lists[connection.account_id]
            case dict():
                return {key: self._filled(one, connection, person) for key, one in value.items()}
            case list():
                return [self._filled(one, connection, person) for one in value]
        return value

    # --- What people do ---------------------------------------------------------------------------------

    def say_no(self) -> str:
        person, store = self._person(), self._store()
        scope = self.random.choice([*OptOut.Scope.values, OptOut.Scope.EVERYTHING, OptOut.Scope.EVERYTHING])
        kind = self.random.choice(["verb", "verb", "late", "own row", "complaint"])
        order = self.order
        if kind == "complaint":
            scope = OptOut.Scope.EVERYTHING
            person.complained.add(store.pk)
            lifecycle.suppress(person.email, Suppression.Reason.COMPLAINED, store)
        elif kind == "own row":
            with transaction.atomic():
                row = OptOut.objects.create(store=store, email=person.email, scope=scope, place="host")
                signals.opted_out.send(sender=OptOut, opt_out=row)
        else:
            at = timezone.now() + self._skew() if kind == "late" else None
            lifecycle.opt_out(store, person.email, scope=scope, place="a page", occurred_at=at)
        person.words.setdefault(store.pk, []).append(Word(order, False, scope))
        self._came_back(person)
        return f"{person.email} at {store}: {scope} ({kind})"

    def say_no_there(self) -> str | None:
        """By a link in an e-mail of the account's own, of which nobody tells us."""
        person, account = self._person(), self.random.choice(ACCOUNTS[:2])
        if self.sandbox.profile(account, person.email) is None:
            return None
        how = self.random.choice(["unsubscribed", "unsubscribed", "spam"])
        self.sandbox.flip(account, person.email, how)
        before = person.noes_there.get(account)
        person.noes_there[account] = NoThere(self.order, how == "spam" or bool(before and before.is_complaint))
        return f"{person.email} at {account}: {how}"

    def say_yes(self) -> str:
        """By a form that anybody may fill in, or by somebody whom the host knows; perhaps told by an odd clock."""
        person, store = self._person(), self._store()
        proof = self.random.choice(["", "", "signed_in", "confirmed"])
        late = self._long_ago(person)
        at = late or (timezone.now() + self._skew() if self.random.random() < 0.8 else None)
        lifecycle.opt_in(
            store,
            person.email,
            wording=f"Yes, {self.order}.",
            place="form",
            proof=proof,
            occurred_at=at,
            first_name="X",
        )
        order = self.order if not late else self._order_before()
        is_proved = proof == "confirmed" or (proof == "signed_in" and store.pk not in person.complained)
        word = Word(order, True, is_proved=is_proved, is_confirmed=proof == "confirmed")
        person.words.setdefault(store.pk, []).append(word)
        return f"{person.email} at {store}: {proof or 'a stranger'}{self._told(person, late)} ({at})"

    def erase(self) -> str:
        person = self._person()
        erase.erase(person.email, self.operator)
        person.erased_at = self.order
        person.noes_there.clear()  # they go with the profile
        return person.email

    def buy(self) -> str:
        person, advocate = self._person(), self._advocate()
        at = self._long_ago(person)
        lifecycle.convert(
            advocate,
            order_id=f"{self.order}",
            friend_email=person.email,
            total="20",
            currency="EUR",
            friend_first_name="Somebody",
            occurred_at=at,
        )
        heard = StoreSetting.objects.filter(store=advocate.program.store, is_enabled=True)
        for account in heard.values_list("connection__account_id", flat=True):
            self.sold.append((self.order, account, f"{self.order}"))
        return f"{person.email} from {advocate.program.store}{self._told(person, at)}"

    def invite(self) -> str:
        person, advocate = self._person(), self._advocate()
        at = self._long_ago(person)
        lifecycle.invite(advocate, person.email, recipient_name="Somebody", occurred_at=at)
        return f"{person.email} by {advocate}{self._told(person, at)}"

    def join_program(self) -> str:
        person = self._person()
        program = Program.objects.get(store=self._store())
        at = self._long_ago(person)
        lifecycle.join(program, person.email, first_name="Loser", by_anybody=True, occurred_at=at)
        return f"{person.email} in {program.store}{self._told(person, at)}"

    def somebody_else_makes_a_profile(self) -> str:
        """The shop's own software, of which nobody tells us."""
        person, account = self._person(), self.random.choice(ACCOUNTS)
        if self.sandbox.profile(account, person.email) is None and not person.erased_at:
            self.sandbox.put_profiles(account, [SeedProfile(email=person.email)])
        return f"{person.email} at {account}"

    # --- What must be true in the end ---------------------------------------------------------------------

    def breaches(self) -> list[str]:
        """What is not true in the end, after all that was not true in between."""
        return [*self.broken, *self._at_any_time(), *self._reachable(), *self._erased(), *self._unexplained()]

    def _at_any_time(self) -> list[str]:
        away = Connection.objects.exclude(state=Connection.State.CONNECTED)
        return [*self._owed(away), *self._standing(), *self._refused_there(), *self._receipts()]

    def _standing(self) -> list[str]:
        """Whatever clocks say, a no stands in Sorae until the person has proved that they take it back."""
        found = []
        for person in self.people.values():
            said = {(store, scope) for store in person.words for scope in person.noes_that_stand(store)}
            if said and not person.is_unsure:
                gone = said - {(no.store_id, no.scope) for no in noes.standing([person.email])}
                found += [f"{person.email} has said no to {one}, which does not stand." for one in sorted(gone)]
        return found

    def _refused_there(self) -> list[str]:
        """Nothing of ours makes somebody reachable who has refused the account at Klaviyo itself."""
        found = []
        for person in self.people.values():
            for account in [] if person.is_unsure or person.is_erased else person.noes_there:
                held = self.sandbox.profile(account, person.email)
                if held and held.can_receive and person.has_said_no_there(account):
                    found.append(f"{person.email} can be reached at {account}, which they have refused there.")
        return found

    def _reachable(self) -> list[str]:
        """No connected account holds a person as reachable whose last proved word is no."""
        found = []
        for setting in StoreSetting.objects.filter(connection__state=Connection.State.CONNECTED):
            for person in self.people.values():
                held = self._held(setting.connection, person)
                if held and held.can_receive and self._must_be_left_alone(person, setting):
                    found.append(f"{person.email} can be reached at {setting}, and has said no to the store.")
        return found

    def _must_be_left_alone(self, person: Person, setting: StoreSetting) -> bool:
        if person.is_unsure or not person.has_said_no(setting.store_id):
            return False
        if person.is_erased:  # the account must delete them instead
            return False
        # a later proved yes to another store of the same account lifts what Klaviyo keeps for the whole account
        others = StoreSetting.objects.filter(connection=setting.connection).values_list("store", flat=True)
        no = person.last_proved(setting.store_id)
        yeses = [word for store in others for word in person.words.get(store, []) if word.is_yes and word.is_proved]
        return no is not None and not any(yes.order > no.order for yes in yeses)

    def _erased(self) -> list[str]:
        """No erased person exists in Sorae or in a connected account."""
        found = []
        gone = [one for one in self.people.values() if one.is_erased and not one.is_unsure]
        for person in gone:
            if where := snapshot.tables_with(person.email, _models()):
                found.append(f"{person.email} is erased, and stands in {', '.join(where)}.")
            for connection in Connection.objects.filter(state=Connection.State.CONNECTED):
                if self._held(connection, person):
                    found.append(f"{person.email} is erased, and is at {connection}.")
        return found

    def _owed(self, accounts: "QuerySet[Connection]") -> list[str]:
        """Every account that is yet to be told is named on the person's page, or on the receipt."""
        found = []
        for setting in StoreSetting.objects.filter(connection__in=accounts).select_related("connection", "store"):
            for person in self.people.values():
                if not self._must_be_left_alone(person, setting):
                    continue
                held = self._held(setting.connection, person)
                if held and held.can_receive and setting.connection_id not in self._named(person):
                    found.append(f"{setting.connection} is owed a no of {person.email}, and is not named.")
        return found

    def _named(self, person: Person) -> set[int]:
        """Accounts that we say are owed a no of theirs, or their deletion, which will do."""
        shown = person_history.of(person_record.of(person.email), [person.email])
        named = {one.delivery.connection_id for one in shown.owed_noes}
        return named | {one.delivery.connection_id for one in shown.owed_erasures}

    def _receipts(self) -> list[str]:
        """A receipt that says done is true: whoever was there before is gone."""
        found = []
        for person in self.people.values():
            if not person.is_erased or person.is_unsure:
                continue
            mine = Erasure.objects.filter(mailbox_hash=person_key.of(person.email)).order_by("pk").last()
            if mine is None:
                found.append(f"{person.email} was erased, and there is no receipt.")
                continue
            receipt = receipts.of(mine)
            there = [one for one in Connection.objects.all() if self._held(one, person)]
            if receipt.is_done and there:
                found.append(f"The receipt of {person.email} says done, and they are at {there}.")
        return found

    def _unexplained(self) -> list[str]:
        """Every fact is at Klaviyo, or says why not."""
        found = []
        on = StoreSetting.objects.filter(is_enabled=True, connection__state=Connection.State.CONNECTED)
        live = {(setting.connection_id, setting.store_id): setting for setting in on}
        for row in Delivery.objects.exclude(state__in=(State.ACCEPTED, State.CONFIRMED)).select_related("connection"):
            setting = live.get((row.connection_id, contents.store_of(row)))
            if (
                setting
                and row.reason_code == NOT_JOINED.code
                and (row.not_after is None or row.not_after > timezone.now())
            ):
                found.append(f"{row.kind} {row.key} is left out, and {setting} is on.")
            if not row.reason_code:
                found.append(f"{row.kind} {row.key} at {row.connection} is {row.state}, and does not say why.")
            elif (
                row.state in (State.QUEUED, State.SENDING)
                and row.connection.is_connected
                and row.reason_code not in WAIT
            ):
                found.append(f"{row.kind} {row.key} at {row.connection} still waits: {row.reason_code}.")
        for _, account, order_id in self.sold:
            uids = [str(uid) for uid in Conversion.objects.filter(order_id=order_id).values_list("uid", flat=True)]
            if not Delivery.objects.filter(connection__account_id=account, source__in=uids).exists():
                found.append(f"Nothing of order {order_id} was queued for {account}.")
        return found

    # --- The stage ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        lists = {}
        for account in ACCOUNTS:
            [lists[account]] = self.sandbox.put_lists(account, [SeedList("News", opt_in_process=self._process())])
        self.lists = lists
        for number, slug in enumerate(STORES):
            store = Store.objects.create(
                slug=slug, name=slug.title(), url=f"https://{slug}.example/", country="DE", currency="EUR"
            )
            program = Program.objects.create(store=store, slug="spring", name="Spring", offer="Tea")
            lifecycle.join(program, ADVOCATES[number])
        for account in ACCOUNTS[:2]:
            there = [person for person in self.people.values() if self.random.random() < 0.7]
            self.sandbox.put_profiles(account, [self._was_there(person, account) for person in there])
            connection = consent_screen.connected_by(self.operator, self.sandbox, account)
            for store in Store.objects.all():
                if self.random.random() < 0.6:
                    self._join(store, connection)
        self._live(1)

    def _process(self) -> str:
        return "double_opt_in" if self.random.random() < 0.25 else "single_opt_in"

    def _was_there(self, person: Person, account: str) -> SeedProfile:
        """A profile of long ago; perhaps of somebody who has refused the account since, or complained."""
        said = self.random.choice(["SUBSCRIBED", "SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED", "SPAM_COMPLAINT"])
        is_complaint, is_no = said == "SPAM_COMPLAINT", said in ("UNSUBSCRIBED", "SPAM_COMPLAINT")
        if is_no:
            person.noes_there[account] = NoThere(0.25, is_complaint)
        return SeedProfile(
            email=person.email,
            consent="SUBSCRIBED" if is_complaint else said,
            suppressions=["SPAM_COMPLAINT" if is_complaint else "UNSUBSCRIBE"] if is_no else [],
            said_at=(timezone.now() - timedelta(days=2)).isoformat(timespec="seconds"),
        )

    def _live(self, rounds: int) -> None:
        """What beat and workers do in a minute, so many times."""
        for _ in range(rounds):
            age_jobs(timedelta(minutes=11))
            budgets.forget()
            tasks.tell_noes()
            self.drain()
            outbox.hold_strays()
            make_due()

    def _join(self, store: Store, connection: Connection) -> None:
        StoreSetting.objects.create(
            store=store,
            connection=connection,
            behaviour=StoreSetting.Behaviour.CREATE,
            newsletter_list_id=self.lists[connection.account_id],
            newsletter_list_name="News",
        )

    def _held(self, connection: Connection, person: Person) -> SeenProfile | None:
        return self.sandbox.profile(connection.account_id, person.email)

    def _long_ago(self, person: Person) -> datetime | None:
        """The time of a fact that is told late; of somebody erased, mostly."""
        late = self.random.random() < (0.7 if person.is_erased else 0.3)
        return timezone.now() - timedelta(days=self.random.choice([0.1, 0.5])) if late else None

    def _told(self, person: Person, late: datetime | None) -> str:
        """Nobody comes back by what is older than their erasure, and it makes them known nowhere."""
        if late is None:
            self._came_back(person)
            return ""
        if person.is_erased and not person.is_unsure and (where := snapshot.tables_with(person.email, _models())):
            self.broken.append(f"{self.order:.0f}: {person.email} was erased, and is back in {', '.join(where)}.")
        return ", told late"

    def _came_back(self, person: Person) -> None:
        person.came_back_at = self.order

    def _order_before(self) -> float:
        """Told late: it was said before everything that is known."""
        return 0.5

    def _person(self) -> Person:
        if not self.is_same:
            self.email = self.random.choice(PEOPLE)
        return self.people[self.email]

    def _store(self) -> Store:
        if not self.is_same:
            self.slug = self.random.choice(STORES)
        return Store.objects.get(slug=self.slug)

    def _advocate(self) -> Advocate:
        return Advocate.objects.get(program__store=self._store(), email__in=ADVOCATES)

    def _setting(self) -> StoreSetting | None:
        rows = StoreSetting.objects.select_related("store", "connection").order_by("pk")
        found = list(rows.filter(store=self._store()))
        return self.random.choice(found) if found else None

    def _connection(self, *, connected: bool | None) -> Connection | None:
        rows = Connection.objects.order_by("pk")
        if self.is_same:  # one of the store's, where it has any
            rows = rows.filter(store_settings__store__slug=self.slug).distinct() or rows
        if connected is not None:
            which = {"state": Connection.State.CONNECTED}
            rows = rows.filter(**which) if connected else rows.exclude(**which)
        found = list(rows)
        return self.random.choice(found) if found else None

    def _skew(self) -> timedelta:
        return self.random.choice(SKEWS)


#: Actions that may reach somebody; LIST is the account's own.
ACTIONS: dict[str, dict[str, Any]] = {
    "upsert_profile": {"email": "EMAIL", "first_name": "Somebody"},
    "add_profile_to_list": {"email": "EMAIL", "list_id": "LIST"},
    "unsuppress_profiles": {"emails": ["EMAIL"]},
    "subscribe_profiles": {
        "profiles": [{"email": "EMAIL", "channels": ["email"]}],
        "list_id": "LIST",
        "opt_in": "At our stand",
    },
}

#: How often each of the acts is chosen.
ACTS = {
    "join": 3,
    "part": 2,
    "switch": 2,
    "disconnect": 2,
    "lose_access": 1,
    "reconnect": 3,
    "replace": 1,
    "restore": 1,
    "let_messages_go": 1,
    "act": 4,
    "say_no": 5,
    "say_no_there": 2,
    "say_yes": 6,
    "erase": 3,
    "buy": 5,
    "invite": 1,
    "join_program": 2,
    "somebody_else_makes_a_profile": 2,
}
FOLLOWED_BY = {
    "join": ("say_no", "buy"),
    "part": ("say_no", "buy", "join"),
    "switch": ("say_no", "buy", "switch"),
    "disconnect": ("say_no", "erase", "reconnect"),
    "act": ("say_no", "erase"),
    "say_no": ("disconnect", "switch", "part", "join", "say_yes", "buy", "act"),
    "say_no_there": ("say_yes", "act"),
    "say_yes": ("say_no", "say_no", "say_no_there"),
    "erase": ("disconnect", "buy", "say_yes", "invite", "join_program", "act"),
    "buy": ("erase", "part", "switch"),
    "somebody_else_makes_a_profile": ("say_no", "erase"),
}


def _models() -> list[type[Model]]:
    """The tables of our own apps."""
    ours = ("integrations", "klaviyo", "referrals")
    return [model for app in ours for model in apps.get_app_config(app).get_models(include_auto_created=True)]
