"""Large forms: a page that reads more than the site's forms may hold, and says in a sentence when it is too much."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from integrations.api.endpoint import LARGEST, MULTIPART

READ_AWAY = 64 * 1024 * 1024  # bytes: a browser shows no answer before it has sent its form
AT_ONCE = 64 * 1024

View = Callable[..., HttpResponseBase]


def takes_large_forms(view: View) -> View:
    """The staff's forms of up to 7 MB. The path must be `csrf_exempt`, or the middleware reads the form before this
    does; the view below still asks for the token, as all of the admin do.
    """

    @wraps(view)
    def taken(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST" or not request.user.is_staff:
            return view(request, *args, **kwargs)
        try:
            _read(request)
            return view(request, *args, **kwargs)
        except RequestDataTooBig:
            messages.error(request, _too_large(request))
            _read_away(request)
            return redirect(request.path)

    return taken


def _read(request: HttpRequest) -> None:
    """Django keeps to one size for all addresses, but does not measure a body that was read already.

    https://docs.djangoproject.com/en/5.2/ref/settings/#data-upload-max-memory-size
    """
    if request.content_type == MULTIPART:  # read by Django: the size is that of all but its files
        return
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise RequestDataTooBig
    request._body = body


def _too_large(request: HttpRequest) -> str:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if request.content_type == MULTIPART else LARGEST
    file = " A picture is chosen as a file again, and not pasted." if request.content_type == MULTIPART else ""
    return (
        f"The form held more than {most / 1024 / 1024:g} MB, so it was not read, and nothing was run.{file} "
        "Send it in smaller parts, or by the command with --input and a file."
    )


def _read_away(request: HttpRequest) -> None:
    for _ in range(READ_AWAY // AT_ONCE):
        if not request.read(AT_ONCE):
            break
