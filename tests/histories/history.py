"""A random history of two stores, three accounts and a few people, and what each of them may be sure of in the end."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from unittest import mock

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from integrations import connections, outbox
from integrations.connections import Choice, accounts
from integrations.models import Connection, Delivery
from integrations.outbox import held_messages, retrying
from integrations.outbox.waiting import RECONNECT
from integrations.pauses import message_hold
from klaviyo import actions, tasks
from klaviyo.consent import topics
from klaviyo.delivery import stored_since
from klaviyo.delivery.batch import KINDS
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.models import ConsentWatch, StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.sandbox.state import identifiers
from klaviyo.webhooks import polling, process
from referrals import lifecycle, signals
from referrals.models import Advocate, Conversion, OptOut, Program, Store, Suppression
from tests import budgets, consent_screen, snapshot
from tests.histories.people import NoThere, Person, Word
from tests.histories.promises import ACCOUNTS, LOSER, PEOPLE, WAIT, Promises, models
from tests.klaviyo.newsletter_cast import age_jobs
from tests.klaviyo.story import make_due
from tests.klaviyo.webhooks import notices

State = Delivery.State

STORES, ADVOCATES = ("tea", "oslo"), ("kim@example.com", "lou@example.com")
STEPS = int(os.environ.get("STEPS_OF_HISTORIES", "6"))  # beside the motif
AGAIN, LIVES = 0.6, 0.3  # how often an act goes on from the one before, and how often workers come before the next
SKEWS = tuple(timedelta(seconds=s) for s in (0, 5, -5, -5, 90, -90, 7200, -7200))


Motif = tuple[tuple[str, dict[str, Any]], ...]  # acts one after another, each with how it is done


class History(Promises):
    """One random history, by its seed; `told` says what happened, for whoever must understand a failure."""

    def __init__(self, seed: int, sandbox: Sandbox, operator: User, drain: Callable[[], None]) -> None:
        super().__init__(sandbox)
        self.random, self.operator, self.drain = random.Random(seed), operator, drain
        self.acts, self.motif = _acts_and_motif(seed)
        self.told: list[str] = []
        self.email, self.slug, self.is_same = PEOPLE[0], STORES[0], False  # of the act before
        self.served: set[tuple[str, int]] = set()  # which account has ever served which store
        self.snapshot: tuple[dict[type[Model], list[dict[str, Any]]], float] | None = None
        self._open()

    def play(self) -> None:
        """Whatever comes, and somewhere in it the motif of the history."""
        act, motif_at = "", self.random.randrange(STEPS)
        for step in range(STEPS):
            if step == motif_at:
                self._play_motif()
            act = self._next(act)
            self._play(act)
            if self.random.random() < LIVES:
                self._live_and_look()

    def _play_motif(self) -> None:
        """At a store that is joined, of somebody whom its account knows, where there are any."""
        joined = StoreSetting.objects.filter(is_enabled=True, connection__state=Connection.State.CONNECTED)
        settings = list(joined.select_related("store", "connection").order_by("pk"))
        if settings:
            setting = self.random.choice(settings)
            known = [one for one in self.people.values() if self._held(setting.connection, one) and not one.is_unsure]
            account, is_of_noes = setting.connection.account_id, self.motif in AFTER_NOES
            meant = [one for one in known if (account in one.noes_there) == is_of_noes]
            silent = [one for one in meant if not one.words]
            self.slug = setting.store.slug
            self.email = self.random.choice(silent or meant or known or [self._person()]).email
        self.is_same = True
        for act, how in self.motif:
            self._play(act, **how)
        self._live_and_look()

    def _play(self, act: str, **how: Any) -> None:
        self.order += 1
        done = getattr(self, act)(**how)
        self._see_who_is_served()
        if done is not None:
            self.told.append(f"{self.order:.0f} {act}: {done}")
            self.expect(self.at_any_time())
            if act in OF_OPERATORS:
                self.expect(self.said_of_accounts())

    def _live_and_look(self) -> None:
        self._live(1)
        self.expect([*self.at_any_time(), *self.owed(StoreSetting.objects.all())])

    def _next(self, act: str) -> str:
        """Often what would undo the act before, and of the same person, store and account; else any."""
        self.is_same = act in FOLLOWED_BY and self.random.random() < AGAIN
        if self.is_same:
            return self.random.choice(FOLLOWED_BY[act])
        return self.random.choices(list(self.acts), list(self.acts.values()))[0]

    def end(self) -> None:
        """All hands are back, each account is connected and serves each store, and some hours pass."""
        self.order += 1
        self._live(1)
        self.expect([*self.owed(StoreSetting.objects.all()), *self.said_of_accounts()])
        self._bring_back()
        for _ in range(6):
            self._live(1)
            if self._is_quiet():
                return

    def _bring_back(self) -> None:
        self.let_messages_go()
        for connection in Connection.objects.exclude(state=Connection.State.CONNECTED).order_by("pk"):
            consent_screen.connected_by(self.operator, self.sandbox, connection.account_id)
        for setting in StoreSetting.objects.filter(is_enabled=False).order_by("pk"):
            setting.is_enabled = True
            setting.save()
        joined = set(StoreSetting.objects.values_list("store", "connection"))
        for store, connection in product(Store.objects.order_by("pk"), Connection.objects.order_by("pk")):
            if (store.pk, connection.pk) not in joined:
                self._join(store, connection)

    def _is_quiet(self) -> bool:
        """Whether nothing is left to do but what waits for longer than a history goes on."""
        rows = Delivery.objects.filter(state__in=(State.QUEUED, State.SENDING))
        return not rows.filter(connection__state=Connection.State.CONNECTED).exclude(reason_code__in=WAIT).exists()

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
            outbox.take_back(connection, outbox.TAKEN_BACK)
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
            self.snapshot = (snapshot.take(models()), self.order)
            return "a copy is taken"
        rows, taken_at = self.snapshot
        snapshot.put_back(rows)
        self.snapshot = None
        self.sold = [sold for sold in self.sold if sold[0] <= taken_at]
        for person in self.people.values():
            words = [word for said in person.words.values() for word in said]
            lost = any(word.order > taken_at for word in words)
            is_heard = any(no.is_heard for no in person.noes_there.values())
            if lost or is_heard or person.erased_at > taken_at or person.came_back_at > taken_at:
                person.is_unsure = True
        self.served.clear()  # as far as the copy knows
        return f"the copy of {taken_at:.0f}"

    def let_messages_go(self) -> str | None:
        """What a restore holds back goes when an operator has looked."""
        hold = message_hold.current()
        if hold is None:
            return None
        return f"{held_messages.let_go(hold, self.operator)} cancelled"

    def tidy_up(self) -> str:
        """Somebody goes through the lists of deliveries, and tries again or cancels whatever can be."""
        rows = Delivery.objects.filter(kind=self.random.choice(sorted(KINDS)))
        if self.random.random() < 0.5:
            return f"{retrying.again(rows)} are tried again"
        return f"{outbox.cancel(rows, outbox.TAKEN_BACK)} are cancelled"

    def act(self) -> str | None:
        """An operator means well, and knows nothing of what anybody has said."""
        person, connection = self._person(), self._connection(connected=True)
        if connection is None:
            return None
        name, given = self.random.choice(ACTIONS)(person.email, self.lists[connection.account_id])
        self.look()
        done = actions.run(name, connection, max_retries=0, **given)
        self.compare()
        return f"{name} of {person.email} at {connection}: {done.outcome} {done.code}"

    # --- What people do ---------------------------------------------------------------------------------

    def say_no(self, kind: str = "", off: timedelta | None = None, scope: str = "") -> str:
        person, store = self._person(), self._store()
        everything = OptOut.Scope.EVERYTHING
        scope = scope or self.random.choice([*OptOut.Scope.values, everything, everything])
        kind = kind or self.random.choice(["verb", "late", "late", "own row", "complaint"])
        order = self.order
        if kind == "complaint":
            scope = everything
            person.complained.add(store.pk)
            lifecycle.suppress(person.email, Suppression.Reason.COMPLAINED, store)
        elif kind == "own row":
            with transaction.atomic():
                row = OptOut.objects.create(store=store, email=person.email, scope=scope, place="host")
                signals.opted_out.send(sender=OptOut, opt_out=row)
        else:
            at = timezone.now() + (off or self._skew()) if kind == "late" else None
            lifecycle.opt_out(store, person.email, scope=scope, place="a page", occurred_at=at)
        person.words.setdefault(store.pk, []).append(Word(order, False, scope))
        self._came_back(person)
        return f"{person.email} at {store}: {scope} ({kind})"

    def say_no_there(self, how: str = "", off: timedelta | None = None) -> str | None:
        """By a link in an e-mail of the account's own, of which nobody tells us."""
        person = self._person()
        known = [account for account in ACCOUNTS if self.sandbox.profile(account, person.email)]
        if not known:
            return None
        own = StoreSetting.objects.filter(store__slug=self.slug, connection__account_id__in=known)
        nearest = sorted(own.values_list("connection__account_id", flat=True)) if self.is_same else []
        account = self.random.choice(nearest or known)
        how = how or self.random.choice(["unsubscribed", "unsubscribed", "spam"])
        clock = self._klaviyos_clock(off)
        with mock.patch.object(identifiers, "instant", clock):
            self.sandbox.flip(account, person.email, how)
        before, at = person.noes_there.get(account), datetime.fromisoformat(clock())
        person.noes_there[account] = NoThere(self.order, how == "spam" or bool(before and before.is_complaint), at)
        return f"{person.email} at {account}: {how}"

    def account_tells(self, how: str = "") -> str | None:
        """An account tells us what somebody has refused it, or is asked who has: a no to each store that it serves."""
        person = self._person()
        connected = Connection.objects.filter(state=Connection.State.CONNECTED).order_by("pk")
        refused = [one for one in connected if (no := person.noes_there.get(one.account_id)) and no.at]
        if not refused:
            return None
        connection = self.random.choice(refused)
        how = how or self.random.choice(["webhook", "asked"])
        self._see_who_is_served()
        if how == "webhook":
            self._post_notice(connection, person)
            heard = [person]
        else:
            heard = [one for one in self.people.values() if self._is_suppressed(connection, one)]
            polling.poll(self._watch(connection))
        for one in heard:
            no = one.noes_there[connection.account_id]
            no.is_heard = not one.has_said_no_to_a_store and one.has_said_no_there(connection.account_id)
        self._take_in()
        return f"{', '.join(one.email for one in heard)} at {connection}, {how}"

    def say_yes(self, proof: str | None = None) -> str:
        """By a form that anybody may fill in, or by somebody whom the host knows; perhaps told by an odd clock."""
        person, store = self._who_said_no()
        is_random = proof is None
        proof = self.random.choice(["", "", "signed_in", "signed_in", "confirmed"]) if proof is None else proof
        late = self._long_ago(person) if is_random else None
        at = late or (timezone.now() + self._skew() if is_random and self.random.random() < 0.8 else None)
        lifecycle.opt_in(
            store,
            person.email,
            wording=f"Yes, {self.order}.",
            place="form",
            proof=proof,
            occurred_at=at,
            first_name="X" if proof else LOSER,
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

    def erase_while_they_buy(self, *, is_long: bool | None = None) -> str:
        """The host's transaction is open meanwhile: neither sees the other, and its times are those of before.

        Where that is long, the accounts have deleted the person when it ends.
        """
        before = timezone.now()
        told, advocate = self.erase(), self._advocate()
        if self.random.random() < 0.5 if is_long is None else is_long:
            self.drain()
        order = self._convert(advocate, told, None)
        Conversion.objects.filter(pk=order.pk).update(created_at=before, occurred_at=before)
        Delivery.objects.filter(source=str(order.uid)).update(created_at=before, occurred_at=before)
        self.people[told].is_being_written_of = True
        return f"{told} from {advocate.program.store}"

    def buy(self, *, is_late: bool | None = None) -> str:
        person, advocate = self._person(), self._advocate()
        at = self._long_ago(person)
        if is_late is not None:
            at = timezone.now() - timedelta(hours=12) if is_late else None
        self._convert(advocate, person.email, at)
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
        lifecycle.join(program, person.email, first_name=LOSER, by_anybody=True, occurred_at=at)
        return f"{person.email} in {program.store}{self._told(person, at)}"

    def _convert(self, advocate: Advocate, email: str, at: datetime | None) -> Conversion:
        return lifecycle.convert(
            advocate,
            order_id=f"{self.order}",
            friend_email=email,
            total="20",
            currency="EUR",
            friend_first_name="Somebody",
            occurred_at=at,
        )

    def somebody_else_makes_a_profile(self) -> str:
        """The shop's own software, of which nobody tells us."""
        person, account = self._person(), self.random.choice(ACCOUNTS)
        if self.sandbox.profile(account, person.email) is None and not person.erased_at:
            self.sandbox.put_profiles(account, [SeedProfile(email=person.email)])
        return f"{person.email} at {account}"

    def _post_notice(self, connection: Connection, person: Person) -> None:
        no = person.noes_there[connection.account_id]
        assert no.at
        topic = topics.SPAM if no.is_complaint else topics.UNSUBSCRIBED
        told = notices.item(topic, person.email, ago=timezone.now() - no.at)
        raw = notices.body(told, account=connection.account_id)
        assert notices.post(raw, notices.signed(raw, webhook=self._watch(connection).webhook_id)) == 200
        process.all_due()

    def _watch(self, connection: Connection) -> ConsentWatch:
        watch = notices.watch_of(connection)
        watch.webhook_id = f"{notices.WEBHOOK[:-6]}{connection.account_id}"
        watch.save()
        return watch

    def _is_suppressed(self, connection: Connection, person: Person) -> bool:
        """Whether the account still says so of what they have refused it in this history."""
        no, held = person.noes_there.get(connection.account_id), self._held(connection, person)
        return bool(no and no.at and held and held.suppressions)

    def _see_who_is_served(self) -> None:
        self.served |= set(StoreSetting.objects.values_list("connection__account_id", "store"))

    def _take_in(self) -> None:
        """What was heard is the person's no to each store that the account serves, or has served."""
        for account, store in self.served:
            for person in self.people.values():
                no = person.noes_there.get(account)
                if no and no.is_heard and person.has_said_no_there(account):
                    word = Word(no.order, False, OptOut.Scope.EVERYTHING)
                    said = person.words.setdefault(store, [])
                    if word not in said:
                        said.append(word)
                        person.complained |= {store} if no.is_complaint else set()

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
            there = [person for person in self.people.values() if self.random.random() < 0.8]
            self.sandbox.put_profiles(account, [self._was_there(person, account) for person in there])
            connection = consent_screen.connected_by(self.operator, self.sandbox, account)
            for store in Store.objects.all():
                if self.random.random() < 0.6:
                    self._join(store, connection)
        self._live(1)

    def _process(self) -> str:
        return "double_opt_in" if self.random.random() < 0.25 and self.motif not in BY_ONE_CLICK else "single_opt_in"

    def _was_there(self, person: Person, account: str) -> SeedProfile:
        """A profile of long ago; perhaps of somebody who has refused the account since, or complained."""
        said = self.random.choice(["SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED", "SPAM_COMPLAINT"])
        if self.motif in AFTER_NOES:
            said = "UNSUBSCRIBED"
        is_complaint, is_no = said == "SPAM_COMPLAINT", said in ("UNSUBSCRIBED", "SPAM_COMPLAINT")
        if is_no:
            person.noes_there[account] = NoThere(0.25, is_complaint)
        return SeedProfile(
            email=person.email,
            consent="SUBSCRIBED" if is_complaint else said,
            suppressions=["SPAM_COMPLAINT" if is_complaint else "UNSUBSCRIBE"] if is_no else [],
            said_at=(timezone.now() - timedelta(days=2)).isoformat(timespec="seconds"),
        )

    def live(self) -> None:
        self._live_and_look()

    def _live(self, rounds: int) -> None:
        """What beat and workers do in a minute, so many times."""
        for _ in range(rounds):
            age_jobs(timedelta(minutes=11))
            budgets.forget()
            self.look()
            tasks.heed()
            tasks.tell_noes()
            self._see_who_is_served()
            self._take_in()
            self.drain()
            repeat.go_on()
            for person in self.people.values():
                person.is_being_written_of = False
            outbox.hold_strays()
            make_due()
            self.compare()

    def _join(self, store: Store, connection: Connection) -> None:
        setting = StoreSetting(
            store=store,
            connection=connection,
            behaviour=StoreSetting.Behaviour.CREATE,
            newsletter_list_id=self.lists[connection.account_id],
            newsletter_list_name="News",
        )
        if self.random.random() < 0.5:  # as the page does where an account was allowed before
            stored_since.tell(setting, timezone.now() - timedelta(hours=1))
        setting.save()

    def _long_ago(self, person: Person) -> datetime | None:
        """The time of a fact that is told late; of somebody erased, mostly."""
        late = self.random.random() < (0.7 if person.is_erased else 0.3)
        return timezone.now() - timedelta(days=self.random.choice([0.1, 0.5])) if late else None

    def _told(self, person: Person, late: datetime | None) -> str:
        """Nobody comes back by what is older than their erasure, and it makes them known nowhere."""
        if late is None:
            self._came_back(person)
            return ""
        must_be_gone = person.is_erased and not person.is_unsure and not person.is_being_written_of
        if must_be_gone and (where := snapshot.tables_with(person.email, models())):
            self.expect([f"{person.email} was erased, and is back in {', '.join(where)}."])
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

    def _who_said_no(self) -> tuple[Person, Store]:
        """Mostly somebody who has said no somewhere; else anybody."""
        said = [one for one in self.people.values() if one.words or one.noes_there]
        if not self.is_same and said and self.random.random() < 0.7:
            person = self.random.choice(said)
            stores = list(Store.objects.filter(pk__in=person.words).order_by("pk")) or [self._store()]
            self.email, self.slug = person.email, self.random.choice(stores).slug
            return person, Store.objects.get(slug=self.slug)
        return self._person(), self._store()

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

    def _klaviyos_clock(self, off: timedelta | None) -> Callable[[], str]:
        by = off or timedelta(seconds=self.random.choice([-5, -90, -90, 90]))
        return lambda: (datetime.now(UTC) + by).isoformat()

    def _skew(self) -> timedelta:
        return self.random.choice(SKEWS)


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
    "tidy_up": 1,
    "act": 2,
    "say_no": 5,
    "say_no_there": 2,
    "say_yes": 6,
    "erase": 3,
    "erase_while_they_buy": 1,
    "buy": 5,
    "invite": 1,
    "join_program": 2,
    "somebody_else_makes_a_profile": 2,
}
#: The shortest ways to what was once wrong; each history plays one, by its seed.
STRANGER: Motif = (("say_yes", {"proof": ""}),)
COMPLAINT: Motif = (("say_no", {"kind": "complaint"}), ("live", {}), ("say_yes", {"proof": "signed_in"}))
ALL_OF_IT = ("say_no", {"kind": "verb", "scope": OptOut.Scope.EVERYTHING})
SAID_SLOWLY = ("say_no_there", {"how": "unsubscribed", "off": timedelta(seconds=-90)})  # by the account's clock
NO_LATER: Motif = (("say_yes", {"proof": "signed_in"}), SAID_SLOWLY)
MOTIFS: tuple[Motif, ...] = (
    STRANGER,
    COMPLAINT,
    (("say_yes", {"proof": "confirmed"}), ("say_no", {"kind": "late", "off": timedelta(hours=-2)})),
    NO_LATER,
    (("switch", {}), ("say_no", {}), ("switch", {})),
    (("say_no", {}), ("disconnect", {})),
    (("part", {}), ("say_no", {}), ("join", {})),
    (("buy", {}), ("part", {}), ("join", {})),
    (("disconnect", {}), ("erase", {})),
    (("erase", {}), ("buy", {"is_late": True})),
    (("erase_while_they_buy", {"is_long": True}),),
    (("join_program", {}), ("say_yes", {"proof": ""})),
    (("erase", {}), ("live", {}), ALL_OF_IT, ("live", {}), ("buy", {"is_late": False})),
    (("say_no", {}), ("say_yes", {"proof": ""}), ("act", {})),
    (ALL_OF_IT, ("erase", {}), ("live", {}), ("buy", {"is_late": False})),
)
AFTER_NOES = (STRANGER, COMPLAINT)  # of people who have refused each account long ago
#: Of what accounts tell of.
COMPLAINED = ("say_no_there", {"how": "spam", "off": timedelta(seconds=-90)})
BY_WEBHOOK, ASKED = ("account_tells", {"how": "webhook"}), ("account_tells", {"how": "asked"})
TOLD: tuple[Motif, ...] = (
    (SAID_SLOWLY, BY_WEBHOOK),
    (COMPLAINED, ASKED, ("live", {}), ("say_yes", {"proof": "signed_in"})),
    (SAID_SLOWLY, BY_WEBHOOK, ("live", {}), ("join", {}), ("live", {}), ("buy", {"is_late": False})),
    (SAID_SLOWLY, ("part", {}), ASKED, ("join", {})),
    (SAID_SLOWLY, BY_WEBHOOK, ("live", {}), ("say_yes", {"proof": ""}), ("act", {})),
    (COMPLAINED, BY_WEBHOOK, ("erase", {}), ("live", {}), ("buy", {"is_late": False}), ("join", {})),
)
OLD_SEEDS = 30  # and what they do: each finds what it is known to find
BY_ONE_CLICK = (*AFTER_NOES, NO_LATER)  # on lists that ask for no confirmation
OF_OPERATORS = ("part", "switch", "disconnect", "lose_access", "reconnect", "replace", "tidy_up", "erase")
FOLLOWED_BY = {
    "join": ("say_no", "buy"),
    "part": ("join", "join", "say_no", "buy"),
    "switch": ("say_no", "buy", "switch"),
    "disconnect": ("say_no", "erase", "reconnect"),
    "say_no": ("disconnect", "switch", "part", "join", "say_yes", "say_yes", "buy"),
    "say_no_there": ("say_yes",),
    "say_yes": ("say_no", "say_no", "say_no_there", "say_no_there"),
    "erase": ("disconnect", "buy", "say_yes", "invite", "join_program"),
    "buy": ("erase", "part", "part", "switch"),
    "somebody_else_makes_a_profile": ("say_no", "erase"),
}


def _acts_and_motif(seed: int) -> tuple[dict[str, int], Motif]:
    if seed <= OLD_SEEDS:
        return ACTS, MOTIFS[seed % len(MOTIFS)]
    every = (*TOLD, *MOTIFS)
    return ACTS | {"account_tells": 3}, every[(seed - OLD_SEEDS - 1) % len(every)]


def _event(email: str, list_id: str) -> tuple[str, dict[str, Any]]:
    return "create_event", {"event_name": "Visited", "profile": {"email": email}}


def _upsert(email: str, list_id: str) -> tuple[str, dict[str, Any]]:
    return "upsert_profile", {"email": email, "first_name": "Somebody"}


def _subscribe(email: str, list_id: str) -> tuple[str, dict[str, Any]]:
    said = {"channels": ["email"], "opt_in": "At our stand"}
    return "subscribe_profile_to_list", {"email": email, "list_id": list_id, **said}


def _unsuppress(email: str, list_id: str) -> tuple[str, dict[str, Any]]:
    return "unsuppress_profiles", {"emails": [email]}


ACTIONS = (_event, _upsert, _subscribe, _unsuppress)
