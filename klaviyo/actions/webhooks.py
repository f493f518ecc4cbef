"""Actions on webhooks: where Klaviyo tells what happens; it allows them to apps, not to private keys."""

from typing import Annotated, Any

from pydantic import Field

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Changing, Https, Id, Inputs, Listing, Name, Reading, Text
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task, resource
from klaviyo.api import published

WebhookId = Annotated[Id, Field(description="The webhook's id at Klaviyo.")]
Topic = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_:.-]+$")]
Topics = Annotated[
    list[Topic], Field(min_length=1, max_length=100, description="What it is told: list_webhook_topics.")
]
Secret = Annotated[
    Text,
    Field(min_length=16, max_length=512, description="What it is signed with.", json_schema_extra={"secret": True}),
]


class ReadingWebhook(Reading):
    webhook_id: WebhookId


class OfWebhook(Inputs):
    webhook_id: WebhookId


class NewWebhook(Inputs):
    name: Annotated[Name, Field(description="The webhook's name.")]
    description: Text | None = None
    endpoint_url: Annotated[Https, Field(description="Where Klaviyo posts to.")]
    secret_key: Secret
    topics: Topics


class ChangedWebhook(Changing):
    webhook_id: WebhookId
    name: Name | None = None
    description: Text | None = None
    endpoint_url: Https | None = None
    secret_key: Secret | None = None
    enabled: bool | None = None
    topics: Topics | None = None


@action("get_webhooks", examples=({"all": True},))
def list_webhooks(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's webhooks."""
    return Listed("get_webhooks", query=reading.query(given, published.find("get_webhooks")))


@action("get_webhook", examples=({"webhook_id": "abc123"},))
def get_webhook(task: Task, given: ReadingWebhook) -> Any:
    """Get a webhook."""
    return task.got("get_webhook", given.webhook_id, given)


@action(
    "create_webhook",
    examples=(
        {
            "name": "Ours",
            "endpoint_url": "https://shop.example/hook",
            "secret_key": "a long secret of yours",
            "topics": ["event:klaviyo.sent_email"],
        },
    ),
)
def create_webhook(task: Task, given: NewWebhook) -> Any:
    """Create a webhook."""
    attributes = given.given("name", "description", "endpoint_url", "secret_key")
    return task.made("create_webhook", "webhook", attributes, webhook_topics=("webhook-topic", given.topics))


@action("update_webhook", examples=({"webhook_id": "abc123", "enabled": False},))
def update_webhook(task: Task, given: ChangedWebhook) -> Any:
    """Change a webhook."""
    attributes = given.given("name", "description", "endpoint_url", "secret_key", "enabled")
    related = {"webhook_topics": ("webhook-topic", given.topics)} if given.topics else {}
    body = resource("webhook", attributes, given.webhook_id, **related)
    return task.call("update_webhook", path={"id": given.webhook_id}, body=body).data


@action("delete_webhook", asks="Klaviyo tells this address nothing any more.", examples=({"webhook_id": "abc123"},))
def delete_webhook(task: Task, given: OfWebhook) -> dict[str, Any]:
    """Delete a webhook."""
    return task.deleted("delete_webhook", given.webhook_id)


@action("get_webhook_topics", examples=({"all": True},))
def list_webhook_topics(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List what a webhook can be told of."""
    return Listed("get_webhook_topics", query=reading.query(given, published.find("get_webhook_topics")))
