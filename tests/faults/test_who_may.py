"""Permissions of every address below the admin: open to whoever has the permission for it, and closed to all others."""

import logging
import uuid
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import QuerySet
from django.test import Client

from klaviyo.models import StoreSetting
from referrals.admin.programs import KeptAdmin
from referrals.admin.read_only import FactAdmin
from referrals.models import Advocate
from tests.faults import stored, whole_site
from tests.faults.whole_site import Route

WITHOUT_SIGNING_IN = {"admin:login", "admin:logout"}
WITHOUT_A_PERMISSION = {  # for whoever may sign in: about themselves, or nothing at all
    "admin:index",
    "admin:logout",
    "admin:password_change",
    "admin:password_change_done",
    "admin:jsi18n",
    "admin:autocomplete",
    "admin:view_on_site",
    "admin/nothing-is-here/",
    "klaviyo:events",  # what the product tells Klaviyo: a reference, of nobody
    "times",  # how one sees times oneself
    "integrations:callback",  # it asks for the permission that the trip was begun with; see test_connecting_rules
}
NEEDS_TWO = {  # neither opens it alone
    "admin:auth_user_add": {"auth.add_user", "auth.change_user"},
    "klaviyo:send_now": {"klaviyo.view_send", "klaviyo.run_action"},  # Klaviyo is asked about a person
    "klaviyo:preview": {"klaviyo.view_send", "klaviyo.run_action"},
}
OPENED_BY: dict[str, set[str]] = {  # each of the permissions alone opens it
    **{page: set() for page in NEEDS_TWO},
    "integrations:index": {"integrations.view_connection"},
    "integrations:provider": {"integrations.view_connection"},
    "integrations:connection": {"integrations.view_connection"},
    "integrations:check": {"integrations.disconnect", "integrations.reconnect"},
    "integrations:deliveries": {"integrations.view_delivery"},
    "integrations:delivery": {"integrations.view_delivery"},
    "integrations:retry": {"integrations.retry"},
    "integrations:connect": {"integrations.connect"},
    "integrations:reconnect": {"integrations.reconnect"},
    "integrations:enable": {"integrations.connect"},
    "integrations:install": {"integrations.connect"},
    "integrations:allow_again": {"integrations.reconnect"},
    "integrations:decide": {"integrations.reconnect"},
    "integrations:release_messages": {"integrations.release_messages"},
    "integrations:activity": {"admin.view_logentry"},
    "integrations:activity_export": {"admin.view_logentry"},
    "integrations:notices": {"integrations.view_noticeaddress", "integrations.manage_notices"},
    "integrations:add_notice": {"integrations.manage_notices"},
    "integrations:test_notice": {"integrations.manage_notices"},
    "integrations:switch_notice": {"integrations.manage_notices"},
    "integrations:remove_notice": {"integrations.manage_notices"},
    "integrations:send_notice_again": {"integrations.manage_notices"},
    "integrations:api_tokens": {"integrations.manage_api_tokens"},
    "integrations:make_api_token": {"integrations.manage_api_tokens"},
    "integrations:revoke_api_token": {"integrations.manage_api_tokens"},
    "integrations:disconnect": {"integrations.disconnect"},
    "integrations:stay": {"integrations.disconnect"},
    "integrations:pause": {"integrations.disconnect", "integrations.reconnect"},
    "integrations:resume": {"integrations.disconnect", "integrations.reconnect"},
    "integrations:connect_by_key": {"integrations.connect"},
    "integrations:reconnect_by_key": {"integrations.reconnect"},
    "integrations:offer": {"integrations.connect", "integrations.reconnect"},
    "klaviyo:settings": {"klaviyo.view_storesetting"},
    "klaviyo:review": {"klaviyo.add_storesetting", "integrations.connect"},
    "klaviyo:samples": {"klaviyo.run_action"},
    "klaviyo:backfill": {"klaviyo.view_backfill", "klaviyo.run_backfill"},
    "klaviyo:backfill_run": {"klaviyo.view_backfill", "klaviyo.run_backfill"},
    "klaviyo:backfill_pause": {"klaviyo.run_backfill"},
    "klaviyo:backfill_resume": {"klaviyo.run_backfill"},
    "klaviyo:backfill_cancel": {"klaviyo.run_backfill"},
    "klaviyo:syncs": {"klaviyo.view_sync"},
    "klaviyo:sync_new": {"klaviyo.add_sync"},
    "klaviyo:sync": {"klaviyo.view_sync"},
    "klaviyo:sync_source": {"klaviyo.change_sync"},
    "klaviyo:sync_destination": {"klaviyo.change_sync"},
    "klaviyo:sync_mapping": {"klaviyo.change_sync"},
    "klaviyo:sync_schedule": {"klaviyo.change_sync"},
    "klaviyo:sync_begin": {"klaviyo.run_sync"},
    "klaviyo:sync_switch": {"klaviyo.change_sync", "klaviyo.run_sync"},
    "klaviyo:sync_remove": {"klaviyo.delete_sync"},
    "klaviyo:sync_rows": {"klaviyo.view_sync"},
    "klaviyo:sync_rows_export": {"klaviyo.view_sync"},
    "klaviyo:sync_row": {"klaviyo.view_sync"},
    "klaviyo:sync_run": {"klaviyo.view_sync"},
    "klaviyo:sync_stop": {"klaviyo.run_sync"},
    "klaviyo:sync_go_on": {"klaviyo.run_sync"},
    "klaviyo:sync_confirm": {"klaviyo.run_sync"},
    "klaviyo:flows": {"klaviyo.view_storesetting"},
    "klaviyo:starter_kit": {"klaviyo.view_storesetting"},
    "klaviyo:starter_kit_remove": {"klaviyo.run_action"},
    "klaviyo:settings_add": {"klaviyo.add_storesetting"},
    "klaviyo:settings_edit": {"klaviyo.view_storesetting"},
    "klaviyo:settings_remove": {"klaviyo.delete_storesetting"},
    "klaviyo:sends": {"klaviyo.view_send"},
    "klaviyo:sends_export": {"klaviyo.view_send"},
    "klaviyo:sends_retry": {"integrations.retry"},
    "klaviyo:sends_cancel": {"integrations.retry"},
    "klaviyo:send": {"klaviyo.view_send"},
    "klaviyo:people": {"klaviyo.view_send", "klaviyo.erase"},
    "klaviyo:person_of_send": {"klaviyo.view_send"},
    "klaviyo:person_of_advocate": {"klaviyo.view_send"},
    "klaviyo:erase": {"klaviyo.erase"},
    "klaviyo:erasures": {"klaviyo.erase"},
    "klaviyo:erasure": {"klaviyo.erase"},
    "klaviyo:actions": {"klaviyo.run_action", "klaviyo.use_raw_request"},
    "klaviyo:action": {"klaviyo.run_action"},  # but for the raw request: see test_pages_of_actions
    "klaviyo:action_runs": {"klaviyo.view_actionrun"},
    "klaviyo:action_run": {"klaviyo.view_actionrun"},  # and one's own
}
ACTING = {  # a GET is refused, whoever asks
    "integrations:retry",
    "integrations:connect",
    "integrations:reconnect",
    "integrations:check",
    "integrations:stay",
    "integrations:pause",
    "integrations:resume",
    "klaviyo:sends_retry",
    "klaviyo:sends_cancel",
    "klaviyo:send_now",
    "klaviyo:backfill_pause",
    "klaviyo:backfill_resume",
    "klaviyo:backfill_cancel",
    "klaviyo:sync_begin",
    "klaviyo:sync_switch",
    "klaviyo:sync_stop",
    "klaviyo:sync_go_on",
    "klaviyo:sync_confirm",
    "admin:logout",
}
ACTS_OF_DJANGO = {
    "changelist": {"view", "change"},
    "change": {"view", "change"},
    "history": {"view", "change"},
    "add": {"add"},
    "delete": {"delete"},
    "password_change": {"change"},
}


