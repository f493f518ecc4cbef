"""Retention of notices: what was told is kept for thirty days."""

from datetime import timedelta

from django.utils import timezone

from integrations.models import Notice, NoticeDelivery

KEPT = timedelta(days=30)
AT_ONCE = 1000


def forget() -> int:
    """Delete notices that are old and told to everybody, or given up; how many, at most AT_ONCE."""
    waiting = NoticeDelivery.objects.filter(state=NoticeDelivery.State.WAITING).values("notice")
    old = Notice.objects.filter(at__lt=timezone.now() - KEPT).exclude(pk__in=waiting)
    rows = list(old.order_by("at").values_list("pk", flat=True)[:AT_ONCE])
    Notice.objects.filter(pk__in=rows).delete()
    return len(rows)
