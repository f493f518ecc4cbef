"""Configuration: a missing or malformed setting is told in sentences, with what to do, and nothing starts with it."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sorae import mail_servers
from tests.sorae import forks

PROGRAMS = Path(sys.executable).parent

GOOD = {
    "SECRET_KEY": "correct-horse-battery-staple-" * 3,
    "ENCRYPTION_KEYS": "first:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
    "SITE_URL": "http://localhost:8000",
    "KLAVIYO_CLIENT_ID": "sorae",
    "KLAVIYO_CLIENT_SECRET": "kept-to-ourselves",
}
REQUIRED = ["SECRET_KEY", "ENCRYPTION_KEYS", "KLAVIYO_CLIENT_ID", "KLAVIYO_CLIENT_SECRET"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A good environment, to be spoiled."""
    return {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path / "var"), **GOOD}


def run(program: Path, *words: str, env: dict[str, str]) -> tuple[int, str]:
    """The exit status of an installed program, and all that it said. It has some minutes to end by itself."""
    done = subprocess.run(
        [program, *words], cwd=forks.ROOT, env=env, capture_output=True, text=True, timeout=forks.LONGEST_SECONDS
    )
    return done.returncode, done.stdout + done.stderr


def check(env: dict[str, str]) -> str:
    """What `manage.py check` complains of; empty when all is well."""
    status, said = forks.run("manage.py", "check", env=env)
    assert "Traceback" not in said
    assert bool(status) == bool(said.count("ERRORS:")), said
    return said if status else ""


def value(names: str, env: dict[str, str]) -> str:
    """What settings are, separated by spaces."""
    script = f"from sorae import settings as s; print(*(getattr(s, name) for name in {names!r}.split(',')))"
    status, said = forks.run("-c", script, env=env)
    assert status == 0, said
    return said.strip()


def test_a_good_environment_has_no_complaints(env: dict[str, str]) -> None:
    assert check(env) == ""


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_a_hint(env: dict[str, str], name: str) -> None:
    del env[name]
    said = check(env)
    assert re.search(rf"sorae\.{name}\) {name} is not set\.\s+HINT: \w+", said)
    assert said.count("HINT") == 1


def test_everything_that_is_wrong_is_said_at_once(env: dict[str, str]) -> None:
    said = check({name: value for name, value in env.items() if name not in REQUIRED})
    assert [name for name in REQUIRED if f"{name} is not set" not in said] == []


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_setting_is_a_missing_one(env: dict[str, str], empty: str) -> None:
    assert "KLAVIYO_CLIENT_ID is not set" in check(env | {"KLAVIYO_CLIENT_ID": empty})


@pytest.mark.parametrize("name", ["SITE_URL", "KLAVIYO_API_URL", "KLAVIYO_AUTHORIZE_URL"])
def test_an_empty_address_means_the_default(env: dict[str, str], name: str) -> None:
    assert check(env | {name: ""}) == ""


@pytest.mark.parametrize("name", ["SITE_URL", "KLAVIYO_API_URL", "KLAVIYO_AUTHORIZE_URL"])
@pytest.mark.parametrize(
    "value", ["klaviyo", "//a.klaviyo.com", "ftp://a.klaviyo.com", "https://", "https://a:b:c", "https://[::1"]
)
def test_what_is_no_address_is_refused(env: dict[str, str], name: str, value: str) -> None:
    assert f"{name} is not an address" in check(env | {name: value})


