"""Registry of the parts of the product that answer calls. It holds names: a part is imported with the first call.

A part is a module with `endpoints()`, all of its `Endpoint`s, and `described()`, its lines of the document.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, cast

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from integrations.api.document import Described
    from integrations.api.endpoint import Endpoint


class Part(Protocol):
    def endpoints(self) -> "Iterable[Endpoint]": ...

    def described(self) -> "Iterable[Described]": ...


_parts: list[str] = ["integrations.api.document"]


def register(module: str) -> None:
    """Add a part by its module's name; called once, by an app's `ready`."""
    if module not in _parts:
        _parts.append(module)


def parts() -> list[str]:
    return list(_parts)


def endpoints() -> "list[Endpoint]":
    return [endpoint for name in _parts for endpoint in _functions(name).endpoints()]


def described() -> "list[Described]":
    return [line for name in _parts for line in _functions(name).described()]


def _functions(name: str) -> Part:
    class Found:
        endpoints = staticmethod(import_string(f"{name}.endpoints"))
        described = staticmethod(import_string(f"{name}.described"))

    return cast(Part, Found)
