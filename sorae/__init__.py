"""Names the apps: settings, addresses and the Celery app."""

from sorae.celery import app as celery_app

__all__ = ["celery_app"]
