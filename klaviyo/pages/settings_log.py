"""Log entries of store settings: who joined or changed what."""

from typing import cast

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from klaviyo.models import StoreSetting


def note(request: HttpRequest, setting: StoreSetting, flag: int, sentence: str) -> None:
    """Put on record that the signed-in user did this; `flag` is Django's ADDITION or CHANGE."""
    rows = StoreSetting.objects.filter(pk=setting.pk)
    user = cast(AbstractBaseUser, request.user)  # signed in: `for_operators` has seen to it
    LogEntry.objects.log_actions(user.pk, rows, flag, sentence, single_object=True)
