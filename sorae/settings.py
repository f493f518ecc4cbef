"""All settings, read from the environment; `.env.example` documents each."""

import os
from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from sorae import configuration, web_addresses
from sorae.messages import ONCE

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = configuration.folder("VAR_DIR", BASE_DIR / "var")

# --- The site ---------------------------------------------------------------------------------

DEBUG = configuration.flag("DEBUG")
SECRET_KEY = configuration.secret_key()
SECRET_KEY_FALLBACKS = configuration.words("SECRET_KEY_FALLBACKS")
SITE_URL = configuration.url("SITE_URL", "http://localhost:8000")
IS_HTTPS = SITE_URL.startswith("https://")
ALLOWED_HOSTS = [web_addresses.host(SITE_URL), *configuration.hosts("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "sorae.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "sorae.apps.SoraeConfig",
    "referrals",
    "integrations",
    "klaviyo",
]

MIDDLEWARE = [
    "sorae.probes.AnyHost",
    "django.middleware.security.SecurityMiddleware",
    "sorae.api_calls.Straight",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sorae.zones.OperatorZone",
]

ROOT_URLCONF = "sorae.urls"
WSGI_APPLICATION = "sorae.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["sorae.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "sorae.static_files.HashedStaticFiles"},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # also where a `next` that leads elsewhere is refused

# There are no plugins to look for among all installed packages, which each program would do that reads inputs.
# https://docs.pydantic.dev/latest/concepts/plugins/
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# --- Connections and Klaviyo ----------------------------------------------------------------------

ENCRYPTION_KEYS = configuration.required(
    "ENCRYPTION_KEYS", "Make one with: manage.py rotate_encryption_keys --new-key; newest first, separated by commas."
)
KLAVIYO_CLIENT_ID = configuration.required("KLAVIYO_CLIENT_ID", "Copy it from your app's page at Klaviyo.")
KLAVIYO_CLIENT_SECRET = configuration.required(
    "KLAVIYO_CLIENT_SECRET", "Klaviyo shows it once, when the app is made; put it in a file and name it here."
)
KLAVIYO_BULK_FROM = configuration.number("KLAVIYO_BULK_FROM", 200)
KLAVIYO_API_URL = configuration.url("KLAVIYO_API_URL", "https://a.klaviyo.com", has_path=True)
KLAVIYO_AUTHORIZE_URL = configuration.url(
    "KLAVIYO_AUTHORIZE_URL", "https://www.klaviyo.com/oauth/authorize", has_path=True
)

# --- Sorae's own e-mail: invites of programs that do not go through Klaviyo ------------------------

_mail = configuration.mail("EMAIL_URL", VAR_DIR / "mail")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH")
EMAIL_HOST = _mail.get("EMAIL_HOST", "")
EMAIL_PORT = _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = _mail.get("EMAIL_TIMEOUT")
DEFAULT_FROM_EMAIL = configuration.sender("MAIL_FROM", "invites@sorae.invalid", is_needed="EMAIL_HOST" in _mail)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
NOTICE_NETWORKS = configuration.networks("NOTICE_NETWORKS")
ADMINS = [("", address) for address in configuration.addresses("ADMINS")]
MAIL_PER_PERSON_AND_WEEK = configuration.number("MAIL_PER_PERSON_AND_WEEK", 3, least=1)
MAIL_PER_ADVOCATE_AND_DAY = configuration.number("MAIL_PER_ADVOCATE_AND_DAY", 50, least=1)
MAIL_PER_DOMAIN_AND_HOUR = configuration.number("MAIL_PER_DOMAIN_AND_HOUR", 1000, least=1)

HOLD_MESSAGES = configuration.flag("HOLD_MESSAGES")

# --- Safety: https settings follow SITE_URL -----------------------------------------------------

SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health(/|$)", r"^metrics$"]  # asked from inside, where no proxy ends TLS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
# Both bind hosts that are not ours, and browsers keep to it for a year: https://hstspreload.org/
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS and configuration.flag("HSTS_SUBDOMAINS")
SECURE_HSTS_PRELOAD = configuration.preload("HSTS_PRELOAD", is_possible=SECURE_HSTS_INCLUDE_SUBDOMAINS)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # of `check --deploy`: that those two are off
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_TLS_PROXY = configuration.flag("BEHIND_TLS_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
TRUSTED_PROXIES = configuration.proxies("TRUSTED_PROXIES", is_behind_one=BEHIND_TLS_PROXY)
# A browser takes a __Host- cookie over https from this very host only, so that no neighbour can plant one:
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_PREFIX}sessionid", f"{_PREFIX}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would lose the session on the way back from a consent screen
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],  # also what a form's answer leads on to: see the page that Connect answers with
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Real parts: database, cache and broker -----------------------------------------------------

DATABASES = {"default": configuration.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'sorae.sqlite3'}")}
# What syncs may read by SQL, and nothing else: each is asked over a connection of its own, not as one of DATABASES.
SYNC_DATABASES = configuration.named_databases("SYNC_DATABASE_URL_NAME")
SYNC_FOLDERS = configuration.words("SYNC_FOLDERS")
REDIS_URL = configuration.redis("REDIS_URL")
WORKERS_AT_MOST = configuration.number("WORKERS_AT_MOST", 4, least=1)

CACHES: dict[str, dict[str, object]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "sorae.cache.ForgetfulRedisCache",
        "LOCATION": [REDIS_URL],  # a list, as commas would part a text
        "KEY_PREFIX": "sorae:cache",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }

