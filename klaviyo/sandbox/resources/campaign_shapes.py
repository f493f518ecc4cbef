"""Shapes of campaigns and their messages in requests."""

from collections.abc import Mapping

from klaviyo.sandbox.protocol.formats import email, moment
from klaviyo.sandbox.protocol.validation import Boolean, Items, Members, Shape, Text
from klaviyo.sandbox.protocol.variant_shapes import Constant, Free, Optional, Variants, Whole, day

TYPE = Text(choices=("campaign",))
MESSAGE_TYPE = Text(choices=("campaign-message",))
CHANNELS = ("email", "sms", "mobile_push")
PERCENTAGES = (1, 2, 5, 10, 11, 13, 14, 17, 20, 25, 33, 50)

_TEXT = Text(nullable=True)
_YES_OR_NO = Boolean(nullable=True)
_NAME = Text(shortest=1, longest=255)
_METHOD = Text()

_STATIC = Members(
    {"method": _METHOD, "datetime": Text(form=moment)},
    {
        "options": Variants(
            "is_local",
            {
                True: Members({"is_local": Constant(value=True)}, {"send_past_recipients_immediately": Boolean()}),
                False: Members({"is_local": Constant(value=False)}),
            },
            nullable=True,
        )
    },
)
_SEND_STRATEGY = Variants(
    "method",
    {
        "immediate": Members({"method": _METHOD}),
        "static": _STATIC,
        "throttled": Members(
            {"method": _METHOD, "datetime": Text(form=moment), "throttle_percentage": Whole(choices=PERCENTAGES)}
        ),
        "smart_send_time": Members({"method": _METHOD, "date": Text(form=day)}),
    },
    nullable=True,
)
_DYNAMIC = (
    "campaign_id",
    "campaign_name",
    "campaign_name_id",
    "campaign_name_send_day",
    "email_subject",
    "group_id",
    "group_name",
    "group_name_id",
    "link_alt_text",
    "message_type",
    "profile_external_id",
    "profile_id",
)
_PARAMETER = Variants(
    "type",
    {
        "static": Members({"type": Text(), "value": Text(), "name": Text()}),
        "dynamic": Members({"type": Text(), "value": Text(choices=_DYNAMIC), "name": Text()}),
    },
)

_TRACKING_OPTIONS = Members(
    optional={
        "add_tracking_params": _YES_OR_NO,
        "custom_tracking_params": Optional(Items(_PARAMETER)),
        "is_tracking_clicks": _YES_OR_NO,
        "is_tracking_opens": _YES_OR_NO,
    },
    nullable=True,
)
_SEND_OPTIONS = Members(optional={"use_smart_sending": _YES_OR_NO}, nullable=True)

_EMAIL = Members(
    {"channel": Text()},
    {
        "label": _TEXT,
        "content": Members(
            optional={
                "subject": _TEXT,
                "preview_text": _TEXT,
                "from_label": _TEXT,
                **{
                    name: Text(nullable=True, form=email)
                    for name in ("from_email", "reply_to_email", "cc_email", "bcc_email")
                },
            }
        ),
    },
)
_SMS = Members(
    {"channel": Text()},
    {
        "content": Members(optional={"body": _TEXT}),
        "render_options": Members(
            optional=dict.fromkeys(
                ("shorten_links", "add_org_prefix", "add_info_link", "add_opt_out_language"), _YES_OR_NO
            )
        ),
    },
)
_BUTTON = Members(
    {
        "label": Text(longest=40),
        "action_type": Text(choices=("open_app", "deep_link", "open_url", "dismiss")),
    },
    {"position": Whole(nullable=True, least=0), "url": Text(nullable=True, longest=2048)},
)
_ON_OPEN = Variants(
    "type",
    {
        "open_app": Members({"type": Text()}),
        "deep_link": Members({"type": Text()}, {"ios_deep_link": _TEXT, "android_deep_link": _TEXT}),
        "open_web_url": Members({"type": Text()}, {"web_url": _TEXT}),
    },
    nullable=True,
)
_BADGE_OPTIONS = Variants(
    "badge_config",
    {
        "increment_one": Members({"badge_config": Text()}),
        "set_count": Members({"badge_config": Text(), "value": Whole()}),
        "set_property": Members({"badge_config": Text(), "set_from_property": Text()}),
    },
    nullable=True,
)
_BADGE = Variants(
    "display",
    {
        True: Members({"display": Constant(value=True)}, {"badge_options": _BADGE_OPTIONS}),
        False: Members({"display": Constant(value=False)}),
    },
    nullable=True,
)
_PUSH_CONTENT: Mapping[str, Shape] = {
    "title": _TEXT,
    "dynamic_image": _TEXT,
    "action_buttons": Optional(Items(_BUTTON, most=3)),
}
_PUSH: Mapping[str, Shape] = {
    "kv_pairs": Free(nullable=True),
    "notification_type": Text(),
    "options": Members(optional={"on_open": _ON_OPEN, "badge": _BADGE, "play_sound": _YES_OR_NO}),
}
_SILENT = Members({"channel": Text()}, {"kv_pairs": Free(nullable=True), "notification_type": Text()})


