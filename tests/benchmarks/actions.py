"""Actions: what the command costs beside `check`, the pace of calls over HTTP, and the memory of a list without end.

Calls go over as many accounts as there are threads, so that none of ours waits for a limit of Klaviyo's.
"""

import http.client
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import Any

from django.contrib.auth.models import User

from integrations.api import tokens
from integrations.models import Connection
from tests import servers
from tests.benchmarks import crew, memory, meter, stage
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import ROOT, House, Process

COMMAND_TURNS = 7
TIMES_CHECK = 1.35
THREADS = 8
CALLS = 1_000
CALL_TURNS = 3
SHARE_OF_CLIENT = 0.5
SLOW = 0.1  # seconds until an answer: nearer to what one from afar takes than those of a benchmark's house
LISTED = 200_000
MOST_GROWTH_MB = 20
STARTED = 0.1  # of the time of a list: from then on its memory is held against its beginning
LONGEST_SECONDS = 1_800
STARTED_SECONDS = 120
HOST = "127.0.0.1"

Told = Callable[..., dict[str, Any]]
Account = tuple[int, str, list[str]]  # its connection's number, a token of its own for the official client, profiles


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of the list, and fewer calls and turns, when quick."""
    share = 5 if is_quick else 1
    programs = stage.opened(house, stage.more_accounts(THREADS))
    connections = [stage.connection_of(program) for program in programs]
    accounts = [_peopled(house, one, CALLS // THREADS) for one in connections]
    return [
        *_commands(house, accounts[0], 3 if is_quick else COMMAND_TURNS),
        *_calls(house, accounts, CALLS // share, 1 if is_quick else CALL_TURNS),
        *_list(house, connections[-1], LISTED // (10 if is_quick else 1)),
    ]


def _peopled(house: House, connection: Connection, number: int) -> Account:
    ids = house.klaviyo.put_people(connection.account_id, (f"person-{n}@example.com" for n in range(number)))
    return connection.pk, house.klaviyo.connect(connection.account_id), ids


def _commands(house: House, account: Account, turns: int) -> list[Figure]:
    """The processor's seconds of each command, in turns so that all meet the same day."""
    number, _, ids = account
    commands = {
        "check": ["check"],
        "--help": ["klaviyo", "--help"],
        "get_profile": ["klaviyo", "get_profile", "--connection", str(number), "--klaviyo-id", ids[0]],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, words in commands.items():
            seconds = _seconds_of(house, words)
            if turn:  # the first time some of it is read from the disk
                spent[name].append(seconds)
    least = {name: median(seconds) for name, seconds in spent.items()}
    say(f"CPU s, medians of {turns}: { ({name: round(seconds, 3) for name, seconds in least.items()}) }")
    return [
        *(
            Figure(f"CPU of klaviyo {name}, times check", least[name] / least["check"], "at most", TIMES_CHECK)
            for name in ("--help", "get_profile")
        ),
        *(Figure(f"CPU s of {name}", seconds) for name, seconds in least.items()),
    ]


def _seconds_of(house: House, words: Sequence[str]) -> float:
    """https://man7.org/linux/man-pages/man2/getrusage.2.html: of children that have ended and been waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=house.env, stdout=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _calls(house: House, accounts: Sequence[Account], number: int, turns: int) -> list[Figure]:
    """Calls of the site and of the official client in turns, with answers as quick as in this house, and as slow."""
    secret = tokens.make("bench", User.objects.get(username="operator"), abilities=["read"], per_minute=60_000)[1]
    house.klaviyo.lift_limits()  # the official client would not keep to them
    site, port = _site(house)
    ours, clients = partial(_told, house, "by_site", port, secret), partial(_told, house, "by_client")
    try:
        ours(accounts, len(accounts) * 2)  # what is imported by the first call
        paced = [_paced(house, seconds, ours, clients, accounts, number, turns) for seconds in (SLOW, house.latency)]
    finally:
        house.klaviyo.answer_later(0)
        house.end([site])
    return [figure for figures in paced for figure in figures]


def _paced(
    house: House, latency: float, ours: Told, clients: Told, accounts: Sequence[Account], number: int, turns: int
) -> list[Figure]:
    house.klaviyo.answer_later(latency - house.latency)
    waits, paces, of_client, cost = list[float](), list[float](), list[float](), meter.Cost()
    for _ in range(turns):
        with meter.of(house, with_rows=False) as spent:
            told = ours(accounts, number)
        cost += spent
        waits += told["ms"]
        paces.append(len(told["ms"]) / told["seconds"])
        told = clients(house.klaviyo.url, accounts, number)
        of_client.append(len(told["ms"]) / told["seconds"])
    pace, client = median(paces), median(of_client)
    where = f", answers after {1_000 * latency:.0f} ms"
    say(f"Medians of {turns}{where}: {pace:.0f} calls a second, and {client:.0f} by the official client.")
    mark: Any = {"must_be": "at least", "mark": SHARE_OF_CLIENT} if latency == SLOW else {}
    return [
        Figure(f"calls over HTTP, share of the official client's pace{where}", pace / client, **mark),
        Figure(f"calls over HTTP a second{where}", pace),
        Figure(f"calls of the official client a second{where}", client),
        Figure(f"a call over HTTP in ms, p50{where}", percentile(waits, 0.5)),
        Figure(f"a call over HTTP in ms, p99{where}", percentile(waits, 0.99)),
        *(
            Figure(f"CPU ms of {role} for a call{where}", 1_000 * cost.of(role) / len(waits))
            for role in ("site", "PostgreSQL", "Redis", "sandbox")
        ),
        Figure(f"statements for a call{where}", (cost.statements or 0) / len(waits)),
    ]


def _told(house: House, function: str, *arguments: Any) -> dict[str, Any]:
    [told] = crew.answers(crew.send(house, 1, "actions", function, *arguments))
    found: dict[str, Any] = told
    return found


def by_site(port: int, secret: str, accounts: Sequence[Account], number: int) -> dict[str, Any]:
    """So many calls over HTTP, in a process of their own: seconds, and ms of each."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", "Host": "localhost"}

    def of(account: Account) -> Callable[[str], None]:
        connection = http.client.HTTPConnection(HOST, port, timeout=60)

        def call(id: str) -> None:
            address = f"/api/v1/connections/{account[0]}/actions/get_profile"
            connection.request("POST", address, json.dumps({"klaviyo_id": id}), headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
            if answer.status != 200 or said["outcome"] != "success":
                raise RuntimeError(f"{answer.status}: {said}")

        return call

    return _by_threads(of, accounts, number)


def by_client(url: str, accounts: Sequence[Account], number: int) -> dict[str, Any]:
    """The same calls by the official client, without us."""
    from klaviyo_api import KlaviyoAPI  # which takes seconds to import

    def of(account: Account) -> Callable[[str], None]:
        profiles: Any = KlaviyoAPI("", test_host=url, access_token=account[1]).Profiles
        return profiles.get_profile  # type: ignore[no-any-return]

    return _by_threads(of, accounts, number)


def _by_threads(
    of: Callable[[Account], Callable[[str], Any]], accounts: Sequence[Account], number: int
) -> dict[str, Any]:
    """A thread for each account, which makes its part of the calls one after the other."""
    calls = [(of(account), account[2][: number // len(accounts)]) for account in accounts]

    def work(call: Callable[[str], Any], ids: Sequence[str]) -> list[float]:
        spent = []
        for id in ids:
            began_at = time.perf_counter()
            call(id)
            spent.append(1_000 * (time.perf_counter() - began_at))
        return spent

    with ThreadPoolExecutor(len(calls)) as threads:
        began_at = time.perf_counter()
        spent = [ms for each in threads.map(work, *zip(*calls, strict=True)) for ms in each]
        return {"seconds": time.perf_counter() - began_at, "ms": spent}


def _site(house: House) -> tuple[Process, int]:
    """The site as docker-compose.yml serves it, at a port of its own; it answers."""
    found = re.search(r"^    command: (gunicorn .+)$", (ROOT / "docker-compose.yml").read_text(), re.M)
    if not found:
        raise RuntimeError("docker-compose.yml does not say how the site is served.")
    port = servers.free_port()
    site = house.start("site", *re.sub(r"--bind \S+", f"--bind {HOST}:{port}", found[1]).split())
    ends_at = time.monotonic() + STARTED_SECONDS
    while not _is_ready(port):
        if site.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError("The site does not answer.")
        time.sleep(0.2)
    return site, port


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _list(house: House, connection: Connection, number: int) -> list[Figure]:
    """A list to its last page by the command, a line for each profile."""
    say(f"Putting {number:,} profiles into an account.")
    house.klaviyo.put_people(connection.account_id, (f"listed-{n}@example.com" for n in range(number)))
    all_of_them = house.klaviyo.holds(connection.account_id)["profiles"]
    words = ["klaviyo", "list_profiles", "--connection", str(connection.pk), "--all"]
    began_at = time.monotonic()
    command = house.start("list", "django", *words)
    with memory.watched(command) as [held]:
        status = house.wait(command, LONGEST_SECONDS)
    seconds = time.monotonic() - began_at
    [log] = house.folder.glob("list-*.log")
    with log.open("rb") as lines:
        missing = all_of_them - sum(1 for _ in lines)
    if status:
        raise RuntimeError(f"The command ended with {status}.")
    growth = held.peak - held.around(STARTED)
    say(f"{all_of_them:,} profiles in {seconds:.0f} s; {held.around(STARTED):.0f} MB, and {held.peak:.0f} at the most.")
    return [
        Figure("growth of a list's memory in MB", growth, "at most", MOST_GROWTH_MB),
        Figure("profiles that a list lacks", missing, "exactly", 0),
        Figure("a list's memory in MB", held.peak),
        Figure("profiles a second of a list", all_of_them / seconds),
    ]
