"""Models: store settings, sends and decisions, readings, backfills, erasures, names, lists, runs, flows, syncs."""

from klaviyo.models.account_lists import AccountLists
from klaviyo.models.action_runs import ActionPerson, ActionRun
from klaviyo.models.backfills import Backfill, BackfillProblem
from klaviyo.models.erasures import Erasure
from klaviyo.models.flows import FlowReading, FlowRevenue, KitItem, StarterKit
from klaviyo.models.heard_noes import HeardNo, ServedStore
from klaviyo.models.property_names import PropertyName
from klaviyo.models.readings import Miss, Reading
from klaviyo.models.sends import ConsentDecision, Send
from klaviyo.models.store_settings import StoreSetting
from klaviyo.models.syncs import (
    Sync,
    SyncChange,
    SyncChunk,
    SyncRow,
    SyncRun,
    SyncSource,
    SyncStaged,
    SyncUnread,
    SyncUpload,
    SyncUploadPiece,
)
from klaviyo.models.watches import ConsentWatch, Notice

__all__ = [
    "AccountLists",
    "ActionPerson",
    "ActionRun",
    "Backfill",
    "BackfillProblem",
    "ConsentDecision",
    "ConsentWatch",
    "Erasure",
    "FlowReading",
    "FlowRevenue",
    "HeardNo",
    "KitItem",
    "Miss",
    "Notice",
    "PropertyName",
    "Reading",
    "Send",
    "ServedStore",
    "StarterKit",
    "StoreSetting",
    "Sync",
    "SyncChange",
    "SyncChunk",
    "SyncRow",
    "SyncRun",
    "SyncSource",
    "SyncStaged",
    "SyncUnread",
    "SyncUpload",
    "SyncUploadPiece",
]