@pytest.mark.parametrize("name", ["SITE_URL", "KLAVIYO_API_URL", "KLAVIYO_AUTHORIZE_URL"])
def test_plain_http_is_refused_for_other_machines(env: dict[str, str], name: str) -> None:
    assert f"{name} is plain http" in check(env | {name: "http://example.com"})


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("HTTPS://X.example", "https://x.example"),
        ("https://x.example:443/", "https://x.example"),
        ("https://x.example:8443", "https://x.example:8443"),
        ("https://x.example.", "https://x.example"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://STRA\u00dfE.example", "https://xn--strae-oqa.example"),
        ("https://xn--strae-oqa.example", "https://xn--strae-oqa.example"),
        ("https://\uff58\u3002example", "https://x.example"),
        ("https://[2001:DB8:0::7]", "https://[2001:db8::7]"),
    ],
)
def test_the_site_has_one_spelling_and_all_of_https_follows_from_it(
    env: dict[str, str], told: str, read: str
) -> None:
    names = "SITE_URL,SECURE_SSL_REDIRECT,SESSION_COOKIE_SECURE,CSRF_COOKIE_SECURE,SESSION_COOKIE_NAME"
    site = env | {"SITE_URL": told, "PYTHONUTF8": "1"}
    assert value(names, site) == f"{read} True True True __Host-sessionid"
    assert value("ALLOWED_HOSTS,CSRF_TRUSTED_ORIGINS", site) == (
        f"['{re.sub(r':8443', '', read.removeprefix('https://'))}'] ['{read}']"
    )
    assert check(site) == ""


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("https://x.example/app", "has a path"),
        ("https://x.example/;a", "has a path"),
        ("https://x.example?a=1", "has a query or a fragment"),
        ("https://x.example/#top", "has a query or a fragment"),
        ("https://ann@x.example", "names a user"),
        ("https://ann:secret@x.example", "names a user"),
        ("https://@x.example", "names a user"),
        ("https://*.x.example", "has a wildcard"),
        ("https://*", "has a wildcard"),
        ("https://.x.example", "has a wildcard"),
        ("https://my_site.example", "has a host name that cannot be read"),
        ("https://x..example", "has a host name that cannot be read"),
        ("https://-x.example", "has a host name that cannot be read"),
        ("https://203.0.113", "has a host name that cannot be read"),
        ("https://" + "x" * 64 + ".example", "has a host name that cannot be read"),
        ("https://x.example:0", "is not an address"),
        ("https://x.example:65536", "is not an address"),
        ("https://x.example\\@y.example", "is not an address"),
        ("https://x.example y", "is not an address"),
        ("x.example", "is not an address"),
    ],
)
def test_what_is_more_or_less_than_a_site_is_refused(env: dict[str, str], told: str, sentence: str) -> None:
    said = check(env | {"SITE_URL": told})
    assert f"SITE_URL {sentence}." in said
    assert said.count("HINT") == 1
    assert "secret" not in said


def test_klaviyos_addresses_may_have_a_path_and_nothing_more(env: dict[str, str]) -> None:
    told = env | {"KLAVIYO_AUTHORIZE_URL": "HTTPS://WWW.klaviyo.com:443/OAuth/authorize/"}
    assert value("KLAVIYO_AUTHORIZE_URL", told) == "https://www.klaviyo.com/OAuth/authorize"
    assert "KLAVIYO_API_URL names a user" in check(env | {"KLAVIYO_API_URL": "https://ann@a.klaviyo.com"})


def test_other_hosts_are_read_as_browsers_name_them(env: dict[str, str]) -> None:
    told = env | {"ALLOWED_HOSTS": "B\u00fccher.example .stra\u00dfe.example ::1 [2001:DB8::7] *", "PYTHONUTF8": "1"}
    names = ["xn--bcher-kva.example", ".xn--strae-oqa.example", "[::1]", "[2001:db8::7]", "*"]
    assert value("ALLOWED_HOSTS", told) == str(["localhost", *names])
    for wrong in ("https://x.example", "x.example:8000", "x.example/app", "my_site", "."):
        assert "ALLOWED_HOSTS holds what is no host name" in check(env | {"ALLOWED_HOSTS": wrong})


def test_what_binds_other_hosts_to_https_is_asked_for(env: dict[str, str]) -> None:
    names = "SECURE_HSTS_SECONDS,SECURE_HSTS_INCLUDE_SUBDOMAINS,SECURE_HSTS_PRELOAD"
    https = env | {"SITE_URL": "https://x.example"}
    assert value(names, https) == "31536000 False False"
    assert value(names, https | {"HSTS_SUBDOMAINS": "1"}) == "31536000 True False"
    assert value(names, https | {"HSTS_SUBDOMAINS": "1", "HSTS_PRELOAD": "1"}) == "31536000 True True"
    assert value(names, env | {"HSTS_SUBDOMAINS": "1"}) == "0 False False"
    for short in (https | {"HSTS_PRELOAD": "1"}, env | {"HSTS_SUBDOMAINS": "1", "HSTS_PRELOAD": "1"}):
        assert "HSTS_PRELOAD needs HSTS_SUBDOMAINS=1" in check(short)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765"])
