"""The Django project: settings, URLs and the Celery app (`sorae.celery`), which is imported where messages are sent."""

import gc
import sys

VERSION = "0.1.0"  # as in pyproject.toml

# Rows come in thousands here. Looking for garbage after every 700 new objects would take a third of a backfill's time.
gc.set_threshold(10_000, 20, 20)  # https://docs.python.org/3/library/gc.html#gc.set_threshold

# A thread whose answer has come goes on at once, also beside one that is packing a thousand events.
sys.setswitchinterval(0.001)  # https://docs.python.org/3/library/sys.html#sys.setswitchinterval
