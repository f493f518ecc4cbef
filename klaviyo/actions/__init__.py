"""Every action on Klaviyo, declared once: callable from Python, the command line, HTTP and the admin."""

from integrations.api.outcome import Outcome, Problem
from klaviyo.actions.catalogue import NoSuchAction, find, names
from klaviyo.actions.checking import BadInput
from klaviyo.actions.record import By
from klaviyo.actions.run import Broken, How, Page, run, stream

__all__ = [
    "BadInput",
    "Broken",
    "By",
    "How",
    "NoSuchAction",
    "Outcome",
    "Page",
    "Problem",
    "find",
    "names",
    "run",
    "stream",
]
