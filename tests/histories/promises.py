"""What must be true of a history, whatever clocks and forms have told us of it.

The sandbox is asked what the accounts hold, and our own pages what we say of it.
"""

from collections.abc import Iterable, Mapping

from django.apps import apps
from django.db.models import Model, QuerySet
from django.utils import timezone

from integrations import outbox, providers
from integrations.models import Connection, Delivery
from klaviyo.consent import owed_noes
from klaviyo.mapping import contents
from klaviyo.models import Erasure, StoreSetting
from klaviyo.pages import person as person_record
from klaviyo.pages import person_history, receipts
from klaviyo.profiles.batch import NOT_JOINED
from klaviyo.sandbox import Sandbox, SeenProfile
from referrals import noes, person_key, suppressions
from referrals.models import Conversion
from tests import snapshot
from tests.histories.people import Person

State = Delivery.State

ACCOUNTS = ("VxYz12", "Qk7LmA", "Rb3WdN")
LOSER = "Loser"  # typed into a form by somebody else
PEOPLE = tuple(f"{name}@friends.test" for name in ("ada", "ben", "cid"))
WAIT = ("one_job_in_30_minutes", "advocate_cap", "messages_held")  # for longer than a history goes on


class Promises:
    """What people have truly said, and what is not true that ought to be (`broken`)."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.order = sandbox, 0.0
        self.people = {email: Person(email) for email in PEOPLE}
        self.sold: list[tuple[float, str, str]] = []  # when, which account must hear of it, the order
        self.broken: list[str] = []  # what was not true in between
        self.there: Mapping[tuple[str, str], SeenProfile] = {}  # whom accounts knew before

    def breaches(self) -> list[str]:
        """What is not true in the end, after all that was not true in between."""
        in_the_end = [*self._reachable(), *self._erased(), *self._unexplained(), *self.owed(StoreSetting.objects.all())]
        return [*self.broken, *self.at_any_time(), *self._receipts(), *in_the_end]

    def expect(self, wrong: Iterable[str]) -> None:
        """Keep what is not true now, and nothing ought to be wrong."""
        self.broken += [f"{self.order:.0f}: {one}" for one in wrong]

    def at_any_time(self) -> list[str]:
        return [*self._standing(), *self._refused_there(), *self._taken_back()]

    def said_of_accounts(self) -> list[str]:
        """The same of what the pages say, where an operator has just changed something."""
        away = StoreSetting.objects.exclude(connection__state=Connection.State.CONNECTED)
        is_due = owed_noes.due_settings().values("pk")  # workers come to it in a moment
        return [*self.owed(away.exclude(pk__in=is_due)), *self._receipts()]

    def _taken_back(self) -> list[str]:
        """No operator takes back what a person has asked for themselves."""
        rows = Delivery.objects.filter(kind__in=providers.persons_acts(), state=State.CANCELLED)
        return [f"{row.key} was taken back." for row in rows.filter(reason_code=outbox.TAKEN_BACK.code)]

    def look(self) -> None:
        """Remember who is known where."""
        self.there = self._there()

    def compare(self) -> None:
        """What of ours has just done to people whom accounts know, or must not know."""
        for (account, email), held in self._there().items():
            before, person = self.there.get((account, email)), self.people.get(email)
            if before is None and person and person.is_erased and not person.is_unsure:
                self.expect([f"{email} was erased, and is made known to {account} again."])
            if before and held.id == before.id and LOSER == held.first_name != before.first_name:
                self.expect([f"{email} was there, and is called {LOSER} at {account} now."])

    def _there(self) -> dict[tuple[str, str], SeenProfile]:
        return {(account, one.email or ""): one for account in ACCOUNTS for one in self.sandbox.profiles(account)}

    def _standing(self) -> list[str]:
        """Whatever clocks say, a no stands in Sorae until the person has proved that they take it back."""
        found = []
        stand = {(no.person, no.store_id, no.scope) for no in noes.standing(PEOPLE)}
        for person in self.people.values():
            said = {(store, scope) for store in person.words for scope in person.noes_that_stand(store)}
            gone = [one for one in sorted(said) if (person_key.of(person.email), *one) not in stand]
            if not person.is_unsure:
                found += [f"{person.email} has said no to {one}, which does not stand." for one in gone]
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
            if where := snapshot.tables_with(person.email, models()):
                found.append(f"{person.email} is erased, and stands in {', '.join(where)}.")
            for connection in Connection.objects.filter(state=Connection.State.CONNECTED):
                if self._held(connection, person):
                    found.append(f"{person.email} is erased, and is at {connection}.")
        for account in ACCOUNTS:
            known = [one.email for one in self.sandbox.profiles(account)]
            found += [f"{email} is at {account}." for email in known if suppressions.is_erased(email or "")]
        return found

    def owed(self, settings: "QuerySet[StoreSetting]") -> list[str]:
        """Every account that is yet to be told is named on the person's page, or on the receipt."""
        found = []
        for setting in settings.select_related("connection", "store"):
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

    def _held(self, connection: Connection, person: Person) -> SeenProfile | None:
        return self.sandbox.profile(connection.account_id, person.email)


def models() -> list[type[Model]]:
    """The tables of our own apps."""
    ours = ("integrations", "klaviyo", "referrals")
    return [model for app in ours for model in apps.get_app_config(app).get_models(include_auto_created=True)]