def test_plain_http_is_accepted_on_this_machine(env: dict[str, str], host: str) -> None:
    address = f"http://{host}"
    assert check(env | {"SITE_URL": address, "KLAVIYO_API_URL": address, "KLAVIYO_AUTHORIZE_URL": address}) == ""


@pytest.mark.parametrize(
    "address",
    ["postgres", "mysqldb://x/y", "postgres://user:pass@host:port/name", "https://host/name", "postgres://", "://"],
)
def test_what_is_no_database_is_refused(env: dict[str, str], address: str) -> None:
    assert "DATABASE_URL is not a database address" in check(env | {"DATABASE_URL": address})


POSTGRES = "postgres://sorae:secret@localhost/sorae"


def test_what_a_database_address_says_counts(env: dict[str, str]) -> None:
    def settings(address: str) -> dict[str, Any]:
        return dict(ast.literal_eval(value("DATABASES", env | {"DATABASE_URL": address}))["default"])

    assert (settings(POSTGRES)["CONN_MAX_AGE"], settings(POSTGRES)["CONN_HEALTH_CHECKS"]) == (60, True)
    for told, read in (("0", 0), ("600", 600), ("None", None)):
        for name in ("conn_max_age", "CONN_MAX_AGE"):
            assert settings(f"{POSTGRES}?{name}={told}")["CONN_MAX_AGE"] == read
    more = settings(f"{POSTGRES}?sslmode=require&conn_health_checks=False")
    assert (more["OPTIONS"], more["CONN_HEALTH_CHECKS"]) == ({"sslmode": "require"}, False)
    lite = settings("sqlite:///lite.sqlite3?timeout=5&conn_max_age=7")
    assert lite["CONN_MAX_AGE"] == 7
    assert (lite["OPTIONS"]["timeout"], lite["OPTIONS"]["transaction_mode"]) == (5, "IMMEDIATE")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("conn_max_age=long", "has a conn_max_age that is no number of seconds"),
        ("conn_max_age=-1", "has a conn_max_age that is no number of seconds"),
        ("conn_max_age=True", "has a conn_max_age that is no number of seconds"),
        ("conn_health_checks=maybe", "has conn_health_checks that is neither True nor False"),
        ("atomic_requests=True", "changes what a transaction is"),
        ("autocommit=False", "changes what a transaction is"),
    ],
)
def test_options_that_a_database_cannot_have_are_refused(env: dict[str, str], options: str, sentence: str) -> None:
    said = check(env | {"DATABASE_URL": f"{POSTGRES}?{options}"})
    assert f"DATABASE_URL {sentence}" in said
    assert "secret" not in said
    assert "DATABASE_URL" in check(env | {"DATABASE_URL": "sqlite:///lite.sqlite3?mode=ro"})


@pytest.mark.parametrize("address", ["localhost:6379", "http://localhost:6379", "redis://", "redis://host:port/0"])
def test_what_is_no_redis_is_refused(env: dict[str, str], address: str) -> None:
    assert "REDIS_URL is not a Redis address" in check(env | {"REDIS_URL": address})


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("redis://secret@localhost", "names a user and no password"),
        ("redis://user:@localhost", "names a user and no password"),
        ("redis://:pa#ss@localhost:6379", "is not a Redis address"),
        ("redis://one:6379;redis://two:6379", "is not a Redis address"),
        ("redis://one:6379,two:6379", "is not a Redis address"),
        ("unix:///run/redis.sock", "is not a Redis address"),
        ("redis+socket:///run/redis.sock", "is not a Redis address"),
        ("sentinel://localhost:26379", "is not a Redis address"),
        ("redis://localhost:0", "is not a Redis address"),
        ("redis://localhost/0#1", "is not a Redis address"),
        ("redis://localhost/cache", "does not name a database by its number"),
        ("redis://localhost/1?db=2", "does not name a database by its number"),
        ("redis://localhost?ssl_cert_reqs=required", "has an option that not all read alike: ssl_cert_reqs"),
        ("redis://localhost?socket_timeout=5", "has an option that not all read alike: socket_timeout"),
        ("rediss://localhost?protocol=3", "has an option that not all read alike: protocol"),
        ("rediss://localhost?ssl_cert_reqs=maybe", "has an ssl_cert_reqs that not all read alike"),
        ("rediss://localhost?ssl_check_hostname=maybe", "has an ssl_check_hostname that not all read alike"),
        ("rediss://localhost?ssl_ca_certs=/nowhere/ca.pem", "names a file in ssl_ca_certs that cannot be read"),
    ],
)
def test_a_redis_that_celery_and_the_cache_would_read_differently_is_refused(
    env: dict[str, str], told: str, sentence: str
) -> None:
    said = check(env | {"REDIS_URL": told})
    assert f"REDIS_URL {sentence}" in said
    assert "HINT" in said
    assert "secret@" not in said


