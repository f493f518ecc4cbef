"""The Celery app, imported with the first message: it takes its time, which most commands need not spend."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from celery import Celery


def app() -> "Celery":
    """The site's own, as its settings name it."""
    found: Celery = import_string(settings.MESSAGING_APP)
    return found
