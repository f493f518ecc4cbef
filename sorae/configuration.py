"""Configuration by environment variables: NAME, or NAME_FILE for a file that holds it. Mistakes go to system checks."""

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.core import checks
from django.core.exceptions import ValidationError

from referrals import domains
from sorae import databases, mail_servers, redis_addresses, web_addresses

ON, OFF = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
LARGEST = 999_999_999
SHORTEST_TOKEN = 20
GUNICORN_GIVES_UP = 3  # exit status of a worker after which gunicorn starts no other: its Arbiter.WORKER_BOOT_ERROR

_problems: list[checks.CheckMessage] = []


def problem(name: str, sentence: str, hint: str) -> None:
    """Remember that a setting is wrong; `manage.py check` shows it, and no server starts with it."""
    _problems.append(checks.Error(f"{name} {sentence}", hint=hint, id=f"sorae.{name}"))


def text(name: str, default: str = "") -> str:
    """The value as it was given, without the space around it. The file counts where both are given.

    Some editors begin a file with a mark that nobody sees: https://docs.python.org/3/library/codecs.html#module-encodings.utf_8_sig
    """
    file = os.environ.get(f"{name}_FILE")
    try:
        return (Path(file).read_text("utf-8-sig") if file else os.environ.get(name, default)).strip()
    except (OSError, ValueError):  # a path may hold what no path can
        problem(f"{name}_FILE", "names a file that cannot be read.", "Check the path and its permissions.")
        return default


def flag(name: str) -> bool:
    """Whether it is on. What is neither on nor off is refused: taken for off, it would leave undone what was wanted."""
    value = text(name).lower()
    if value not in ON | OFF:
        problem(name, "is neither on nor off.", "Give 1 or 0, or leave it out.")
    return value in ON


def preload(name: str, *, is_possible: bool) -> bool:
    """Whether browsers may be shipped with this host as https only; its list takes hosts with all below them only."""
    is_wanted = flag(name)
    if is_wanted and not is_possible:
        problem(name, "needs HSTS_SUBDOMAINS=1 and an https SITE_URL.", "Set both, or leave it out.")
    return is_wanted and is_possible


def words(name: str) -> list[str]:
    """Several values, separated by spaces or commas."""
    return [word for word in re.split(r"[\s,]+", text(name)) if word]


def networks(name: str) -> list[str]:
    """IP networks such as 10.0.0.0/8."""
    found = []
    for word in words(name):
        try:
            found.append(str(ip_network(word)))
        except ValueError:
            hint = "Write networks such as 10.20.0.0/16, or leave it out."
            problem(name, f"holds {word!r}, which is no network.", hint)
    return found


def number(name: str, default: int, least: int = 0) -> int:
    value = text(name) or str(default)
    if not (value.isascii() and value.isdigit()):
        problem(name, "is not a whole number.", f"Give a number such as {default}, or leave it out.")
        return default
    if len(value) > len(str(LARGEST)) or int(value) < least:
        problem(name, "is out of range.", f"Give a number from {least} to {LARGEST}, or leave it out.")
        return default
    return int(value)


def proxies(name: str, *, is_behind_one: bool) -> int:
    """How many proxies append to X-Forwarded-For; with 0 behind one, all visitors would count as one."""
    many = number(name, int(is_behind_one))
    if is_behind_one and not many:
        sentence = f"{name} is 0 although BEHIND_TLS_PROXY is set: everybody counts as one visitor, the proxy."
        hint = "Leave it out (1), or give the number of proxies that append to X-Forwarded-For."
        _problems.append(checks.Warning(sentence, hint=hint, id=f"sorae.{name}"))
    return many


def choice(name: str, choices: Sequence[str]) -> str:
    """One of several words, in whatever case; the first is the default."""
    value = (text(name) or choices[0]).lower()
    chosen = next((word for word in choices if word.lower() == value), "")
    if not chosen:
        problem(name, f"is not one of {', '.join(choices)}.", f"Leave it out for {choices[0]}.")
    return chosen or choices[0]


def token(name: str) -> str:
    """A secret that nobody could guess, or nothing."""
    value = text(name)
    if value and (len(value) < SHORTEST_TOKEN or not value.isascii()):
        hint = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        problem(name, f"is shorter than {SHORTEST_TOKEN} plain characters.", hint)
        return ""
    return value


def required(name: str, hint: str) -> str:
    value = text(name)
    if not value:
        problem(name, "is not set.", hint)
    return value


