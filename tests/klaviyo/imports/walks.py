"""A walk from its beginning to the end of its imports, and who is known afterwards."""

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.utils import timezone

from integrations.models import Job
from klaviyo.imports import results
from klaviyo.sandbox import Sandbox
from tests.klaviyo.story import TEA


def backfill(store: str = "tea-house", *options: str) -> str:
    said = StringIO()
    call_command("backfill", "--store", store, *options, stdout=said, stderr=said)
    return said.getvalue()


def end_imports() -> None:
    Job.objects.update(next_look_at=timezone.now() - timedelta(seconds=1))
    results.look()


def emails(sandbox: Sandbox, account: str = TEA) -> set[str]:
    return {profile.email for profile in sandbox.profiles(account) if profile.email}
