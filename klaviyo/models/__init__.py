"""Models: store settings, lists, sends with consent decisions, consent watches, readings, backfills, erasures."""

from klaviyo.models.account_lists import AccountLists
from klaviyo.models.backfills import Backfill
from klaviyo.models.erasures import Erasure
from klaviyo.models.readings import Miss, Reading
from klaviyo.models.sends import ConsentDecision, Send
from klaviyo.models.store_settings import StoreSetting
from klaviyo.models.watches import ConsentWatch, Notice

__all__ = [
    "AccountLists",
    "Backfill",
    "ConsentDecision",
    "ConsentWatch",
    "Erasure",
    "Miss",
    "Notice",
    "Reading",
    "Send",
    "StoreSetting",
]
