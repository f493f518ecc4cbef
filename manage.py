#!/usr/bin/env python
"""Django's command line for this project."""

import atexit
import gc
import os
import sys

from django.core.management import execute_from_command_line
from django.db import Error

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")
    # Python looks for garbage among all modules as it ends, which is a fifth of what a short command costs.
    # https://docs.python.org/3/library/gc.html#gc.freeze
    atexit.register(gc.freeze)
    try:
        execute_from_command_line(sys.argv)
    except Error as error:
        sys.exit(
            f"The database cannot be used as it is ({type(error).__name__}). "
            "See that DATABASE_URL is right and that it runs; then: manage.py migrate"
        )