def _definition(push: Shape) -> Variants:
    by_type = Variants("notification_type", {"standard": push, "silent": _SILENT}, default="standard")
    return Variants("channel", {"email": _EMAIL, "sms": _SMS, "mobile_push": by_type})


_IMAGE = Members(
    optional={"image": Members({"data": Members({"type": Text(choices=("image",)), "id": Text()})})},
)
_MESSAGE = Members(
    {
        "type": MESSAGE_TYPE,
        "attributes": Members(
            {
                "definition": _definition(
                    Members(
                        {"channel": Text(), "content": Members({"body": Text(shortest=1)}, _PUSH_CONTENT)},
                        _PUSH,
                    )
                )
            }
        ),
    },
    {"relationships": _IMAGE},
)
_IDS = Items(Text())
CREATE = Members(
    {
        "data": Members(
            {
                "type": TYPE,
                "attributes": Members(
                    {
                        "name": _NAME,
                        "audiences": Members({"included": Items(Text(), fewest=1)}, {"excluded": Optional(_IDS)}),
                        "campaign-messages": Members({"data": Items(_MESSAGE, fewest=1)}),
                    },
                    {
                        "send_strategy": _SEND_STRATEGY,
                        "send_options": _SEND_OPTIONS,
                        "tracking_options": _TRACKING_OPTIONS,
                    },
                ),
            }
        )
    }
)
UPDATE = Members(
    {
        "data": Members(
            {
                "type": TYPE,
                "id": Text(),
                "attributes": Members(
                    optional={
                        "name": Text(nullable=True, shortest=1, longest=255),
                        "audiences": Members(
                            optional={"included": Optional(Items(Text(), fewest=1)), "excluded": Optional(_IDS)}
                        ),
                        "send_strategy": _SEND_STRATEGY,
                        "send_options": _SEND_OPTIONS,
                        "tracking_options": _TRACKING_OPTIONS,
                    }
                ),
            }
        )
    }
)
CLONE = Members(
    {
        "data": Members(
            {
                "type": TYPE,
                "id": Text(),
                "attributes": Members(optional={"new_name": Text(nullable=True, shortest=1, longest=255)}),
            }
        )
    }
)
UPDATE_MESSAGE = Members(
    {
        "data": Members(
            {
                "type": MESSAGE_TYPE,
                "id": Text(),
                "attributes": Members(
                    optional={
                        "definition": _definition(
                            Members(
                                {"channel": Text()},
                                {**_PUSH, "content": Members(optional={**_PUSH_CONTENT, "body": _TEXT})},
                            )
                        )
                    }
                ),
            },
            {"relationships": _IMAGE},
        )
    }
)
ASSIGN_TEMPLATE = Members(
    {
        "data": Members(
            {
                "type": MESSAGE_TYPE,
                "id": Text(),
                "relationships": Members(
                    {"template": Members({"data": Members({"type": Text(choices=("template",)), "id": Text()})})}
                ),
            }
        )
    }
)


def job(kind: str, *, attributes: Shape | None = None) -> Members:
    """A job that is about the campaign whose id it has."""
    named: dict[str, Shape] = {"attributes": attributes} if attributes else {}
    return Members({"data": Members({"type": Text(choices=(kind,)), "id": Text(), **named})})