MESSAGING_APP = "sorae.celery.app"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Names and meanings: https://docs.celeryq.dev/en/stable/userguide/configuration.html
CELERY_TASK_ACKS_LATE = False  # messages are wake-ups: losing one costs a sweep, repeating one costs work
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # what a dead worker held comes back by its lease
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = bool(REDIS_URL)  # a wake-up goes to who is free; Celery 5.7 can only with Redis
# Threads share budgets, connections to Klaviyo and the wish to stop. They cannot be killed, so Celery's time limits
# and limits of tasks or memory for each child would do nothing: every request has a deadline of its own instead.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# SIGTERM (warm shutdown): what is under way is finished, nothing else is begun (integrations.shutdown). SIGQUIT (soft)
# gives it 20 s. https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
# Whoever can write to the broker could end or change workers by it; signals, and `drain --check`, need it not.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for as long as the broker is away
# A Redis that answers READONLY, OOM, MISCONF or NOREPLICAS is waited for as well; without this a worker would end.
# https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-channel-error-retry
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_DEFAULT_QUEUE = "low"  # the queues themselves are in sorae.celery
CELERY_TASK_ROUTES = {"integrations.tasks.drain": "deliveries"} | dict.fromkeys(
    (
        "integrations.tasks.renew",
        "integrations.tasks.revoke",
        "integrations.tasks.sweep",
        "integrations.tasks.tidy",
        "klaviyo.tasks.heed",  # a person's no does not wait behind deliveries
        "klaviyo.tasks.tell_noes",
    ),
    "auth",
)
# Celery closes a thread's connection to the database before and after each task, or after so many; see sorae.celery.
CELERY_DB_REUSE_MAX = 2**62
CELERY_RESULT_EXPIRES = None  # there are no results, so beat need not ask for them to be cleared up
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
        "visibility_timeout": 300,
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
        "health_check_interval": 25,
        "global_keyprefix": "sorae:",
        "max_retries": 0,  # of one message: a broker that is away must not hold up a web request
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
else:
    _broker = VAR_DIR / "broker"
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "messages"),
        "data_folder_out": str(_broker / "messages"),
        "control_folder": str(_broker / "control"),
        "polling_interval": 0.05,
    }
    for _folder in ("messages", "control"):
        (_broker / _folder).mkdir(parents=True, exist_ok=True)

CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
PERIODIC_TASKS = {  # for beat, and for `drain --loop`, which does without a broker
    "integrations.tasks.sweep": timedelta(seconds=2),
    "integrations.tasks.tidy": timedelta(seconds=6),
    "referrals.tasks.count_visits": timedelta(seconds=2),
    "referrals.tasks.carry_out": timedelta(seconds=2),
    "integrations.tasks.renew": timedelta(minutes=1),
    "integrations.tasks.revoke": timedelta(seconds=30),
    "referrals.tasks.remind": timedelta(minutes=1),
    "klaviyo.tasks.heed": timedelta(seconds=10),
    "klaviyo.tasks.repeat_erasures": timedelta(minutes=1),
    "klaviyo.tasks.end_runs": timedelta(minutes=1),
    "klaviyo.tasks.run_actions": timedelta(seconds=5),
    "klaviyo.tasks.look_at_imports": timedelta(seconds=2),
    "klaviyo.tasks.tell_noes": timedelta(seconds=2),
    "klaviyo.tasks.backfill": timedelta(seconds=5),
    "klaviyo.tasks.sync": timedelta(seconds=5),
    "klaviyo.tasks.watch": timedelta(seconds=30),
    "klaviyo.tasks.confirm": timedelta(seconds=30),
    "klaviyo.tasks.read_lists": timedelta(seconds=2),
    "integrations.tasks.watch_needs": timedelta(seconds=15),
    "integrations.tasks.send_notices": timedelta(seconds=5),
    "klaviyo.tasks.read_flows": timedelta(seconds=5),
    "klaviyo.tasks.make_kits": timedelta(seconds=2),
    "integrations.tasks.probe": timedelta(minutes=10),
    "integrations.tasks.forget": timedelta(minutes=10),
    "integrations.tasks.count_days": timedelta(minutes=1),
    "referrals.tasks.forget": timedelta(minutes=10),
}
_CLOCKS_DIFFER = timedelta(seconds=30)  # expiry is told by the sender's clock and read by the worker's


def _periodic(task: str, every: timedelta) -> dict[str, object]:
    """How beat asks for a task. While workers are away one message of it waits, always the last: see sorae.messages.

    It is good until the next one comes: https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
    """
    good_for = max(every, _CLOCKS_DIFFER).total_seconds()
    return {"task": task, "schedule": every, "options": {"expires": good_for, "headers": {ONCE: task}}}


CELERY_BEAT_SCHEDULE = {task: _periodic(task, every) for task, every in PERIODIC_TASKS.items()}

# --- How long things are kept, and who may read the figures ------------------------------------------

RETAIN_BODIES_DAYS = configuration.number("RETAIN_BODIES_DAYS", 14, least=8)  # mail is limited by person and week
RETAIN_ATTEMPTS_DAYS = configuration.number("RETAIN_ATTEMPTS_DAYS", 90, least=8)
METRICS_TOKEN = configuration.token("METRICS_TOKEN")

# --- Logs: to standard error, without people, tokens or links of one person ------------------------

LOG_LEVEL = configuration.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = configuration.choice("LOG_FORMAT", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "sorae.logs.Line"}, "json": {"()": "sorae.logs.Json"}},
    "filters": {"without links": {"()": "sorae.logs.WithoutLinks"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["without links"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {},  # without Django's own e-mails to ADMINS, which show requests
        "django.request": {"filters": ["without links"]},  # for whatever else listens, such as an error tracker
        # Below WARNING these print access and refresh tokens, or addresses with people in their query.
        "requests_oauthlib": {"level": "WARNING"},
        "oauthlib": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
