"""Requests to addresses that an operator typed in: they go to the world outside, and never into our own network.

Whoever may type an address could otherwise have the site ask what only the site can reach (OWASP: Server Side Request
Forgery, https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html). The
name is looked up once, and the connection goes to the address that was looked at.
"""

import socket
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    import requests

#: All else of IPv6 is nobody's, a translator's or a site's own: RFC 4291, 2.4; RFC 3879; RFC 8215.
WORLD = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1: the last 32 bits are an IPv4 address


class Inside(Exception):
    """The address lies in our own network, or is none of the world outside."""


def session() -> "requests.Session":
    """A session whose connections lead outside, or raise Inside."""
    import requests  # heavy

    from integrations.wire import http

    found = http.through_the_door(requests.Session())
    for scheme in ("https://", "http://"):
        found.mount(scheme, _door()(pool_connections=1, pool_maxsize=1))
    return found


def is_outside(address: str) -> bool:
    """Whether an IP address may be asked: the world's, or one of NOTICE_NETWORKS."""
    found = _meant(ip_address(address.split("%", 1)[0]))
    if any(found in ip_network(network) for network in settings.NOTICE_NETWORKS):
        return True
    if isinstance(found, IPv6Address) and found not in WORLD:
        return False
    return found.is_global and not found.is_multicast


def look_up(host: str, port: int) -> str:
    """An IP address of the host. Raises Inside where one of them is; OSError where there is none."""
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:
        raise OSError("This is the name of no host.") from None
    if not all(map(is_outside, found)):
        raise Inside
    return found[0]


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does (RFC 4291, 2.5.5.2; RFC 3056; RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


@cache
def _door() -> Any:
    from urllib3.connectionpool import HTTPConnectionPool

    from integrations.wire.door import POOLS, Door  # brings requests

    def leading_outside(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        class Connection(pool.ConnectionCls):  # type: ignore[name-defined, misc]
            _dns_host: str

            def _new_conn(self) -> socket.socket:
                """urllib3 2 connects to `_dns_host`, and checks the certificate for `host`, which is read from it."""
                name, self._dns_host = self._dns_host, look_up(self._dns_host, self.port)
                try:
                    made: socket.socket = super()._new_conn()
                    return made
                finally:
                    self._dns_host = name

        return type("Pool", (pool,), {"ConnectionCls": Connection})

    class OutsideDoor(Door):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {name: leading_outside(pool) for name, pool in POOLS.items()}

    return OutsideDoor
