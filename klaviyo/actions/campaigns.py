"""Actions on campaigns: messages to an audience, made, counted, sent, and called off."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from klaviyo.actions import jobs, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Changing,
    Day,
    Email,
    Id,
    Inputs,
    Listing,
    Moment,
    Name,
    Object,
    Part,
    Reading,
    Text,
    excludes,
    needs,
    seed,
    wrong,
)
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Refused, Task, resource
from klaviyo.api import published
from klaviyo.api.answers import members, words

CHANNELS = ("email", "sms", "mobile_push")
THROTTLES = (1, 2, 5, 10, 11, 13, 14, 17, 20, 25, 33, 50)
CampaignId = Annotated[Id, Field(description="The campaign's id at Klaviyo.", json_schema_extra=seed("Campaign ID"))]
MessageId = Annotated[Id, Field(description="The message's id, as the campaign names it.")]


class TrackingParameter(Part):
    type: Literal["static", "dynamic"] = "static"
    name: Name
    value: Text


class Tracking(Part):
    add_tracking_params: bool | None = None
    custom_tracking_params: Annotated[list[TrackingParameter] | None, Field(max_length=50)] = None
    is_tracking_clicks: bool | None = None
    is_tracking_opens: bool | None = None


class SendOptions(Part):
    use_smart_sending: bool = True


class LocalOptions(Part):
    is_local: bool = False
    send_past_recipients_immediately: bool | None = None


class Strategy(Part):
    """When it goes."""

    method: Literal["immediate", "static", "throttled", "smart_send_time"] = "immediate"
    datetime: Moment | None = None
    options: LocalOptions | None = None
    throttle_percentage: int | None = None
    date: Day | None = None

    RULES = (
        needs("method", "datetime", value="static"),
        needs("method", "datetime", "throttle_percentage", value="throttled"),
        needs("method", "date", value="smart_send_time"),
        excludes("method", "throttle_percentage", "date", value="static"),
        excludes("method", "options", "date", value="throttled"),
        excludes("method", "datetime", "options", "throttle_percentage", value="smart_send_time"),
        {
            "if": {"properties": {"method": {"enum": ["immediate", None]}}},
            "then": {
                "properties": {
                    name: {"type": "null"} for name in ("datetime", "options", "throttle_percentage", "date")
                }
            },
        },
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Strategy":
        # https://developers.klaviyo.com/en/reference/create_campaign
        wanted = {
            "immediate": (),
            "static": ("datetime",),
            "throttled": ("datetime", "throttle_percentage"),
            "smart_send_time": ("date",),
        }[self.method]
        also = (*wanted, "options") if self.method == "static" else wanted
        for name in ("datetime", "options", "throttle_percentage", "date"):
            value = getattr(self, name)
            if value is None and name in wanted:
                raise wrong(f"{self.method} needs {name}.", "missing", field=name)
            if value is not None and name not in also:
                raise wrong(f"{self.method} takes no {name}.", field=name)
        if self.throttle_percentage is not None and self.throttle_percentage not in THROTTLES:
            raise wrong(f"It can be {', '.join(map(str, THROTTLES))}.", field="throttle_percentage")
        if self.options and self.options.send_past_recipients_immediately is not None and not self.options.is_local:
            raise wrong("send_past_recipients_immediately is for local times only.", field="options")
        return self


def _flat(value: Any) -> Any:
    """Klaviyo's own shape of a message, read as ours."""
    if not (isinstance(value, dict) and isinstance(value.get("attributes"), dict)):
        return value
    told = members(members(value["attributes"]).get("definition"))
    content = {**members(told.get("content"))}
    return {name: told[name] for name in told if name != "content"} | content


class EmailMessage(Part):
    channel: Literal["email"] = "email"
    label: Text | None = None
    subject: Text | None = None
    preview_text: Text | None = None
    from_email: Email | None = None
    from_label: Text | None = None
    reply_to_email: Email | None = None
    cc_email: Email | None = None
    bcc_email: Email | None = None


class RenderOptions(Part):
    shorten_links: bool | None = None
    add_org_prefix: bool | None = None
    add_info_link: bool | None = None
    add_opt_out_language: bool | None = None