REDIS = {  # as told, and what a connection is made with
    "redis://localhost": ("localhost", 6379, 0, None, None, None),
    "REDIS://LOCALHOST/": ("localhost", 6379, 0, None, None, None),
    "redis://:p%40ss%2F@localhost:6380/3": ("localhost", 6380, 3, None, "p@ss/", None),
    "redis://:p@s;s@localhost?db=3": None,
    "redis://user:$ecret%25@localhost/3?db=3": ("localhost", 6379, 3, "user", "$ecret%", None),
    "redis://[::1]:6379/0": ("::1", 6379, 0, None, None, None),
    "rediss://redis.example": ("redis.example", 6379, 0, None, None, "required"),
    "rediss://redis.example:6380/?ssl_cert_reqs=CERT_REQUIRED": ("redis.example", 6380, 0, None, None, "required"),
    "rediss://redis.example:6380/2?ssl_cert_reqs=none": ("redis.example", 6380, 2, None, None, "none"),
    "Rediss://redis.example?ssl_ca_certs=/etc/hosts": ("redis.example", 6379, 0, None, None, "required"),
}


@pytest.mark.parametrize("told", REDIS)
def test_celery_the_cache_the_budgets_and_health_read_a_redis_alike(env: dict[str, str], told: str) -> None:
    script = """
import json, redis
from unittest.mock import patch
from django.conf import settings
from django.core.cache import cache
from integrations import pacing
from integrations.pacing import redis_counters
from sorae.celery import app
MODES = {"required": "required", 2: "required", "none": "none", 0: "none", None: None}
def read(connection):
    found = {name: getattr(connection, name, None) for name in ("host", "port", "db", "username", "password")}
    context = (MODES[getattr(connection, "cert_reqs", None)], getattr(connection, "check_hostname", None))
    return [*found.values(), *context, getattr(connection, "ca_certs", None)]
with app.connection_for_write() as broker, patch.object(redis.Redis, "ping"):
    found = [broker.default_channel.pool.make_connection()]
for client in (
    cache._cache.get_client(None, write=True),
    redis_counters.at(settings.REDIS_URL, pacing._memory)._client,
    redis.Redis.from_url(settings.REDIS_URL),
):
    found.append(client.connection_pool.make_connection())
print(json.dumps([read(connection) for connection in found]))
"""
    env = env | {"REDIS_URL": told, "DJANGO_SETTINGS_MODULE": "sorae.settings"}
    if REDIS[told] is None:
        assert "REDIS_URL" in check(env)
        return
    status, said = forks.run("-c", f"import django; django.setup()\n{script}", env=env)
    assert status == 0, said
    celerys, *others = json.loads(said)
    assert [celerys] * 3 == others
    assert tuple(celerys[:6]) == REDIS[told]
    assert celerys[7] in {None, celerys[5] == "required"}
    assert bool(celerys[8]) == ("ca_certs" in told)


def test_behind_a_proxy_one_proxy_is_trusted_unless_another_number_is_given(env: dict[str, str]) -> None:
    behind = env | {"BEHIND_TLS_PROXY": "1"}
    assert value("TRUSTED_PROXIES", env) == "0"
    assert value("TRUSTED_PROXIES", behind) == "1"
    assert value("TRUSTED_PROXIES", behind | {"TRUSTED_PROXIES": " "}) == "1"
    assert value("TRUSTED_PROXIES", behind | {"TRUSTED_PROXIES": "2"}) == "2"


@pytest.mark.parametrize("database", ["sqlite:///{}/new.sqlite3", "postgres://sorae@127.0.0.1:9/sorae"])
def test_a_command_without_its_tables_says_what_to_do(env: dict[str, str], tmp_path: Path, database: str) -> None:
    words = ("manage.py", "backfill", "--store", "tea-house")
    status, said = forks.run(*words, env=env | {"DATABASE_URL": database.format(tmp_path)})
    assert status == 1
    assert "manage.py migrate" in said
    assert "Traceback" not in said


