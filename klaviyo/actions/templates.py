"""Actions on templates: the content of e-mails."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Changing,
    Id,
    Inputs,
    Listing,
    Name,
    Object,
    Reading,
    Text,
    given,
    seed,
    wrong,
)
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published

TemplateId = Annotated[Id, Field(description="The template's id at Klaviyo.", json_schema_extra=seed("Template ID"))]
Html = Annotated[Text | None, Field(description="As HTML.", json_schema_extra=seed("Template HTML"))]
Plain = Annotated[Text | None, Field(description="As plain text.", json_schema_extra=seed("Template Text"))]
Amp = Annotated[Text | None, Field(description="As AMP, for mail programs that show it.")]


class OfTemplate(Inputs):
    template_id: TemplateId


class ReadingTemplate(Reading):
    template_id: TemplateId


class NewTemplate(Inputs):
    RULES = (
        {
            "if": {"required": ["editor_type"], "properties": {"editor_type": {"const": "SYSTEM_DRAGGABLE"}}},
            "then": {"allOf": [given("definition"), {"properties": {"html": {"type": "null"}}}]},
            "else": {"allOf": [given("html"), {"properties": {"definition": {"type": "null"}}}]},
        },
    )

    name: Annotated[Name, Field(description="The template's name.", json_schema_extra=seed("Template Name"))]
    editor_type: Annotated[
        Literal["CODE", "USER_DRAGGABLE", "SYSTEM_DRAGGABLE"],
        Field(
            description="CODE and USER_DRAGGABLE are made of html, SYSTEM_DRAGGABLE of a definition.",
            json_schema_extra=seed("Editor Type"),
        ),
    ] = "CODE"
    html: Html = None
    text: Plain = None
    amp: Amp = None
    definition: Annotated[Object | None, Field(description="The parts of a SYSTEM_DRAGGABLE template.")] = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> "NewTemplate":
        # https://developers.klaviyo.com/en/reference/create_template
        if self.editor_type == "SYSTEM_DRAGGABLE":
            if self.html is not None:
                raise wrong("A SYSTEM_DRAGGABLE template takes a definition and no html.", field="html")
            if self.definition is None:
                raise wrong("A SYSTEM_DRAGGABLE template needs a definition.", "missing", field="definition")
        elif self.html is None:
            raise wrong(f"A {self.editor_type} template needs html.", "missing", field="html")
        elif self.definition is not None:
            raise wrong(f"A {self.editor_type} template takes no definition.", field="definition")
        return self


class ChangedTemplate(Changing):
    template_id: TemplateId
    name: Annotated[
        Name | None, Field(description="The template's new name.", json_schema_extra=seed("Template Name"))
    ] = None
    html: Html = None
    text: Plain = None
    amp: Amp = None
    definition: Object | None = None


class Rendering(Inputs):
    template_id: TemplateId
    context: Annotated[Object, Field(description="What stands for the template's variables.")] = {}


class Cloning(Inputs):
    template_id: TemplateId
    name: Annotated[Name | None, Field(description="The copy's name.", json_schema_extra=seed("Template Name"))] = None


@action(
    "create_template",
    seeds=("Prismatic: Create Template",),
    examples=({"name": "Invite", "html": "<p>Hello {{ first_name }}</p>"},),
)
def create_template(task: Task, given: NewTemplate) -> Any:
    """Create a template."""
    names = ("name", "editor_type", "html", "text", "amp", "definition")
    return task.made("create_template", "template", given.given(*names))


@action("get_template", seeds=("Prismatic: Get Template",), examples=({"template_id": "RtQ4aB"},))
def get_template(task: Task, given: ReadingTemplate) -> Any:
    """Get a template."""
    return task.got("get_template", given.template_id, given)


@action("get_templates", seeds=("Prismatic: List Templates",), examples=({"all": True},))
def list_templates(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's templates."""
    return Listed("get_templates", query=reading.query(given, published.find("get_templates")))


@action(
    "update_template",
    seeds=("Prismatic: Update Template",),
    examples=({"template_id": "RtQ4aB", "html": "<p>Hello again</p>"},),
)
def update_template(task: Task, given: ChangedTemplate) -> Any:
    """Change a template."""
    changes = given.given("name", "html", "text", "amp", "definition")
    return task.changed("update_template", "template", given.template_id, changes)


@action(
    "delete_template",
    seeds=("Prismatic: Delete Template",),
    asks="The template is gone for good. What was sent with it stays as it is.",
    examples=({"template_id": "RtQ4aB"},),
)
def delete_template(task: Task, given: OfTemplate) -> dict[str, Any]:
    """Delete a template."""
    return task.deleted("delete_template", given.template_id)


@action("render_template", examples=({"template_id": "RtQ4aB", "context": {"first_name": "Ann"}},))
def render_template(task: Task, given: Rendering) -> Any:
    """See a template with its variables filled in."""
    return task.made("render_template", "template", {"context": given.context}, id=given.template_id)


@action("clone_template", examples=({"template_id": "RtQ4aB", "name": "Invite, second try"},))
def clone_template(task: Task, given: Cloning) -> Any:
    """Copy a template."""
    return task.made("clone_template", "template", given.given("name"), id=given.template_id)
