"""The side navigation: the product's pages in the product's words, as far as a user may see them."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True)
class Page:
    """A page of the navigation, and the permissions that open it, all of them together."""

    name: str
    route: str
    permission: str = ""
    also: str = ""

    @property
    def permissions(self) -> list[str]:
        return [one for one in (self.permission, self.also) if one]


@dataclass(frozen=True)
class Link:
    name: str
    address: str
    is_current: bool = False
    count: int = 0
    count_means: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    links: tuple[Link, ...]


INTEGRATIONS = Page("Integrations", "integrations:index", "integrations.view_connection")
PAGES = {
    "": (
        Page("Home", "admin:index"),
        Page("Programs", "admin:referrals_program_changelist", "referrals.view_program"),
        Page("Stores", "admin:referrals_store_changelist", "referrals.view_store"),
        Page("People", "admin:referrals_advocate_changelist", "referrals.view_advocate"),
    ),
    "Connected": (
        INTEGRATIONS,
        Page("Syncs", "klaviyo:syncs", "klaviyo.view_sync"),
        Page("Actions", "klaviyo:actions", "klaviyo.run_action"),
        Page("Runs of actions", "klaviyo:action_runs", "klaviyo.view_actionrun"),
        Page("Sends", "klaviyo:sends", "klaviyo.view_send"),
        Page("Find a person", "klaviyo:people", "klaviyo.view_send"),
        Page("Preview", "klaviyo:preview", "klaviyo.view_send", "klaviyo.run_action"),
        Page("Deliveries", "integrations:deliveries", "integrations.view_delivery"),
        Page("Store settings", "klaviyo:settings", "klaviyo.view_storesetting"),
        Page("Notices", "integrations:notices", "integrations.view_noticeaddress"),
        Page("Erasures", "klaviyo:erasures", "klaviyo.erase"),
    ),
    "Reference": (Page("Events", "klaviyo:events"),),
    "Access": (
        Page("Users", "admin:auth_user_changelist", "auth.view_user"),
        Page("Groups", "admin:auth_group_changelist", "auth.view_group"),
        Page("API tokens", "integrations:api_tokens", "integrations.manage_api_tokens"),
        Page("Activity", "integrations:activity", "admin.view_logentry"),
    ),
}


def of(request: HttpRequest, needing: int) -> list[Group]:
    """The groups of links for whoever asks; the page they are on is marked, and how many connections need somebody."""
    if not (request.user.is_active and request.user.is_staff):
        return []
    open_pages = {
        name: [page for page in pages if request.user.has_perms(page.permissions)] for name, pages in PAGES.items()
    }
    current = _current(request.path, [page for pages in open_pages.values() for page in pages])
    return [
        Group(name, tuple(_link(page, page is current, needing) for page in pages))
        for name, pages in open_pages.items()
        if pages
    ]


def _link(page: Page, is_current: bool, needing: int) -> Link:
    address = reverse(page.route)
    if page is not INTEGRATIONS:
        return Link(page.name, address, is_current)
    return Link(page.name, address, is_current, needing, "Connections that need you")


def _current(path: str, pages: list[Page]) -> Page | None:
    """The page with the longest address that the path lies under; Home only for itself."""
    under = [page for page in pages if path.startswith(reverse(page.route))]
    best = max(under, key=lambda page: len(reverse(page.route)), default=None)
    return None if best and best.route == "admin:index" and path != reverse(best.route) else best