def test_trusting_no_proxy_behind_one_is_warned_of(env: dict[str, str]) -> None:
    words = ("manage.py", "check")
    status, said = forks.run(*words, env=env | {"BEHIND_TLS_PROXY": "1", "TRUSTED_PROXIES": "0"})
    assert status == 0
    assert "TRUSTED_PROXIES is 0 although BEHIND_TLS_PROXY is set" in said
    assert "HINT: Leave it out (1)" in said
    assert "WARNINGS" not in forks.run(*words, env=env | {"TRUSTED_PROXIES": "0"})[1]


NUMBERS = [
    "TRUSTED_PROXIES",
    "RETAIN_ATTEMPTS_DAYS",
    "WORKERS_AT_MOST",
    "MAIL_PER_PERSON_AND_WEEK",
    "MAIL_PER_ADVOCATE_AND_DAY",
    "MAIL_PER_DOMAIN_AND_HOUR",
]


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_to_count_by_is_refused(env: dict[str, str], name: str) -> None:
    for number in ("9" * 5_000, "0" * 5_000, "1" * 10):
        assert f"{name} is out of range" in check(env | {name: number})
    for number in ("-1", "1.5", "many", "٣", "²"):
        assert f"{name} is not a whole number" in check(env | {name: number})
    assert check(env | {name: "8"}) == ""


@pytest.mark.parametrize("name", NUMBERS[1:])
def test_a_limit_that_lets_nothing_through_is_refused(env: dict[str, str], name: str) -> None:
    assert f"{name} is out of range" in check(env | {name: "0"})


MAIL_FROM = {"MAIL_FROM": "invites@referrals.example.com"}


