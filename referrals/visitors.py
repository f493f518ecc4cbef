"""Visitors: people told from bots, their addresses, and an opaque mark by which each is counted once."""

import re
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

LONGEST_ADDRESS = 100

# Beside the public list: what fetches a link for somebody who shares it, and whoever says how to reach its operator.
_MACHINE = re.compile(
    r"(?<!cu)bot\b|bot[/;-]|crawl|spider|slurp|preview|scan|monitor|headless|lighthouse|facebookexternalhit"
    r"|meta-external|whatsapp/|embedly|curl/|wget/|python|java/|okhttp|go-http|httpclient|axios|node-fetch"
    r"|ms-?office|cardyb|-scrap/|imgproxy|unfurl|onebox|oembed|cfnetwork|phantomjs|puppeteer|playwright|selenium"
    r"|rocket\.?chat|akkoma|friendica|lemmy/|peertube|mastodon|misskey|mattermost|perplexity|proofpoint|mimecast"
    r"|barracuda|safelinks|urllib|https?://|\bmailto:|\w@[\w-]+(?:\.[\w-]+)*\.[a-z]{2}"
    r"|powershell|image-?proxy|fortiguard|catchpoint|google-(?:assess|safety)|googleadsense|virustotal|symantec"
    r"|^(?:viber|signal|wechat|tumblr|threads|bluesky|zulip|zoom|notion|microsoft|teams|outlook|nextcloud)\b"
    r"|^(?:guzzle|httpx|rest-client|insomnia|datadog|prometheus|varnish|http)\b|^\W+$|^mozilla(?:/[\d.]+)?$"
    r"|\(compatible;(?! ?(?:msie|konqueror))|^\W*(?:node|deno|bun|ruby|php|perl)\b",
    re.IGNORECASE,
)
# The name of a phone or tablet says nothing about who holds it: there are an M bot 60, a Spider 8 and an iRobot.
_DEVICE = re.compile(r"(\bAndroid [\d.]+;(?: ?[a-z]{2}[-_][a-z]{2};)?)[^;]*?(?= Build/|[;)])", re.IGNORECASE)
# Its patterns take their time over long words, which no browser's name has.
_LONG_WORD = re.compile(r"([\w.-]{40})[\w.-]+")
_LONGEST_KNOWN = 400
_BROWSER = re.compile(
    r"(?:Mozilla|Opera)/\d.*(?:Gecko|AppleWebKit|KHTML|Trident|MSIE|Presto|Mobile/)|(?:Lynx|E?Links|w3m)\b",
    re.IGNORECASE,
)
_TEXT_BROWSER = re.compile(r"(?:Lynx|E?Links|w3m)[/ ]")  # Lynx also names libwww, by which machines are known
_MAIL_PROGRAM = re.compile(r"thunderbird|outlook", re.IGNORECASE)
_FETCHED_AHEAD = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\[(?P<ip>[^\[\]]+)\](?::\d*)?")
_WITH_PORT = re.compile(r"(?P<ip>.+):\d{0,5}")


def is_person(request: HttpRequest) -> bool:
    """Whether a browser shows the page to somebody; programs and pages fetched ahead of a click do not."""
    ahead = " ".join(header(request, name, 100) for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    browser = header(request, "User-Agent", 500)
    return bool(browser) and not _FETCHED_AHEAD.search(ahead) and not _is_machine(browser)


def is_browser(request: HttpRequest) -> bool:
    """Whether who asks gives the name of a browser, as all do that people use; programs give any name."""
    agent = header(request, "User-Agent", 500)
    return bool(_BROWSER.match(agent)) and not _MAIL_PROGRAM.search(agent)


def mark(request: HttpRequest) -> str:
    """The same for one browser during one day (UTC), and no way back to the address, which is stored nowhere."""
    return _mark(request, timezone.now())


def mark_beyond_midnight(request: HttpRequest, within: timedelta) -> str:
    """The mark of the day that ended so lately, or begins so soon; empty in the middle of a day."""
    now = timezone.now()
    for moment in (now - within, now + within):
        if moment.date() != now.date():
            return _mark(request, moment)
    return ""


def header(request: HttpRequest, name: str, longest: int) -> str:
    """What a request says about itself, without what cannot be printed, and cut."""
    return _printable(request.headers.get(name, "")[:longest])


def address(request: HttpRequest) -> str:
    """The browser's address, seen past as many proxies as `TRUSTED_PROXIES` says stand before the site.

    Each proxy appends whom it hears, so only the end of the header is true: a visitor may begin it with anything.
    A hop is read with or without a port. Where it is no address ("unknown"), it is whoever has connected to us: all
    such visitors are one. Empty where that is none either, as on a socket in the file system.
    """
    proxies = int(getattr(settings, "TRUSTED_PROXIES", 0))
    told = request.headers.get("X-Forwarded-For", "").split(",")
    peer = str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in told if hop.strip()] + [peer]
    ip = ip_in(hops[-1 - min(proxies, len(hops) - 1)]) or ip_in(peer)
    return str(ip) if ip else ""


def ip_in(told: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: 203.0.113.7, 203.0.113.7:4711, 2001:db8::7, [2001:db8::7], [2001:db8::7]:4711.

    An IPv6 address with a port and no brackets is read without it where it is none with it.
    """
    word = told.strip().strip('"')[:LONGEST_ADDRESS]
    if found := _IN_BRACKETS.fullmatch(word):
        return _ip(found["ip"])
    found = _WITH_PORT.fullmatch(word)
    return _ip(word) or (_ip(found["ip"]) if found else None)


def _ip(word: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(word.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _is_machine(browser: str) -> bool:
    if _TEXT_BROWSER.match(browser):
        return False
    told = _DEVICE.sub(r"\1", browser)
    return bool(_MACHINE.search(told)) or _crawlers().is_crawler(_LONG_WORD.sub(r"\1", told[:_LONGEST_KNOWN]))


@cache
def _crawlers() -> Any:
    from crawlerdetect import CrawlerDetect  # compiles hundreds of patterns

    return CrawlerDetect()


def _mark(request: HttpRequest, moment: datetime) -> str:
    who = (moment.date().isoformat(), address(request), header(request, "User-Agent", 500))
    return salted_hmac("referrals.visitor", "\n".join(who), algorithm="sha256").hexdigest()


def _printable(value: str) -> str:
    return "".join(character for character in value if character.isprintable()).strip()
