"""The share link: a friend is redirected to the shop, and the landing is kept."""

import hashlib
import logging
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from referrals import codes, throttling, visitors
from referrals.models import URL_LENGTH, Advocate, Channel, Landing, Store
from referrals.views import public

logger = logging.getLogger(__name__)

NOWHERE = "This link leads nowhere. Please ask your friend to send it again."


@csrf_exempt  # so that a POST hears 405, and not about a token
@require_safe
def share_link(request: HttpRequest, code: str) -> HttpResponse:
    """On to the shop, with the code; a code of nobody gets the same answer for the same work."""
    known_as = codes.read(code)
    shop = _shop(known_as) if known_as else None
    if known_as is None or shop is None:
        response: HttpResponse = HttpResponseNotFound(NOWHERE, content_type="text/plain; charset=utf-8")
    else:
        page = _with_code(shop, known_as)
        response = HttpResponseRedirect(page)
        if request.method == "GET" and visitors.is_person(request):
            _remember(request, known_as, page)
    return public.keep_private(response)


def _shop(code: str) -> str | None:
    """The address of the code's shop, or of the shop that an unknown code falls on; None without any shop."""
    place = int.from_bytes(hashlib.sha256(code.encode()).digest()[:4]) >> 1
    ring = Store.objects.order_by("ring", "pk").values("pk")
    own = Advocate.objects.filter(referral_code=code).values("program__store")
    chosen = Coalesce(Subquery(own[:1]), Subquery(ring.filter(ring__gte=place)[:1]), Subquery(ring[:1]))
    return Store.objects.filter(pk=chosen).values_list("url", flat=True).first()


def _with_code(shop: str, code: str) -> str:
    parts = urlsplit(shop)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "ref"]
    return parts._replace(path=parts.path or "/", query=urlencode([*query, ("ref", code)])).geturl()


def _remember(request: HttpRequest, code: str, page: str) -> None:
    """Keep the landing, unless too many come from the network: as many of codes that nobody has as of any other."""
    channel = request.GET.get("channel", "")
    network = throttling.mark(request)
    try:
        if not throttling.may_land(network):
            return
        Landing.objects.create(
            code=code,
            visitor=visitors.mark(request),
            network=network,
            landing_page=page,
            referrer=visitors.header(request, "Referer", URL_LENGTH),
            channel=channel if channel in Channel.values else Channel.LINK,
            invite_uid=_invite_uid(request),
        )
    except DatabaseError as error:  # the friend goes to the shop all the same
        logger.error("A landing could not be stored: %s", type(error).__name__)


def _invite_uid(request: HttpRequest) -> UUID | None:
    """Which invite has brought the friend here, if that can be read; whether it exists is found out later."""
    try:
        return UUID(request.GET.get("i", ""))
    except ValueError:
        return None