YES = {"post": "yes"}
SEEN_BY_LOOKING = ("django_session", "auth_user")  # when somebody last signed in


@pytest.fixture(autouse=True)
def _refusals_are_not_logged(house: StoreSetting) -> Iterator[None]:
    """Thousands of them, each with its traceback."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def guarded() -> list[Route]:
    """What below the admin needs a permission."""
    open_to_staff = WITHOUT_SIGNING_IN | WITHOUT_A_PERMISSION
    ways_on = "<path:object_id>/"  # of Django's admin, from an old address to a page of its own
    found = [route for route in whole_site.routes() if route.is_of_admin]
    return [one for one in found if str(one) not in open_to_staff and not (not one.name and ways_on in one.pattern)]


def opened_by(route: Route) -> set[str]:
    """The permissions of which each opens it; none where a page is closed to everybody."""
    if route.name in OPENED_BY:
        return OPENED_BY[route.name]
    if route.name == "admin:app_list":
        those = set().union(*(opened_by(one) for one in guarded() if one.name.startswith("admin:referrals_")))
        return those | {"referrals.delete_program", "referrals.delete_store"}  # of those that hold nobody
    assert route.model, f"Say in OPENED_BY who may see {route}."
    name = route.model._meta.model_name
    act = route.name.split(f"_{name}_", 1)[1]
    page = admin.site.get_model_admin(route.model)
    is_for_reading = isinstance(page, FactAdmin) and act in ("add", "delete")
    is_kept = isinstance(page, KeptAdmin) and act == "delete"  # those of the house, which hold people
    acts = set() if is_for_reading or is_kept else ACTS_OF_DJANGO[act]
    return {f"{route.model._meta.app_label}.{verb}_{name}" for verb in acts}


def permissions() -> "QuerySet[Permission]":
    return Permission.objects.select_related("content_type")


def staff(*may: Permission) -> Client:
    """Somebody who may sign in, and has just these permissions."""
    somebody = User.objects.create_user(uuid.uuid4().hex, is_staff=True)
    somebody.user_permissions.set(may)
    browser = Client()
    browser.force_login(somebody)
    return browser


def name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def test_each_page_is_open_to_each_of_its_permissions_and_to_no_other(house: StoreSetting) -> None:
    """Of Django's own pages, which are all alike, each is tried with its own permissions and a few others."""
    pages = [(route, whole_site.address(route), opened_by(route)) for route in guarded()]
    keys = set().union(*(keys for _, _, keys in pages))
    wrong = []
    for permission in [one for one in permissions() if name(one) in keys]:
        browser = staff(permission)
        for route, address, keys in pages:
            if route.model not in (None, Advocate) and name(permission) not in keys:
                continue
            is_open = browser.get(address).status_code not in (403, 404)
            if is_open != (name(permission) in keys):
                wrong.append(f"{route} is {'open' if is_open else 'closed'} to {name(permission)}")
    assert wrong == []
    assert len(pages) > 80


