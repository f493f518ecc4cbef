"""Webhook topics, and the operations that list them."""

import hashlib

from klaviyo.sandbox.protocol.calls import Answer, Call, Document
from klaviyo.sandbox.protocol.errors import Refusal, not_found

SUBSCRIBED = "event:klaviyo.subscribed_to_email_marketing"
UNSUBSCRIBED = "event:klaviyo.unsubscribed_from_email_marketing"
SUPPRESSED = "event:klaviyo.manually_suppressed_from_email_marketing"
UNSUPPRESSED = "event:klaviyo.manually_unsuppressed_from_email_marketing"
SPAM = "event:klaviyo.marked_email_as_spam"
BOUNCED = "event:klaviyo.bounced_email"
DROPPED = "event:klaviyo.dropped_email"
SUBSCRIBED_TO_LIST = "event:klaviyo.subscribed_to_list"
UNSUBSCRIBED_FROM_LIST = "event:klaviyo.unsubscribed_from_list"
PREFERENCES = "event:klaviyo.updated_email_preferences"
SUBSCRIBED_TO_SMS = "event:klaviyo.subscribed_to_sms_marketing"
UNSUBSCRIBED_FROM_SMS = "event:klaviyo.unsubscribed_from_sms_marketing"
MERGED = "event:klaviyo.merged_profile"

# The last three can be asked for and never happen here.
ALL = (
    SUBSCRIBED,
    UNSUBSCRIBED,
    SUPPRESSED,
    UNSUPPRESSED,
    SPAM,
    BOUNCED,
    DROPPED,
    SUBSCRIBED_TO_LIST,
    UNSUBSCRIBED_FROM_LIST,
    PREFERENCES,
    SUBSCRIBED_TO_SMS,
    UNSUBSCRIBED_FROM_SMS,
    MERGED,
    "event:klaviyo.received_email",
    "event:klaviyo.opened_email",
    "event:klaviyo.clicked_email",
)


def get_webhook_topics(call: Call) -> Answer:
    return call.many([resource(call, one) for one in ALL])


def get_webhook_topic(call: Call) -> Answer:
    asked = call.ids["id"]
    if asked not in ALL:
        raise Refusal(not_found("webhook-topic", asked))
    return call.one(resource(call, asked))


def resource(call: Call, topic: str) -> Document:
    links = {"self": call.address(f"/api/webhook-topics/{topic}")}
    return {"type": "webhook-topic", "id": topic, "attributes": {}, "links": links}


def title(topic: str) -> str:
    """The topic as the metric is called: Unsubscribed From Email Marketing."""
    return topic.rpartition(".")[2].replace("_", " ").title()


def metric_id(topic: str) -> str:
    """Klaviyo's own metric of a topic: the same six characters every time."""
    return hashlib.sha256(topic.encode()).hexdigest()[:6]
