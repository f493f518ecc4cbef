"""A part of the API for tests: a kitchen that brews tea, and can be made to fail; it counts what it has brewed."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from integrations.api.abilities import Ability
from integrations.api.answers import Answer
from integrations.api.document import Described
from integrations.api.endpoint import MULTIPART, Call, Endpoint
from integrations.api.idempotency import Kept
from integrations.api.outcome import SUCCESS, Outcome
from integrations.models import Connection

NAME = "tests.integrations.api.kitchen"
ABILITIES = (
    Ability("brew", "Brew tea", "Kitchen"),
    Ability("spill", "Spill tea", "Kitchen", is_dangerous=True, permission="integrations.disconnect"),
)


class Sugar(BaseModel):
    model_config = ConfigDict(extra="forbid")

    spoons: int = Field(ge=0, le=9)
    kind: Literal["white", "brown"] = "white"


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=100)
    cups: int = Field(default=1, ge=1, le=20)
    with_milk: bool = False
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    sugar: Sugar | None = None
    extras: list[Sugar] = Field(default=[], max_length=5)

    @field_validator("email")
    @classmethod
    def _is_no_joke(cls, value: str) -> str:
        return value


@dataclass
class Kitchen:
    """What happened in it, and what is to happen."""

    brewed: list[str] = field(default_factory=list)
    raises: Exception | None = None
    run: str = ""


here = Kitchen()


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/connections/{connection}/brew", brew),
        Endpoint("GET", "/connections/{connection}", look),
        Endpoint("GET", "/ready", ready),
        Endpoint("POST", "/leaves", leaves, content_types=(MULTIPART,), largest=100_000),
    ]


def described() -> list[Described]:
    return [
        Described(
            "/connections/{connection}/brew",
            "POST",
            "Brew tea",
            model=Order,
            answers={200: {"type": "object", "properties": {"cups": {"type": "integer"}}}},
            tags=("Kitchen",),
            extensions={"x-kettle-operations": ["boil"]},
            examples={"for Ann": {"email": "ann@example.com", "cups": 2}},
            may_take_long=True,
        ),
        Described("/connections/{connection}", "GET", "Look at an account", tags=("Kitchen",)),
        Described("/ready", "GET", "Whether the kitchen is open", tags=("Kitchen",)),
    ]


def brew(call: Call) -> Answer:
    connection = call.connection()
    call.must_be_allowed(("brew", "kitchen"))
    order = call.read(Order)

    def work(kept: Kept | None) -> Answer:
        if kept and here.run:
            kept.is_run(here.run)
        here.brewed.append(f"{connection.pk}:{order.cups}")
        if here.raises:
            raise here.raises
        status, headers = (202, {"Location": "/api/v1/runs/1"}) if call.wants_no_wait else (200, {})
        return Answer(Outcome(SUCCESS, "It is brewed.", {"cups": order.cups}), status, headers)

    return call.once(work)


def look(call: Call) -> Answer:
    connection: Connection = call.connection()
    call.must_be_allowed("read")
    return Answer(Outcome(SUCCESS, "There it is.", {"id": connection.pk}))


def ready(_call: Call) -> Answer:
    return Answer(Outcome(SUCCESS, "It is open."))


def leaves(call: Call) -> Answer:
    call.must_be_allowed("brew")
    (file,) = call.request.FILES.getlist("file")
    return call.once(lambda _: Answer(Outcome(SUCCESS, data={"size": file.size})))
