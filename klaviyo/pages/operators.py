"""Operators: the group of people who look after connections, made once, with the permissions they need."""

from typing import Any

from django.contrib.auth.models import Group, Permission

NAME = "Integration operators"
PERMISSIONS = {
    "integrations": [
        "view_connection",
        "connect",
        "reconnect",
        "disconnect",
        "view_delivery",
        "view_attempt",
        "retry",
        "release_messages",
    ],
    "klaviyo": [
        "view_storesetting",
        "add_storesetting",
        "change_storesetting",
        "delete_storesetting",
        "view_send",
        "erase",
        "view_actionrun",
        "run_action",
    ],
    "referrals": [
        "view_store",
        "view_program",
        "view_advocate",
        "view_invite",
        "view_conversion",
        "view_reward",
        "view_optin",
        "view_optout",
        "view_wording",
        "view_suppression",
    ],
}


def ensure_group(**_: Any) -> None:
    """After migrations. A group that exists is left alone: its permissions are the site's own business."""
    group, is_new = Group.objects.get_or_create(name=NAME)
    if is_new:
        for app, names in PERMISSIONS.items():
            group.permissions.add(*Permission.objects.filter(content_type__app_label=app, codename__in=names))