def test_whoever_may_do_everything_else_can_neither_look_nor_act(house: StoreSetting) -> None:
    everything = list(permissions())
    besides = (*SEEN_BY_LOOKING, "auth_user_user_permissions")
    before = stored.tables(*besides)
    for route in guarded():
        keys, address = opened_by(route), whole_site.address(route)
        sets = [{one} for one in NEEDS_TWO[route.name]] if route.name in NEEDS_TWO else [keys]
        browsers = [staff(*(one for one in everything if name(one) not in those)) for those in sets]
        for answer in [one for browser in browsers for one in (browser.get(address), browser.post(address, YES))]:
            assert answer.status_code in (403, 404, 405), (str(route), answer.status_code)  # 405: nothing is done
    assert stored.tables(*besides) == before


def test_what_needs_two_permissions_is_open_to_both_together(house: StoreSetting) -> None:
    pages = {route.name: route for route in guarded()}
    for page, keys in NEEDS_TWO.items():
        browser = staff(*(one for one in permissions() if name(one) in keys))
        assert browser.get(whole_site.address(pages[page])).status_code not in (403, 404), page


def test_whoever_may_only_sign_in_sees_no_row(house: StoreSetting) -> None:
    browser = staff()
    for route in guarded():
        assert browser.get(whole_site.address(route)).status_code in (403, 404), str(route)
    for route in whole_site.routes():
        if str(route) in WITHOUT_A_PERMISSION:
            assert b"example.com" not in browser.get(whole_site.address(route)).content, str(route)


def test_strangers_are_asked_to_sign_in_and_do_nothing(house: StoreSetting) -> None:
    stranger, before = Client(), stored.tables("django_session")
    for route in whole_site.routes():
        if not route.is_of_admin or str(route) in WITHOUT_SIGNING_IN:
            continue
        address = whole_site.address(route)
        for answer in (stranger.get(address), stranger.post(address, {"post": "yes"})):
            assert answer.status_code == 302 or str(route) == "integrations:callback", (str(route), answer.status_code)
    assert stored.tables("django_session") == before


def test_looking_changes_nothing_and_what_acts_is_no_page(house: StoreSetting, operator: User) -> None:
    """But that it is on record who has exported something."""
    browser = Client()
    browser.force_login(operator)
    before = stored.tables("django_session", "django_admin_log")
    for route in whole_site.routes():
        if not route.is_of_admin or route.name == "admin:login":
            continue
        for answer in (browser.get(whole_site.address(route)), browser.head(whole_site.address(route))):
            assert answer.status_code == 405 or str(route) not in ACTING, (str(route), answer.status_code)
    assert stored.tables("django_session", "django_admin_log") == before