@pytest.mark.parametrize(
    ("address", "port", "is_tls", "is_ssl"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp+tls://user:p%40ss@mail.example.com", 587, True, False),
        ("smtp+tls://mail.example.com:2525", 2525, True, False),
        ("smtp+ssl://user:p%40ss@mail.example.com", 465, False, True),
        ("smtp+ssl://[::1]:4650", 4650, False, True),
    ],
)
def test_each_kind_of_mail_server_has_its_usual_port(address: str, port: int, is_tls: bool, is_ssl: bool) -> None:
    read = mail_servers.read(address, Path())
    assert read is not None
    assert (read["EMAIL_PORT"], read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"]) == (port, is_tls, is_ssl)
    assert read["EMAIL_HOST_PASSWORD"] == ("p@ss" if "user" in address else "")


def test_a_mail_server_is_set_up_as_its_address_says(env: dict[str, str]) -> None:
    with_mail = env | MAIL_FROM | {"EMAIL_URL": "smtp+ssl://user:secret@mail.example.com"}
    assert check(with_mail) == ""
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_SSL", "EMAIL_USE_TLS", "DEFAULT_FROM_EMAIL")
    assert value(",".join(names), with_mail) == f"mail.example.com 465 True False {MAIL_FROM['MAIL_FROM']}"


@pytest.mark.parametrize(
    "address",
    [
        "mail.example.com",
        "smtp://",
        "http://mail.example.com",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com:0",
        "smtp://mail.example.com:" + "9" * 5_000,
        "smtp://[::1",
        "smtp+ssl://mail.example.com?EMAIL_USE_TLS=1",
        "consolemail://",
        "file",
    ],
)
def test_what_is_no_mail_server_is_refused(env: dict[str, str], address: str) -> None:
    said = check(env | MAIL_FROM | {"EMAIL_URL": address})
    assert "EMAIL_URL is not the address of a mail server" in said
    assert said.count("HINT") == 1


def test_a_mail_server_needs_somebody_whom_mail_comes_from(env: dict[str, str]) -> None:
    said = check(env | {"EMAIL_URL": "smtp+tls://mail.example.com"})
    assert re.search(r"MAIL_FROM is not set\.\s+HINT: E-mail goes out by EMAIL_URL", said)
    assert check(env | {"EMAIL_URL": "files"}) == ""
    assert check(env | MAIL_FROM) == ""
    assert "MAIL_FROM is not an e-mail address" in check(env | {"MAIL_FROM": "Sorae"})


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n"])
def test_several_values_are_separated_by_spaces_or_commas(env: dict[str, str], between: str) -> None:
    for name in ("SECRET_KEY_FALLBACKS", "ALLOWED_HOSTS"):
        said = value(name, env | {name: f"one{between}two{between}"})
        assert said.endswith("'one', 'two']"), said


def test_with_redis_all_processes_share_one_cache(env: dict[str, str]) -> None:
    assert "locmem" in value("CACHES", env)
    assert "sorae.cache.ForgetfulRedisCache" in value("CACHES", env | {"REDIS_URL": "redis://localhost:6379/0"})


@pytest.mark.parametrize("keys", ["not-a-key", "first:c2hvcnQ=", "first:%%%", ":QUJD", "a:QQ==,a:QQ=="])
def test_malformed_encryption_keys_are_refused_and_not_repeated(env: dict[str, str], keys: str) -> None:
    said = check(env | {"ENCRYPTION_KEYS": keys})
    assert "ENCRYPTION_KEYS" in said
    assert "HINT" in said
    assert keys not in said


def test_a_token_that_could_be_guessed_is_refused_and_not_repeated(env: dict[str, str], tmp_path: Path) -> None:
    for token in ("abc123", "ü" * 40):
        said = check(env | {"METRICS_TOKEN": token})
        assert "METRICS_TOKEN is shorter than 20 plain characters" in said
        assert token not in said
    (tmp_path / "token").write_text("x" * 40 + "\n")
    assert value("METRICS_TOKEN", env | {"METRICS_TOKEN_FILE": str(tmp_path / "token")}) == "x" * 40


def test_bodies_are_kept_for_longer_than_the_week_by_which_mail_is_limited(env: dict[str, str]) -> None:
    assert "RETAIN_BODIES_DAYS is out of range" in check(env | {"RETAIN_BODIES_DAYS": "7"})
    assert value("RETAIN_BODIES_DAYS,RETAIN_ATTEMPTS_DAYS", env) == "14 90"


def test_each_of_those_who_are_told_has_an_address(env: dict[str, str]) -> None:
    said = value("ADMINS", env | {"ADMINS": "ann@example.com, ben@example.com"})
    assert said == "[('', 'ann@example.com'), ('', 'ben@example.com')]"
    assert "ADMINS is not an e-mail address" in check(env | {"ADMINS": "ann@example.com ben"})
    assert value("ADMINS", env) == "[]"


def test_a_log_is_lines_or_json(env: dict[str, str]) -> None:
    assert value("LOG_FORMAT", env) == "line"
    assert value("LOG_FORMAT", env | {"LOG_FORMAT": "JSON"}) == "json"
    assert "LOG_FORMAT is not one of line, json" in check(env | {"LOG_FORMAT": "xml"})


def test_with_json_every_line_of_a_server_is_an_object(env: dict[str, str]) -> None:
    log_something = (
        "import logging; from sorae import wsgi; logging.getLogger('gunicorn.error').warning('to %s', 'a@b.example')"
    )
    with_json = env | {"LOG_FORMAT": "json", "DJANGO_SETTINGS_MODULE": "sorae.settings"}
    status, said = forks.run("-c", log_something, env=with_json)
    assert status == 0, said
    assert json.loads(said)["message"] == "to …@…"


def test_messages_are_taken_as_they_must_be(env: dict[str, str]) -> None:
    """They only wake workers up: none is kept for later, none is tried again, nobody waits long for a broker."""
    script = """
import json
from sorae.celery import app
names = ("task_acks_late", "task_reject_on_worker_lost", "task_ignore_result", "result_backend", "worker_pool",
         "task_publish_retry", "worker_prefetch_multiplier", "worker_disable_prefetch", "accept_content",
         "broker_connection_max_retries", "broker_transport_options")
print(json.dumps({name: app.conf[name] for name in names}))
"""
    status, said = forks.run("-c", script, env=env | {"REDIS_URL": "redis://localhost:6379/0"})
    assert status == 0, said
    conf = json.loads(said)
    options = conf.pop("broker_transport_options")
    assert (options["visibility_timeout"], options["socket_connect_timeout"], options["socket_timeout"]) == (300, 1, 5)
    assert conf == {
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "task_ignore_result": True,
        "result_backend": None,
        "worker_pool": "threads",
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "accept_content": ["json"],
        "broker_connection_max_retries": None,
    }


def test_an_unknown_log_level_is_refused(env: dict[str, str]) -> None:
    assert "LOG_LEVEL" in check(env | {"LOG_LEVEL": "loud"})


def test_a_folder_that_cannot_be_made_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "VAR_DIR" in check(env | {"VAR_DIR": str(tmp_path / "file" / "var")})


@pytest.mark.parametrize("name", REQUIRED)
def test_every_setting_may_come_from_a_file(env: dict[str, str], name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(env.pop(name) + "\n")
    assert check(env | {f"{name}_FILE": str(secret)}) == ""


TEXTS = {
    "SECRET_KEY": "$k" + GOOD["SECRET_KEY"],
    "SECRET_KEY_FALLBACKS": "$HOME",
    "KLAVIYO_CLIENT_ID": "$$id",
    "KLAVIYO_CLIENT_SECRET": r"\$PATH",
    "METRICS_TOKEN": "${PATH}" + "x" * 20,
    "DATABASE_URL": "postgres://sorae:$PATH@localhost/sorae",
    "REDIS_URL": "redis://:$PATH@localhost:6379/0",
    "EMAIL_URL": "smtp://ann:$PATH@localhost",
    "VAR_DIR": "{}/$PATH",
}


@pytest.mark.parametrize("way", ["", "_FILE"])
def test_a_value_is_what_it_says_whatever_it_begins_with(env: dict[str, str], tmp_path: Path, way: str) -> None:
    """For some readers of the environment a `$` begins another variable's name."""
    told = {name: text.replace("{}", str(tmp_path)) for name, text in TEXTS.items()} | MAIL_FROM
    if way:
        for name, text in told.items():
            (tmp_path / name).write_text(text + "\n")
    names = "SECRET_KEY,SECRET_KEY_FALLBACKS,KLAVIYO_CLIENT_ID,KLAVIYO_CLIENT_SECRET,METRICS_TOKEN,VAR_DIR"
    with_them = {name: text for name, text in env.items() if name not in told} | {
        name + way: str(tmp_path / name) if way else text for name, text in told.items()
    }
    read = dict(zip(names.split(","), value(names, with_them).split(" "), strict=True))
    assert read == {name: told[name] for name in names.split(",")} | {"SECRET_KEY_FALLBACKS": "['$HOME']"}
    for name in ("EMAIL_HOST_PASSWORD", "DATABASES"):
        assert "$PATH" in value(name, with_them)
    assert value("REDIS_URL", with_them) == "redis://:%24PATH@localhost:6379/0"
    assert check(with_them) == ""


@pytest.mark.parametrize("name", [*NUMBERS, "SITE_URL", "LOG_LEVEL", "ENCRYPTION_KEYS", "ADMINS", "DATABASE_URL"])
def test_no_setting_is_another_ones_value(env: dict[str, str], name: str) -> None:
    assert name in check(env | {name: "$GOOD", "GOOD": GOOD.get(name, "8")})


def test_a_file_that_cannot_be_read_is_named(env: dict[str, str], tmp_path: Path) -> None:
    env.pop("KLAVIYO_CLIENT_SECRET")
    said = check(env | {"KLAVIYO_CLIENT_SECRET_FILE": str(tmp_path / "nothing")})
    assert "KLAVIYO_CLIENT_SECRET_FILE names a file that cannot be read" in said


def test_a_file_that_is_no_text_is_named(env: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xff\xfe\x00")
    env.pop("KLAVIYO_CLIENT_SECRET")
    said = check(env | {"KLAVIYO_CLIENT_SECRET_FILE": str(secret)})
    assert "KLAVIYO_CLIENT_SECRET_FILE names a file that cannot be read" in said


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "sorae.wsgi", "--bind", "127.0.0.1:0"],
        ["gunicorn", "sorae.wsgi", "--bind", "127.0.0.1:0", "--preload"],
        ["celery", "-A", "sorae", "worker"],
        ["celery", "-A", "sorae", "beat"],
    ],
    ids=" ".join,
)
def test_nothing_starts_with_a_broken_configuration(env: dict[str, str], command: list[str]) -> None:
    del env["KLAVIYO_CLIENT_SECRET"]
    status, said = run(PROGRAMS / command[0], *command[1:], env=env)
    assert status != 0
    assert "KLAVIYO_CLIENT_SECRET is not set. Klaviyo shows it once" in said
    assert "Traceback" not in said
