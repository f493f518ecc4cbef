"""Names the apps: settings, addresses and the Celery app."""

from sorae.celery import app as celery_app

__all__ = ["VERSION", "celery_app"]

VERSION = "0.1.0"  # as in pyproject.toml
