"""Rate limits of what is open to everybody: the public forms, and landings at share links; counted per network."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from referrals import tallies, visitors

MOST_POSTS = 30  # a network may be a whole office
WINDOW = timedelta(minutes=10)

MOST_LANDINGS = 120  # of one network in an hour, at known and unknown codes alike
HOUR = timedelta(hours=1)


def seconds_to_wait(request: HttpRequest, form: str) -> int:
    """Counts one more try at `form`: 0 when it may go on, else the seconds until the window ends."""
    tries = tallies.count("forms", f"{form}\n{network(visitors.address(request))}", WINDOW)
    if tries.number <= MOST_POSTS:
        return 0
    return max(1, -(-(tries.ends_at - timezone.now()) // timedelta(seconds=1)))


def may_land(mark: str) -> bool:
    """Counts one more landing from a network, by its mark; whether it may be kept."""
    return tallies.count("landings", mark, HOUR).number <= MOST_LANDINGS


def mark(request: HttpRequest) -> str:
    """The same for all neighbours during one day, and no way back to where that is."""
    where = f"{timezone.now().date().isoformat()}\n{network(visitors.address(request))}"
    return salted_hmac("referrals.network", where, algorithm="sha256").hexdigest()


def network(address: str) -> str:
    """The neighbourhood of an address, as one provider gives it out: /24 of IPv4, /56 of IPv6.

    What is no address is one neighbourhood, whatever is said.
    """
    ip = visitors.ip_in(address)
    if ip is None:
        return ""
    if isinstance(ip, IPv6Address):
        return str(IPv6Network((int(ip), 56), strict=False))
    return str(IPv4Network((int(ip), 24), strict=False))
