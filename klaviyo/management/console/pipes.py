"""Pipes: whoever reads what is printed may go away before its end."""

import os
from typing import Any


def forget_the_reader(stdout: Any) -> None:
    """Whoever read has gone, which is no fault; what is left unwritten must not fail when Python ends.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    try:
        number = stdout.fileno()
    except (OSError, ValueError):
        return  # in a test, which has no file
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
