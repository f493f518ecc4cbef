"""Sandbox of Klaviyo that runs on this machine: OAuth, API, faults on request, and a page to look inside."""

from klaviyo.sandbox.control.campaign_snapshots import SeenCampaign, SeenCouponCode, SeenImage, SeenTemplate
from klaviyo.sandbox.control.remote import Remote
from klaviyo.sandbox.control.seeding import SeedList, SeedProfile
from klaviyo.sandbox.control.snapshots import SeenAccount, SeenEvent, SeenList, SeenProfile
from klaviyo.sandbox.control.webhook_snapshots import SeenDelivery, SeenWebhook
from klaviyo.sandbox.protocol.faults import Fault
from klaviyo.sandbox.protocol.journal import Entry, Exchange
from klaviyo.sandbox.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state.database import StateInUse
from klaviyo.sandbox.state.token_store import Tokens

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "Entry",
    "Exchange",
    "Fault",
    "Remote",
    "Sandbox",
    "SeedList",
    "SeedProfile",
    "SeenAccount",
    "SeenCampaign",
    "SeenCouponCode",
    "SeenDelivery",
    "SeenEvent",
    "SeenImage",
    "SeenList",
    "SeenProfile",
    "SeenTemplate",
    "SeenWebhook",
    "Settings",
    "StateInUse",
    "Tokens",
]
