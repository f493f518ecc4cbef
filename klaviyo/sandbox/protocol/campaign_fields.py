"""Sparse fields of templates, campaigns, images and coupons: every name that `fields[…]` may hold, with its path."""

from collections.abc import Iterable, Mapping


def _under(name: str, nested: str) -> Iterable[str]:
    return (name, *(f"{name}.{one}" for one in nested.split()))


TEMPLATE = frozenset(["amp", "created", "editor_type", "html", "id", "name", "text", "updated"])
_DEFINITION = _under(
    "definition",
    "body body.id body.properties body.properties.css_class body.properties.id body.sections body.styles "
    "body.styles.background_color body.styles.width id styles template_id",
)
_CONTENT = "bcc_email body cc_email from_email from_label media_url preview_text reply_to_email subject"
_RENDER_OPTIONS = "add_info_link add_opt_out_language add_org_prefix shorten_links"
_MESSAGE = (
    "channel",
    *_under("content", f"action_buttons dynamic_image title {_CONTENT}"),
    "kv_pairs",
    "label",
    "notification_type",
    *_under(
        "options",
        "badge badge.badge_options badge.badge_options.badge_config badge.badge_options.set_from_property "
        "badge.badge_options.value badge.display on_open on_open.android_deep_link on_open.ios_deep_link "
        "on_open.type on_open.web_url play_sound",
    ),
    *_under("render_options", _RENDER_OPTIONS),
)
FLAT_MESSAGE = frozenset(
    (
        *["channel", "created_at", "id", "label", "send_times", "updated_at"],
        *_under("content", _CONTENT),
        *_under("render_options", _RENDER_OPTIONS),
    )
)

FIELDS: Mapping[str, frozenset[str]] = {
    "template": TEMPLATE | frozenset(_DEFINITION),
    "campaign": frozenset(
        (
            *["archived", "created_at", "id", "name", "scheduled_at", "send_time", "status", "updated_at"],
            *_under("audiences", "excluded included"),
            *_under("send_options", "use_smart_sending"),
            *_under(
                "send_strategy",
                "date datetime method options options.is_local options.send_past_recipients_immediately "
                "throttle_percentage",
            ),
            *_under(
                "tracking_options", "add_tracking_params custom_tracking_params is_tracking_clicks is_tracking_opens"
            ),
        )
    ),
    "campaign-message": frozenset(
        ("created_at", "id", "send_times", "updated_at", *_under("definition", " ".join(_MESSAGE)))
    ),
    "campaign-send-job": frozenset({"id", "status"}),
    "campaign-recipient-estimation-job": frozenset({"id", "status"}),
    "campaign-recipient-estimation": frozenset({"estimated_recipient_count", "id"}),
    "image": frozenset(["format", "hidden", "id", "image_url", "name", "size", "updated_at"]),
    "coupon": frozenset(["description", "external_id", "id", "monitor_configuration"]),
    "coupon-code": frozenset(["expires_at", "id", "status", "unique_code"]),
    "coupon-code-bulk-create-job": frozenset(
        (
            *["completed_at", "completed_count", "created_at", "errors", "expires_at"],
            *["failed_count", "id", "status", "total_count"],
        )
    ),
}
