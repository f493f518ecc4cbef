"""Work: one chunk in a worker's hands, with its changes, and the client that its requests are made by."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import F

from integrations.outcomes import CalledOff, Skipped
from integrations.pauses import by_hand
from klaviyo.api import values
from klaviyo.api.client import Client
from klaviyo.consent import reach
from klaviyo.models import Sync, SyncChunk, SyncRow, SyncRun
from klaviyo.syncs.changes import chunks, settling
from klaviyo.syncs.changes.settling import Change, Said

EMAIL = "email"
ON_THE_WIRE, IN_A_JOB = timedelta(seconds=30), timedelta(minutes=10)
LEFT_OUT = "erased"


@dataclass
class Work:
    """The changes of a chunk that are open. What is said of some takes them out, and closes the chunk with the last."""

    run: SyncRun
    chunk: SyncChunk
    client: Client
    changes: list[Change] = field(default_factory=list)
    addresses: dict[int, set[str]] = field(default_factory=dict)  # of the person in each change, as far as known

    @classmethod
    def of(cls, run: SyncRun, chunk: SyncChunk) -> "Work":
        client = Client(run.sync.connection, is_backlog=True, run=chunk.token)
        return cls(run, chunk, client, settling.of(chunk))

    @property
    def sync(self) -> Sync:
        return self.run.sync

    @property
    def by(self) -> str:
        """What people are named by."""
        return str(self.sync.mapping["identity"]["kind"])

    @property
    def emails(self) -> set[str]:
        return {email for change in self.changes for email in self.emails_of(change)}

    def emails_of(self, change: Change) -> set[str]:
        own = {change.identity if self.by == EMAIL else change.email}
        return (own | self.addresses.get(change.n, set())) - {""}

    def keep(self) -> None:
        """What comes next may take as long as a lease. Raises Taken."""
        chunks.keep(self.chunk)

    def told(self, ns: Collection[int], state: str = SyncRow.State.ACCEPTED) -> None:
        if ns:
            with chunks.held(self.chunk) as run:
                settling.tell(run, ns, state)
                self.without(ns)

    def refused(self, said: Mapping[int, Said], state: str = SyncRow.State.REFUSED) -> None:
        if said:
            with chunks.held(self.chunk) as run:
                settling.refuse(run, said, state)
                if state == SyncRow.State.NOT_SENT:
                    settling.note_codes(run, Counter(one.code for one in said.values()))
                self.without(said)

    def erased(self, ns: Collection[int]) -> None:
        if ns:
            with chunks.held(self.chunk) as run:
                settling.leave_out(run, ns, LEFT_OUT)
                self.without(ns)

    def forget(self) -> None:
        """Nothing is to be taken off at Klaviyo: the rows are forgotten here."""
        with chunks.held(self.chunk) as run:
            settling.remove(run, [change.n for change in self.changes])
            chunks.close(self.chunk)

    def close(self) -> None:
        with chunks.held(self.chunk):
            chunks.close(self.chunk)

    def cut(self, at: Collection[int]) -> None:
        """Make several chunks of it; whoever has time sends them."""
        with chunks.held(self.chunk):
            chunks.cut(self.chunk, sorted(at))
        self.changes = []

    def without(self, ns: Collection[int]) -> None:
        """These are settled; the chunk is closed with the last."""
        gone = set(ns)
        self.changes = [change for change in self.changes if change.n not in gone]
        if not self.changes:
            self.close()

    def look(self) -> None:
        """Right before a request. Raises CalledOff where it must not leave any more."""
        try:
            self.keep()
        except chunks.Taken:
            raise CalledOff(Skipped(reach.NO_FIRST.saying("Another worker has it, or it was stopped."))) from None
        if by_hand.of(self.sync.connection):
            raise CalledOff(by_hand.WAITS)
        if self.emails and reach.has_anybody_objected(self.sync.connection) and reach.erased(self.emails):
            raise CalledOff(Skipped(reach.ERASED))

    def count_request(self, *, refused: bool = False) -> None:
        rows = SyncRun.objects.filter(pk=self.run.pk)
        rows.update(requests=F("requests") + 1, refused=F("refused") + int(refused))


def plain(email: str) -> str:
    return values.address(email).lower()
