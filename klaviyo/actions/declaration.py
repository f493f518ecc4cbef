"""Declaration of an action: one function whose input is a typed model, and the operations that it asks Klaviyo.

From it come the call from Python, the command, the HTTP address with its document, and the form.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from klaviyo.action_groups import GROUP_OF
from klaviyo.actions.inputs import Inputs, Listing
from klaviyo.actions.task import Task
from klaviyo.api import published
from klaviyo.api.published import Published

REGISTRY: dict[str, "Action"] = {}

Do = Callable[[Task, Any], Any]
Asks = str | Callable[[Any], str]  # the question itself, or what asks it of an input


@dataclass(frozen=True)
class Action:
    """One action.

    `operations` are asked always, `sometimes` only where they are needed; `seeds` are its names in other products;
    `asks` is the question before what cannot be taken back (empty: it does not ask); `reaches` says that it can create
    or reach a person; `at_once` that the operation must not be repeated after an answer that did not come.
    """

    name: str
    group: str
    do: Do
    inputs: type[Inputs]
    operations: tuple[str, ...]
    sometimes: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    asks: Asks = ""
    reaches: bool = False
    examples: tuple[dict[str, Any], ...] = field(default=())

    @cached_property
    def summary(self) -> str:
        """Its first sentence, for help, form and document."""
        return inspect.getdoc(self.do).partition("\n")[0] if self.do.__doc__ else ""  # type: ignore[union-attr]

    @cached_property
    def description(self) -> str:
        return inspect.getdoc(self.do) or ""

    def question(self, given: Inputs) -> str:
        """What to ask before it is done with this input; empty where it asks nothing."""
        return self.asks(given) if callable(self.asks) else self.asks

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def is_listing(self) -> bool:
        """Whether its answer has pages."""
        return issubclass(self.inputs, Listing)

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        asked = [published.find(id) for id in (*self.sometimes, *self.operations)]
        return all(one.operation.method == "GET" or one.id in ASKS_ONLY for one in asked)

    @property
    def published(self) -> tuple[Published, ...]:
        """The operations that are asked always, as Klaviyo publishes them."""
        return tuple(published.find(id) for id in self.operations)

    @property
    def main(self) -> Published | None:
        """The operation that its fields, filter and sort are about: the last one."""
        return published.find(self.operations[-1]) if self.operations else None

    @property
    def scopes(self) -> tuple[str, ...]:
        asked = [published.operation(id).scopes.split() for id in (*self.sometimes, *self.operations)]
        return tuple(sorted({scope for scopes in asked for scope in scopes}))


#: POST operations that only ask.
ASKS_ONLY = frozenset(
    {
        "query_metric_aggregates",
        "query_campaign_values",
        "query_flow_values",
        "render_template",
        "refresh_campaign_recipient_estimation",
    }
)


def action(
    *operations: str,
    sometimes: Iterable[str] = (),
    seeds: Iterable[str] = (),
    asks: Asks = "",
    reaches: bool = False,
    examples: Iterable[dict[str, Any]] = (),
) -> Callable[[Do], Do]:
    """Declare the function below as an action, under its own name, in its group."""

    def declare(do: Do) -> Do:
        name = do.__name__
        given = list(inspect.signature(do, eval_str=True).parameters.values())[1].annotation
        REGISTRY[name] = Action(
            name, GROUP_OF[name], do, given, operations, tuple(sometimes), tuple(seeds), asks, reaches, tuple(examples)
        )
        return do

    return declare
