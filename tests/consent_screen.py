"""To Klaviyo's consent screen and back, as an operator's browser goes."""

from urllib.parse import parse_qs, urlsplit

import requests
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

TEA_HOUSE_LTD = "VxYz12"


def visit(
    browser: Client,
    account: str = TEA_HOUSE_LTD,
    decision: str = "allow",
    start: str = "",
    scope: str = "",
) -> HttpResponseBase:
    """What our callback answers. `start` is where to post first; `scope` grants less than is asked for."""
    answer = browser.post(start or reverse("integrations:connect", args=["klaviyo"]))
    screen = urlsplit(answer["Location"])
    form = {name: values[0] for name, values in parse_qs(screen.query).items()}
    form |= {"account": account, "decision": decision} | ({"scope": scope} if scope else {})
    back = requests.post(screen._replace(query="").geturl(), data=form, allow_redirects=False, timeout=10)
    callback = urlsplit(back.headers["Location"])
    return browser.get(f"{callback.path}?{callback.query}")
