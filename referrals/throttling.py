"""Rate limit of the public forms: posts are counted per network in Django's cache, without a stored address."""

import logging
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from referrals import visitors

MOST_POSTS = 30  # a network may be a whole office
WINDOW = timedelta(minutes=10)

logger = logging.getLogger(__name__)


def seconds_to_wait(request: HttpRequest, form: str) -> int:
    """Counts one more try at `form`: 0 when it may go on, else the seconds until the window ends.

    A cache that is away stops nobody. One that each process keeps for itself counts per process.
    """
    window = int(WINDOW.total_seconds())
    number, passed = divmod(int(timezone.now().timestamp()), window)
    key = salted_hmac("referrals.throttling", f"{form}\n{network(visitors.address(request))}\n{number}").hexdigest()
    try:
        tries = _count(f"referrals:throttling:{key}", window)
    except Exception as error:  # whatever the configured cache raises
        logger.error("Tries at a form could not be counted: %s", type(error).__name__)
        return 0
    return window - passed if tries > MOST_POSTS else 0


def network(address: str) -> str:
    """The neighbourhood of an address, as one provider gives it out: /24 of IPv4, /56 of IPv6."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            return str(IPv6Network((int(ip), 56), strict=False))
        ip = ip.ipv4_mapped
    return str(IPv4Network((int(ip), 24), strict=False))


def _count(key: str, seconds: int) -> int:
    if cache.add(key, 1, seconds):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # it has just run out
        return 1