def secret_key() -> str:
    """Django's key; where it is missing, a key for this process alone, so that the check can be shown."""
    value = required("SECRET_KEY", "Set it to 50 or more random characters, and keep it out of the repository.")
    return value or secrets.token_urlsafe(50)


def url(name: str, default: str, *, has_path: bool = False) -> str:
    """An address in one spelling, without its trailing slash: https, or plain http on this machine only."""
    try:
        return web_addresses.read(text(name) or default, has_path=has_path)
    except web_addresses.Malformed as wrong:
        problem(name, wrong.sentence, wrong.hint)
        return default


def hosts(name: str) -> list[str]:
    """Host names in ASCII; one that begins with a dot stands for all below it, and * for all that there are.

    https://docs.djangoproject.com/en/5.2/ref/settings/#allowed-hosts
    """
    found = words(name)
    read = [told if told == "*" else _dot(told) + web_addresses.host_name(told.removeprefix(".")) for told in found]
    if not all(host.strip(".") for host in read):
        problem(name, "holds what is no host name.", "Give names alone, without scheme, port and path.")
        return []
    return read


def _dot(told: str) -> str:
    return "." if told.startswith(".") else ""


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings for a database address."""
    found = databases.read(text(name) or default)
    if found is None:
        problem(name, "is not a database address.", "For example postgres://user:password@host:5432/sorae")
    elif wrong := databases.wrong(found):
        problem(name, *wrong)
        found = None
    return found or databases.read(default) or {}


def named_databases(pattern: str) -> dict[str, dict[str, Any]]:
    """Databases by their names in small letters, one for each variable that has something else in place of NAME.

    PostgreSQL and SQLite as Django has them; of any other the address alone ("URL"), for SQLAlchemy.
    """
    begins, found = pattern.removesuffix("NAME"), dict[str, dict[str, Any]]()
    for variable in sorted({name.removesuffix("_FILE") for name in os.environ if name.startswith(begins)}):
        if not (address := text(variable)):
            continue
        read = databases.read(address)
        hint = "For example postgres://reader:password@host:5432/warehouse"
        if read is None and not re.match(r"(?!postgres|sqlite)[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://", address):
            problem(variable, "is not a database address.", hint)
        elif read is not None and (wrong := databases.wrong(read)):
            problem(variable, *wrong)
        else:
            found[variable.removeprefix(begins).lower()] = read or {"URL": address}
    return found


def redis(name: str) -> str:
    """The address of a Redis in one spelling, or nothing."""
    try:
        return redis_addresses.read(value) if (value := text(name)) else ""
    except web_addresses.Malformed as wrong:
        problem(name, wrong.sentence, wrong.hint)
        return ""


def mail(name: str, folder: Path) -> dict[str, Any]:
    """Django's settings for sending mail by the address of a server, or ("files") into a folder; without one, none."""
    server = mail_servers.read(text(name), folder)
    if server is None:
        problem(name, "is not the address of a mail server.", "For example smtp+tls://user:password@mail.host:587")
    return server or mail_servers.NONE


def sender(name: str, default: str, *, is_needed: bool) -> str:
    """The address that our e-mail comes from; the default is one that no mail server takes."""
    if is_needed and not text(name):
        problem(
            name, "is not set.", "E-mail goes out by EMAIL_URL: give an address of your own domain to send it from."
        )
    return (addresses(name) or [default])[0]


def addresses(name: str) -> list[str]:
    """E-mail addresses, as far as all of them are, with their domains in ASCII."""
    found, is_address = words(name), domains.AddressValidator()
    try:
        for address in found:
            is_address(address)
        return [domains.address_in_ascii(address) for address in found]
    except (ValidationError, UnicodeError):
        problem(name, "is not an e-mail address.", "For example operators@referrals.example.com")
        return []


def folder(name: str, default: Path) -> Path:
    """A folder to write to, made when it is missing; where that fails a passing one, so that the check can be shown."""
    path = Path(text(name) or default)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        problem(name, "is no folder that can be made.", "Name one that exists, or that this account may make.")
        return Path(tempfile.mkdtemp())
    return path


def shown(**_kwargs: Any) -> list[checks.CheckMessage]:
    """The system check: every setting that is missing or malformed, each with what to do."""
    return list(_problems)


def refuse_if_broken() -> None:
    """End the process with plain sentences when a setting is wrong."""
    errors = [message for message in checks.run_checks() if message.level >= checks.ERROR]
    if errors:
        print("\n".join(f"{error.msg} {error.hint or ''}".strip() for error in errors), file=sys.stderr)
        sys.exit(GUNICORN_GIVES_UP)
