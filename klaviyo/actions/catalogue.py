"""Catalogue of the actions: which there are, by group; a group's module is imported when one of it is wanted."""

import difflib
from collections.abc import Mapping
from importlib import import_module

from klaviyo.actions.declaration import REGISTRY, Action

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
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


class NoSuchAction(LookupError):
    """There is no action of that name; it says which is like it."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, _GROUP_OF, 1)
        super().__init__(f"There is no action {name}{f': did you mean {near[0]}?' if near else '.'}")


def names() -> list[str]:
    """All actions, in the order of the groups."""
    return list(_GROUP_OF)


def find(name: str) -> Action:
    """The action of that name. Raises NoSuchAction."""
    if name not in _GROUP_OF:
        raise NoSuchAction(name)
    import_module(f"klaviyo.actions.{_GROUP_OF[name]}")
    return REGISTRY[name]


def everything() -> list[Action]:
    """All actions, which imports all groups."""
    return [find(name) for name in names()]
