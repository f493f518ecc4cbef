"""Webhook endpoint, to which Klaviyo posts changed consent."""

import logging

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

LARGEST = 6 * 1024 * 1024  # bytes, for a thousand items; how large a body may be is not published

log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Store what a signed request tells, and say no more than that it was or was not taken."""
    from klaviyo.webhooks import receive  # with the first post, like other views

    try:
        body = _body(request)
        if body is None:
            return HttpResponse(status=413)
        receive.receive(request.headers, body)
    except receive.NotTheirs:
        return HttpResponse(status=403)
    except (receive.Unreadable, UnreadablePostError):
        return HttpResponse(status=400)
    except DatabaseError as error:
        log.error("What an account told us could not be stored (%s); it will be told again.", type(error).__name__)
        return HttpResponse(status=503)  # for another try; when Klaviyo makes one is not published
    return HttpResponse(status=200)


def _body(request: HttpRequest) -> bytes | None:
    """The raw bytes, whatever DATA_UPLOAD_MAX_MEMORY_SIZE says of forms; None when they are too many.

    https://docs.djangoproject.com/en/5.2/ref/settings/#data-upload-max-memory-size
    """
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > LARGEST:
        return None
    body: bytes = request.read(LARGEST + 1)
    return body if len(body) <= LARGEST else None