class SmsMessage(Part):
    channel: Literal["sms"]
    body: Text
    render_options: RenderOptions | None = None


class PushMessage(Part):
    channel: Literal["mobile_push"]
    title: Text | None = None
    body: Text | None = None
    dynamic_image: Text | None = None
    action_buttons: list[Object] | None = None
    kv_pairs: Object | None = None
    options: Object | None = None
    notification_type: Literal["standard", "silent"] = "standard"


def _channel(value: Any) -> Any:
    told = _flat(value)
    return {"channel": "email"} | told if isinstance(told, dict) else told


Message = Annotated[
    Annotated[EmailMessage | SmsMessage | PushMessage, Field(discriminator="channel")], BeforeValidator(_channel)
]


def _all_on(channel: str) -> dict[str, Any]:
    """In a schema's rule: all messages are of this channel, which is e-mail where nothing is said."""
    said: dict[str, Any] = {"properties": {"channel": {"const": channel}}}
    return {"properties": {"messages": {"items": said if channel == "email" else said | {"required": ["channel"]}}}}


_UNTRACKED = {"properties": {name: {"type": "null"} for name in ("is_tracking_clicks", "is_tracking_opens")}}
Audience = Annotated[list[Id], Field(max_length=15, description="Ids of lists or segments.")]


class NewCampaign(Inputs):
    RULES = (
        {"anyOf": [_all_on(channel) for channel in CHANNELS]},
        {"anyOf": [{"properties": {"tracking_options": _UNTRACKED}}, _all_on("email")]},
    )

    name: Annotated[Name, Field(description="The campaign's name.", json_schema_extra=seed("Campaign Name"))]
    included: Annotated[
        list[Id],
        Field(
            min_length=1,
            max_length=15,
            description="Ids of the lists or segments whom it is for.",
            json_schema_extra=seed("Included Audiences"),
        ),
    ]
    excluded: Annotated[
        list[Id],
        Field(
            max_length=15,
            description="Ids of lists or segments who are left out.",
            json_schema_extra=seed("Excluded Audiences"),
        ),
    ] = []
    messages: Annotated[
        list[Message],
        Field(
            min_length=1,
            max_length=10,
            description="Of one channel: email (if not said), sms or mobile_push.",
            json_schema_extra=seed("Campaign Messages"),
        ),
    ]
    tracking_options: Annotated[Tracking | None, Field(json_schema_extra=seed("Tracking Options"))] = None
    send_options: Annotated[SendOptions, Field(json_schema_extra=seed("Send Options"))] = SendOptions()
    send_strategy: Annotated[
        Strategy, Field(description="When it goes, once it is sent.", json_schema_extra=seed("Send Strategy"))
    ] = Strategy()

    @model_validator(mode="after")
    def _tracks_what_it_can(self) -> "NewCampaign":
        if len({one.channel for one in self.messages}) > 1:
            raise wrong("All messages of a campaign are of one channel.", field="messages")
        opens = self.tracking_options and self.tracking_options.given("is_tracking_clicks", "is_tracking_opens")
        if opens and any(not isinstance(one, EmailMessage) for one in self.messages):
            raise wrong("Only e-mails track clicks and opens.", field="tracking_options")
        return self


class ChangedCampaign(Changing):
    campaign_id: CampaignId
    name: Annotated[Name | None, Field(json_schema_extra=seed("Campaign Name"))] = None
    included: Annotated[
        list[Id] | None,
        Field(
            min_length=1,
            max_length=15,
            description="They take the place of those before.",
            json_schema_extra=seed("Included Audiences"),
        ),
    ] = None
    excluded: Annotated[
        list[Id] | None,
        Field(
            max_length=15,
            description="They take the place of those before.",
            json_schema_extra=seed("Excluded Audiences"),
        ),
    ] = None
    tracking_options: Annotated[Tracking | None, Field(json_schema_extra=seed("Tracking Options"))] = None
    send_options: Annotated[SendOptions | None, Field(json_schema_extra=seed("Send Options"))] = None
    send_strategy: Annotated[Strategy | None, Field(json_schema_extra=seed("Send Strategy"))] = None


