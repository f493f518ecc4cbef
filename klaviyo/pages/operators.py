"""Groups of people who look after connections, or may look at them; each made once, with the permissions they need."""

from typing import Any

from django.contrib.auth.models import Group, Permission

NAME = "Integration operators"
VIEWERS = "Integration viewers"
PERMISSIONS = {
    "admin": ["view_logentry"],
    "integrations": [
        "view_connection",
        "connect",
        "reconnect",
        "disconnect",
        "view_delivery",
        "view_attempt",
        "retry",
        "release_messages",
        "view_noticeaddress",
        "manage_notices",
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
        "view_backfill",
        "run_backfill",
        "view_sync",
        "add_sync",
        "change_sync",
        "delete_sync",
        "run_sync",
        "see_synced_people",
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


#: What lets one look, and nothing that lets one act.
OF_VIEWERS = {app: [name for name in names if name.startswith("view_")] for app, names in PERMISSIONS.items()}


def ensure_groups(**_: Any) -> None:
    """After migrations. A group that exists is left alone: its permissions are the site's own business."""
    for name, permissions in ((NAME, PERMISSIONS), (VIEWERS, OF_VIEWERS)):
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            for app, names in permissions.items():
                group.permissions.add(*Permission.objects.filter(content_type__app_label=app, codename__in=names))
