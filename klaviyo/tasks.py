"""Celery tasks of what comes back from Klaviyo: one line each; every one may be lost or run twice."""

import time

from celery import shared_task

from integrations import shutdown
from klaviyo import account_lists
from klaviyo.actions import abandoned
from klaviyo.actions import queue as queued_runs
from klaviyo.actions import retention as action_retention
from klaviyo.confirmation import turns as confirmation_turns
from klaviyo.delivery import joined_anew, stored_since
from klaviyo.delivery.erasure import repeat
from klaviyo.delivery.sends import missed
from klaviyo.flows import listening, revenue
from klaviyo.imports import backfill as backfilling
from klaviyo.imports import backfill_problems
from klaviyo.imports import results as import_results
from klaviyo.starter_kit import turns as starter_kit_turns
from klaviyo.syncs import schedule as sync_schedule
from klaviyo.syncs.run import engine as sync_engine
from klaviyo.syncs.run import runs as sync_runs
from klaviyo.webhooks import process
from klaviyo.webhooks import turns as webhook_turns

QUANTUM_SECONDS = 10.0


@shared_task(ignore_result=True)
def heed() -> None:
    """Act on what accounts have told us."""
    process.all_due()


@shared_task(ignore_result=True)
def watch() -> None:
    """See that every account tells us of changed consent, and ask those that do not."""
    webhook_turns.take_all()


@shared_task(ignore_result=True)
def confirm() -> None:
    """Read back what accounts have taken."""
    confirmation_turns.take_all()


@shared_task(ignore_result=True)
def read_lists() -> None:
    """Read the lists of accounts, for people to choose from."""
    account_lists.take_all()


@shared_task(ignore_result=True)
def read_flows() -> None:
    """Read which flows listen to our events, and what they have earned."""
    listening.take_all()
    revenue.take_all()


@shared_task(ignore_result=True)
def make_kits() -> None:
    """Make or remove starter kits, as operators have asked."""
    starter_kit_turns.take_all()


@shared_task(ignore_result=True)
def repeat_erasures() -> None:
    """Go on with what is not done yet of erasures."""
    repeat.go_on()


@shared_task(ignore_result=True)
def look_at_imports() -> None:
    """See how imports of profiles have ended."""
    import_results.look()


@shared_task(ignore_result=True)
def tell_noes() -> None:
    """Tell accounts that were joined or connected anew of what people have said no to, and what waited for it."""
    ends_at = time.monotonic() + QUANTUM_SECONDS

    def is_over() -> bool:
        return shutdown.asked() or time.monotonic() > ends_at

    missed.go_on(is_over)
    if not is_over():  # as long as a store is not told of all noes, it has its turn again
        joined_anew.go_on(is_over)
    if not is_over():
        stored_since.go_on(is_over)


@shared_task(ignore_result=True)
def backfill() -> None:
    """Go on with telling accounts of everybody who is in a store's programs already."""
    ends_at = time.monotonic() + QUANTUM_SECONDS
    backfilling.go_on(lambda: shutdown.asked() or time.monotonic() > ends_at)


@shared_task(ignore_result=True)
def sync() -> None:
    """Go on with the syncs that are due or under way."""
    ends_at = time.monotonic() + QUANTUM_SECONDS
    sync_schedule.begin_what_is_due()
    sync_engine.go_on(lambda: shutdown.asked() or time.monotonic() > ends_at)


@shared_task(ignore_result=True)
def end_runs() -> None:
    """Close runs of actions whose program has died, and forget what old ones say, and what old backfills do."""
    abandoned.close()
    action_retention.forget()
    backfill_problems.forget()
    sync_runs.forget_samples()


@shared_task(ignore_result=True)
def run_action(run: str) -> None:
    """Do a run that nobody waits for any more; delivered twice, the second finds it taken."""
    queued_runs.go_on(run)


@shared_task(ignore_result=True)
def run_actions() -> None:
    """Do the runs of which no worker has heard."""
    ends_at = time.monotonic() + QUANTUM_SECONDS
    queued_runs.go_on_with_all(lambda: shutdown.asked() or time.monotonic() > ends_at)
