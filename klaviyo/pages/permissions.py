"""Permissions on a person's record: which parts of it a member of the staff may see; the rest is not even read."""

from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

PermissionHolder = AbstractBaseUser | AnonymousUser

#: To have Klaviyo asked about a person, which uses the account's budget: the right to run actions, which do the same.
ASK = "klaviyo.run_action"


class Part(StrEnum):
    """A part of the record, by the permission that opens it."""

    MEMBERSHIPS = "referrals.view_advocate"
    ORDERS = "referrals.view_conversion"
    REWARDS = "referrals.view_reward"
    OPT_INS = "referrals.view_optin"
    OPT_OUTS = "referrals.view_optout"
    SUPPRESSIONS = "referrals.view_suppression"
    DELIVERIES = "integrations.view_delivery"
    ATTEMPTS = "integrations.view_attempt"
    RUNS = "klaviyo.view_actionrun"


def to(user: PermissionHolder) -> frozenset[Part]:
    return frozenset(part for part in Part if isinstance(user, PermissionsMixin) and user.has_perm(part))
