"""Every action on Klaviyo, declared once: callable from Python, the command line, HTTP and the admin.

What is named here is imported when it is first asked for: whoever only needs names of actions waits for no models.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.api.outcome import Outcome, Problem
    from klaviyo.actions.catalogue import NoSuchAction, find, names
    from klaviyo.actions.checking import BadInput
    from klaviyo.actions.record import By
    from klaviyo.actions.run import Broken, Page, run, stream

__all__ = ["BadInput", "Broken", "By", "NoSuchAction", "Outcome", "Page", "Problem", "find", "names", "run", "stream"]

_PLACES = {
    "integrations.api.outcome": ("Outcome", "Problem"),
    "klaviyo.actions.catalogue": ("NoSuchAction", "find", "names"),
    "klaviyo.actions.checking": ("BadInput",),
    "klaviyo.actions.record": ("By",),
}


def __getattr__(name: str) -> Any:
    """https://peps.python.org/pep-0562/"""
    if name not in __all__:
        raise AttributeError(name)
    place = next((place for place, names in _PLACES.items() if name in names), "klaviyo.actions.run")
    found = getattr(import_module(place), name)
    globals()[name] = found
    return found