class ListingCampaigns(Listing):
    channel: Annotated[
        Literal["email", "sms", "mobile_push", "all"],
        Field(description="Klaviyo lists one channel at a time; all walks one after the other."),
    ] = "email"


class OfCampaign(Inputs):
    campaign_id: CampaignId


class ReadingCampaign(Reading):
    campaign_id: CampaignId


class OfMessage(Reading):
    message_id: MessageId


class ChangedMessage(Inputs):
    message_id: MessageId
    definition: Annotated[Message, Field(description="All that the message says.")]


class Assigning(Inputs):
    message_id: MessageId
    template_id: Annotated[
        Id, Field(description="The template; the message gets a copy of it.", json_schema_extra=seed("Template ID"))
    ]


class Cancelling(Inputs):
    campaign_id: CampaignId
    action: Annotated[
        Literal["cancel", "revert"], Field(description="cancel ends it for good; revert makes it a draft again.")
    ] = "revert"


class CloningCampaign(Inputs):
    campaign_id: CampaignId
    name: Annotated[Name | None, Field(description="The copy's name.", json_schema_extra=seed("Campaign Name"))] = None


@action(
    "create_campaign",
    seeds=("Prismatic: Create Campaign",),
    examples=({"name": "Spring", "included": ["Y6nRLr"], "messages": [{"subject": "Bring a friend"}]},),
)
def create_campaign(task: Task, given: NewCampaign) -> Any:
    """Create a campaign, as a draft.

    Nothing is sent before send_campaign.
    """
    messages = [{"type": "campaign-message", "attributes": {"definition": _definition(one)}} for one in given.messages]
    attributes = _attributes(given) | {"campaign-messages": {"data": messages}}
    return task.made("create_campaign", "campaign", attributes)


@action("get_campaign", seeds=("Prismatic: Get Campaign",), examples=({"campaign_id": "01JABC"},))
def get_campaign(task: Task, given: ReadingCampaign) -> Any:
    """Get a campaign."""
    return task.got("get_campaign", given.campaign_id, given)


@action("get_campaigns", seeds=("Prismatic: List Campaigns",), examples=({"channel": "email", "limit": 20},))
def list_campaigns(task: Task, given: ListingCampaigns) -> Listed:  # noqa: ARG001
    """List the campaigns of one channel."""
    query = reading.query(given, published.find("get_campaigns"))
    # Required: https://developers.klaviyo.com/en/reference/get_campaigns
    queries = []
    for name in CHANNELS if given.channel == "all" else (given.channel,):
        channel = f"equals(messages.channel,'{name}')"
        queries.append(query | {"filter": f"and({channel},{given.filter})" if given.filter else channel})
    return Listed("get_campaigns", query=queries[0], then=tuple(queries[1:]))


@action(
    "update_campaign",
    seeds=("Prismatic: Update Campaign",),
    examples=({"campaign_id": "01JABC", "name": "Spring, again"},),
)
def update_campaign(task: Task, given: ChangedCampaign) -> Any:
    """Change a campaign that is not under way."""
    return task.changed("update_campaign", "campaign", given.campaign_id, _attributes(given))


@action(
    "delete_campaign",
    seeds=("Prismatic: Delete Campaign",),
    asks="The campaign is gone for good.",
    examples=({"campaign_id": "01JABC"},),
)
def delete_campaign(task: Task, given: OfCampaign) -> dict[str, Any]:
    """Delete a campaign."""
    return task.deleted("delete_campaign", given.campaign_id)


@action("get_campaign_message", examples=({"message_id": "01JMSG"},))
def get_campaign_message(task: Task, given: OfMessage) -> Any:
    """Get a campaign's message."""
    return task.got("get_campaign_message", given.message_id, given)


@action("update_campaign_message", examples=({"message_id": "01JMSG", "definition": {"subject": "Bring two friends"}},))
def update_campaign_message(task: Task, given: ChangedMessage) -> Any:
    """Change what a campaign's message says."""
    attributes = {"definition": _definition(given.definition)}
    return task.changed("update_campaign_message", "campaign-message", given.message_id, attributes)


