"""Configuration: a missing or malformed setting is told in sentences, with what to do, and nothing starts with it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sorae import configuration, mail_servers
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


def test_the_site_has_one_spelling_and_all_of_https_follows_from_it(env: dict[str, str]) -> None:
    site = env | {"SITE_URL": "HTTPS://Stra\u00dfe.example:443/", "ALLOWED_HOSTS": "B\u00fccher.example [2001:DB8::7]"}
    names = "SITE_URL,SECURE_SSL_REDIRECT,SESSION_COOKIE_SECURE,CSRF_COOKIE_SECURE,SESSION_COOKIE_NAME"
    assert value(names, site | {"PYTHONUTF8": "1"}) == "https://xn--strae-oqa.example True True True __Host-sessionid"
    hosts = "['xn--strae-oqa.example', 'xn--bcher-kva.example', '[2001:db8::7]'] ['https://xn--strae-oqa.example']"
    assert value("ALLOWED_HOSTS,CSRF_TRUSTED_ORIGINS", site | {"PYTHONUTF8": "1"}) == hosts
    assert value("ALLOWED_HOSTS", env | {"SITE_URL": "http://[::1]:8765"}) == "['[::1]']"


def test_every_address_that_is_wrong_is_named_with_what_to_do(env: dict[str, str]) -> None:
    wrong = {
        "SITE_URL": "https://ann:secret@x.example/app",
        "ALLOWED_HOSTS": "https://y.example",
        "KLAVIYO_API_URL": "https://a.klaviyo.com?a=secret",
        "REDIS_URL": "redis://secret@localhost",
        "DATABASE_URL": "postgres://sorae:secret@localhost/sorae?conn_max_age=long",
    }
    said = check(env | wrong)
    assert said.count("HINT") == len(wrong)
    assert [name for name in wrong if f"sorae.{name})" not in said] == []
    assert "secret" not in said


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


@pytest.mark.parametrize("address", ["localhost:6379", "http://localhost:6379", "redis://", "redis://host:port/0"])
def test_what_is_no_redis_is_refused(env: dict[str, str], address: str) -> None:
    assert "REDIS_URL is not a Redis address" in check(env | {"REDIS_URL": address})


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


def test_a_mail_server_is_looked_for_by_its_name_in_ascii() -> None:
    read = mail_servers.read("smtp://stra\u00dfe.example", Path()) or {}
    assert read["EMAIL_HOST"] == "xn--strae-oqa.example"


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
    assert value("ADMINS", env | {"ADMINS": "ann@\U0001f4a9.la"}) == "[('', 'ann@xn--ls8h.la')]"
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
            (tmp_path / name).write_bytes(f"\ufeff{text}\r\n".encode())  # as some editors write it
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


@pytest.mark.parametrize("name", ["HOLD_MESSAGES", "BEHIND_TLS_PROXY", "DEBUG"])
def test_what_is_neither_on_nor_off_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for off, messages would go out that were to be held."""
    for told, is_on in (("1", True), (" On ", True), ("YES", True), ("0", False), ("off", False), ("", False)):
        monkeypatch.setattr(configuration, "_problems", [])
        monkeypatch.setenv(name, told)
        assert (configuration.flag(name), configuration.shown()) == (is_on, [])
    for told in ("y", "enabled", '"1"', "2", "ture", "1."):
        monkeypatch.setattr(configuration, "_problems", [])
        monkeypatch.setenv(name, told)
        configuration.flag(name)
        assert [one.msg for one in configuration.shown()] == [f"{name} is neither on nor off."], told
