"""The benchmarks in their order, and what kind of house each of them wants."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Needs:
    """`latency`: seconds that each answer of Klaviyo takes. PostgreSQL waits for the disk, as it should."""

    accounts: int = 1
    latency: float = 0.03
    settings: Mapping[str, str] = field(default_factory=dict)
    postgres: Mapping[str, str] = field(default_factory=lambda: {"fsync": "on"})


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark asks, in a line, and where."""

    question: str
    needs: Needs = field(default_factory=Needs)


ONE_BY_ONE = {"KLAVIYO_BULK_FROM": "0"}
CROWDED = {"fsync": "on", "max_connections": "1100"}
LEAN = {"fsync": "on", "full_page_writes": "off"}  # so that the write-ahead log is what its records take
LARGE = {"fsync": "on", "shared_buffers": "1GB", "maintenance_work_mem": "1GB", "max_wal_size": "16GB"}
# A commit that waits: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-COMMIT-DELAY
SLOWED = {"fsync": "on", "shared_buffers": "16MB", "commit_delay": "20000", "commit_siblings": "0"}
OVERLOADED = Needs(accounts=13, postgres=SLOWED)

BENCHMARKS = {
    "cost": Benchmark("What does an event cost, in bulk?", Needs(postgres=LEAN)),
    "cost_single": Benchmark("What does an event cost that goes by itself?", Needs(settings=ONE_BY_ONE, postgres=LEAN)),
    "caller": Benchmark("What does a signal cost the host, and how fast are many orders queued?", Needs(postgres=LEAN)),
    "single": Benchmark("Events one by one: how near to the limit?", Needs(settings=ONE_BY_ONE)),
    "backlog": Benchmark("A backlog of events: how long does it take?"),
    "latency": Benchmark("How soon is a fact at Klaviyo?"),
    "wake_ups": Benchmark("Wake-ups that find nothing to do: what do they cost?"),
    "reconnect": Benchmark(
        "200,000 deliveries are held: how soon does Reconnect answer, and do fresh facts go at once?"
    ),
    "fairness": Benchmark("Does one busy account slow the others down?", Needs(accounts=21)),
    "scale": Benchmark("100 accounts instead of 25: is it the same for each?", Needs(accounts=100, postgres=LEAN)),
    "overload": Benchmark("A slowed machine and ten times as much to do: does it degrade or collapse?", OVERLOADED),
    "backfill": Benchmark("A store full of advocates: how fast, and how much memory?"),
    "syncs": Benchmark("A file of a million rows, kept in step: how fast, and how much memory?"),
    "tokens": Benchmark("1,000 users of one expired token: how many renewals?", Needs(postgres=CROWDED)),
    "claims": Benchmark("Does a table full of settled deliveries slow claims down?", Needs(postgres=LARGE)),
    "actions": Benchmark("What does an action cost by command and over HTTP, and a list of all?", Needs(accounts=11)),
    "pages": Benchmark("100 accounts and a million attempts: is any page slow?"),
    "peers": Benchmark("A backlog, beside a Celery task for each signal: how much faster?", Needs(accounts=3)),
    "histories": Benchmark("500 random histories: does any break one of the three promises?"),
    "storm": Benchmark("Workers killed, Redis emptied, PostgreSQL crashed: is anything lost or doubled?"),
}
SOAK = {"soak": Benchmark("An hour of bad days: does anything grow?")}

# What a figure may be at most of another commit's, in `make bench AGAINST=…`.
_OURS = "CPU s per 1,000, ours and PostgreSQL"
AGAINST = {"cost": {_OURS: 0.5}, "cost_single": {_OURS: 0.7}}


def has_baseline(name: str) -> bool:
    """Whether a bare insert, a bare request and the official client say something beside its figures."""
    return name != "histories"