@action("assign_template_to_campaign_message", examples=({"message_id": "01JMSG", "template_id": "RtQ4aB"},))
def assign_template(task: Task, given: Assigning) -> Any:
    """Give a campaign's message a template."""
    body = resource("campaign-message", None, given.message_id, template=("template", given.template_id))
    return task.call("assign_template_to_campaign_message", body=body).data


@action(
    "refresh_campaign_recipient_estimation",
    "get_campaign_recipient_estimation_job",
    "get_campaign_recipient_estimation",
    examples=({"campaign_id": "01JABC"},),
)
def estimate_recipients(task: Task, given: OfCampaign) -> dict[str, Any]:
    """Estimate how many people a campaign would reach."""
    return {"campaign_id": given.campaign_id, "recipients": recipients(task, given.campaign_id)}


@action(
    "get_campaign",
    "send_campaign",
    asks="The campaign goes out to its audience.",
    examples=({"campaign_id": "01JABC"},),
)
def send_campaign(task: Task, given: OfCampaign) -> dict[str, Any]:
    """Send a campaign, or schedule it, as its strategy says."""
    told = members(task.call("get_campaign", path={"id": given.campaign_id}).data)
    status = words(members(told.get("attributes")).get("status"))
    if status.lower() != "draft":
        raise Refused("not_a_draft", f"This campaign is no draft (it is {status}): only a draft can be sent.")
    job = task.call("send_campaign", body=resource("campaign-send-job", None, given.campaign_id)).data
    return jobs.told(job) | {"campaign_id": given.campaign_id}


@action("get_campaign_send_job", examples=({"campaign_id": "01JABC"},))
def get_campaign_send(task: Task, given: ReadingCampaign) -> dict[str, Any]:
    """See how the sending of a campaign stands."""
    return jobs.told(task.got("get_campaign_send_job", given.campaign_id, given))


@action(
    "cancel_campaign_send",
    asks="What has not gone out yet does not go out.",
    examples=({"campaign_id": "01JABC", "action": "revert"},),
)
def cancel_campaign_send(task: Task, given: Cancelling) -> dict[str, Any]:
    """Call off a campaign that is being sent or is scheduled."""
    body = resource("campaign-send-job", {"action": given.action}, given.campaign_id)
    task.call("cancel_campaign_send", path={"id": given.campaign_id}, body=body)
    return {"campaign_id": given.campaign_id, "action": given.action, "accepted": True}


@action("create_campaign_clone", examples=({"campaign_id": "01JABC", "name": "Spring, again"},))
def clone_campaign(task: Task, given: CloningCampaign) -> Any:
    """Copy a campaign, as a draft."""
    attributes = {"new_name": given.name} if given.name else {}
    return task.made("create_campaign_clone", "campaign", attributes, id=given.campaign_id)


def recipients(task: Task, campaign_id: str) -> int | None:
    """Klaviyo's estimate, made anew; None where it does not say."""
    body = resource("campaign-recipient-estimation-job", None, campaign_id)
    task.call("refresh_campaign_recipient_estimation", body=body, is_repeatable=True)
    jobs.waited(task, "get_campaign_recipient_estimation_job", campaign_id)
    told = members(task.call("get_campaign_recipient_estimation", path={"id": campaign_id}).data)
    count = members(told.get("attributes")).get("estimated_recipient_count")
    return count if isinstance(count, int) else None


def _attributes(given: NewCampaign | ChangedCampaign) -> dict[str, Any]:
    made = given.given("name")
    audiences = given.given("included", "excluded")
    if audiences:
        made["audiences"] = audiences
    for name in ("tracking_options", "send_options", "send_strategy"):
        part = getattr(given, name)
        if part is not None:
            made[name] = part.model_dump(mode="json", exclude_none=True)
    return made


def _definition(one: EmailMessage | SmsMessage | PushMessage) -> dict[str, Any]:
    told = one.model_dump(mode="json", exclude_none=True)
    outside = ("channel", "label", "render_options", "kv_pairs", "options", "notification_type")
    content = {name: value for name, value in told.items() if name not in outside}
    made = {name: told[name] for name in outside if name in told}
    return made | ({"content": content} if content else {})
