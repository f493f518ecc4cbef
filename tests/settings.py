"""The product's settings with what a test run brings: keys of its own, and a folder that is thrown away."""

import os
import tempfile

os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="sorae-tests-"))
os.environ.setdefault("SECRET_KEY", "test-" + "0123456789abcdef" * 4)
os.environ.setdefault("ENCRYPTION_KEYS", "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("SITE_URL", "http://localhost:8000")
os.environ.setdefault("KLAVIYO_CLIENT_ID", "sorae-tests")
os.environ.setdefault("KLAVIYO_CLIENT_SECRET", "sorae-tests-secret")
os.environ.setdefault("KLAVIYO_API_URL", "http://127.0.0.1:9")
os.environ.setdefault("KLAVIYO_AUTHORIZE_URL", "http://127.0.0.1:9/oauth/authorize")

from sorae.settings import *  # noqa: F403  (the environment comes first)

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = os.environ.get("REDIS_URL") or "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "tests.sqlite3")}  # noqa: F405  (a file, as in production)
WHITENOISE_AUTOREFRESH = True  # else each of Django's test clients looks through all static files when it is made
