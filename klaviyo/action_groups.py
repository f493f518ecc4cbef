"""Names of the actions by group and module; and which of them ask before they act.

It imports nothing: help and tokens name actions without the cost of their models.
"""

from collections.abc import Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    "profiles": (
        "create_profile",
        "get_profiles",
        "update_profile",
        "get_profile",
        "list_profiles",
        "upsert_profile",
        "merge_profiles",
        "request_profile_deletion",
        "list_lists_of_profile",
        "list_segments_of_profile",
    ),
    "imports": ("bulk_import_profiles", "get_profile_import", "list_profile_imports", "list_profile_import_errors"),
    "lists": (
        "add_profile_to_list",
        "remove_profile_from_list",
        "list_list_profiles",
        "create_list",
        "get_list",
        "list_lists",
        "update_list",
        "delete_list",
    ),
    "consent": (
        "subscribe_profile_to_list",
        "subscribe_profiles",
        "unsubscribe_profiles",
        "suppress_profiles",
        "unsuppress_profiles",
        "get_suppression_job",
    ),
    "segments": (
        "get_segment_profiles",
        "list_segment_profiles",
        "create_segment",
        "get_segment",
        "list_segments",
        "update_segment",
        "delete_segment",
    ),
    "events": ("create_event", "bulk_create_events", "get_event", "list_events"),
    "metrics": ("list_metrics", "get_metric", "list_flows_of_metric", "query_metric_aggregates"),
    "templates": (
        "create_template",
        "get_template",
        "list_templates",
        "update_template",
        "delete_template",
        "render_template",
        "clone_template",
    ),
    "campaigns": (
        "create_campaign",
        "get_campaign",
        "list_campaigns",
        "update_campaign",
        "delete_campaign",
        "get_campaign_message",
        "update_campaign_message",
        "assign_template",
        "estimate_recipients",
        "send_campaign",
        "get_campaign_send",
        "cancel_campaign_send",
        "clone_campaign",
    ),
    "images": ("upload_image", "get_image", "list_images", "update_image"),
    "coupons": (
        "create_coupon",
        "get_coupon",
        "list_coupons",
        "update_coupon",
        "delete_coupon",
        "create_coupon_code",
        "get_coupon_code",
        "list_coupon_codes",
        "update_coupon_code",
        "delete_coupon_code",
        "bulk_create_coupon_codes",
        "get_coupon_code_job",
    ),
    "flows": ("list_flows", "get_flow", "update_flow_status"),
    "tags": ("list_tags", "create_tag", "delete_tag", "tag_things", "untag_things"),
    "webhooks": (
        "list_webhooks",
        "get_webhook",
        "create_webhook",
        "update_webhook",
        "delete_webhook",
        "list_webhook_topics",
    ),
    "reports": ("query_campaign_values", "query_flow_values"),
    "accounts": ("get_account", "list_accounts"),
    "raw": ("raw_request",),
}
#: The group of each, and the module that declares it.
GROUP_OF: Mapping[str, str] = {name: group for group, names in GROUPS.items() for name in names}
MODULE_OF: Mapping[str, str] = {
    **GROUP_OF,
    **dict.fromkeys(
        ("get_profile", "list_profiles", "list_lists_of_profile", "list_segments_of_profile"), "profile_reading"
    ),
}
#: What cannot be taken back, or reaches many; a raw request asks by what it does.
ASKING = frozenset(
    {
        "merge_profiles",
        "request_profile_deletion",
        "delete_list",
        "suppress_profiles",
        "unsuppress_profiles",
        "delete_segment",
        "delete_template",
        "delete_campaign",
        "send_campaign",
        "cancel_campaign_send",
        "delete_coupon",
        "delete_coupon_code",
        "update_flow_status",
        "delete_tag",
        "delete_webhook",
        "raw_request",
    }
)

#: Of those, the ones that ask for some inputs alone.
ASKING_SOMETIMES = frozenset({"raw_request", "update_flow_status"})
