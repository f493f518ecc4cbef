"""The share link: a friend is redirected to the shop, and the landing is kept."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from referrals import codes, links, text, throttling, visitors
from referrals.lifecycle.visits import ONE_VISIT
from referrals.models import URL_LENGTH, Advocate, Channel, Landing, Store
from referrals.views import public

logger = logging.getLogger(__name__)

NOWHERE = "This link leads nowhere. Please ask your friend to send it again."


@csrf_exempt  # so that a POST hears 405, and not about a token
@require_safe
def share_link(request: HttpRequest, code: str) -> HttpResponse:
    """On to the shop, with the code and the campaign; a code of nobody gets the same answer for the same work."""
    known_as = codes.read(links.before_words(code))
    shop = _shop(known_as) if known_as else None
    if known_as is None or shop is None:
        response: HttpResponse = HttpResponseNotFound(NOWHERE, content_type="text/plain; charset=utf-8")
    else:
        campaign = links.campaign(links.query(request))
        page = _page(shop, known_as, campaign)
        response = HttpResponseRedirect(page)
        response["Location"] = page  # byte for byte, where the redirect would quote more than it must
        if request.method == "GET" and visitors.is_person(request):
            _remember(request, known_as, _page(shop, known_as, links.about_nobody(campaign)))
    return public.keep_private(response)


def _shop(code: str) -> str | None:
    """The address of the code's shop, or of the shop that an unknown code falls on; None without any shop."""
    place = int.from_bytes(hashlib.sha256(code.encode()).digest()[:4]) >> 1
    ring = Store.objects.order_by("ring", "pk").values("pk")
    own = Advocate.objects.filter(referral_code=code).values("program__store")
    chosen = Coalesce(Subquery(own[:1]), Subquery(ring.filter(ring__gte=place)[:1]), Subquery(ring[:1]))
    return Store.objects.filter(pk=chosen).values_list("url", flat=True).first()


def _page(shop: str, code: str, campaign: Sequence[str]) -> str:
    """The shop's own address with the code; a parameter that the shop has set itself is not said twice."""
    parts = urlsplit(shop)
    own = [piece for piece in parts.query.split("&") if links.name(piece) != "ref"] if parts.query else []
    names = {links.name(piece) for piece in own}
    added = [piece for piece in campaign if links.name(piece) not in names]
    query = "&".join([*own, *added, f"ref={code}"])
    return links.printable(parts._replace(path=parts.path or "/", query=query).geturl())


def _remember(request: HttpRequest, code: str, page: str) -> None:
    """Keep the landing, unless too many come from the network: as many of codes that nobody has as of any other."""
    told = links.own(links.query(request))
    channel = told.get("channel", "")
    network = throttling.mark(request)
    try:
        if not throttling.may_land(network):
            return
        Landing.objects.create(
            code=code,
            visitor=visitors.mark(request),
            visitor_beyond_midnight=visitors.mark_beyond_midnight(request, ONE_VISIT),
            network=network,
            is_browser=visitors.is_browser(request),
            landing_page=text.cut(Landing, "landing_page", page),
            referrer=visitors.header(request, "Referer", URL_LENGTH),
            channel=channel if channel in Channel.values else Channel.LINK,
            invite_uid=_invite_uid(told.get("i", "")),
        )
    except DatabaseError as error:  # the friend goes to the shop all the same
        logger.error("A landing could not be stored: %s", type(error).__name__)


def _invite_uid(told: str) -> UUID | None:
    """Which invite has brought the friend here, if that can be read; whether it exists is found out later.

    A mail that is shown as it was encoded has =3D for = (RFC 2045, 6.7).
    """
    for uid in (told, told.removeprefix("3D")):
        with suppress(ValueError):
            return UUID(uid)
    return None
