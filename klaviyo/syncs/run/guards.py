"""Guards: what holds a run before its first request, until a person has said that it is meant."""

from klaviyo.models import Sync
from klaviyo.syncs.changes.comparing import Compared

EMPTY, REMOVALS, REJECTED = "source_empty", "too_many_removals", "too_many_rejected"
UNDATED = "consent_undated"
UNDATED_SENTENCE = (
    "The first run would ask everybody to confirm: make it an import of the past with the time of each consent, or say "
    "that these people have asked for it lately. Then confirm, or stop."
)


def objection(sync: Sync, found: Compared) -> tuple[str, str]:
    """The code, and the sentence that says what would happen; empty where nothing speaks against it."""
    before = found.told_before
    if not found.read and before:
        return EMPTY, f"The source came back empty; {before:,} rows have been told. Confirm, or stop."
    leaving = found.leaving + found.put_off
    if leaving > sync.removal_floor and leaving * 100 > sync.removal_share * before:
        return (
            REMOVALS,
            f"This would remove {leaving:,} of {before:,} ({_per_cent(leaving, before)}). Confirm, or stop.",
        )
    sending = found.added + found.changed
    if sync.mode == Sync.Mode.REMOVE and sending > sync.removal_floor and sending * 100 > sync.removal_share * before:
        return REMOVALS, f"This would take {sending:,} people off the list. Confirm, or stop."
    if _asks_again(sync, found):
        return UNDATED, UNDATED_SENTENCE
    if found.rejected * 100 > sync.rejected_share * found.read:
        share = _per_cent(found.rejected, found.read)
        return REJECTED, f"{found.rejected:,} of {found.read:,} rows ({share}) were rejected. Confirm, or stop."
    return "", ""


def _per_cent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %" if whole else "all"


def _asks_again(sync: Sync, found: Compared) -> bool:
    """Whether a whole table would be mailed, as nobody has said when these people asked for it."""
    is_first = sync.mode == Sync.Mode.SUBSCRIBE and not found.told_before
    return is_first and not (sync.options.get("historical") or sync.options.get("asked_days"))
