"""Probes of orchestrators and Prometheus: they ask one process by its address, so their Host is none of the site's."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

PATHS = {"/health", "/health/", "/health/live", "/health/ready", "/metrics"}


class AnyHost:
    """Lets those few addresses be asked by any Host. None of them makes a link of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PATHS:
            # As https://kubernetes.io/docs/concepts/workloads/pods/probes/ sends it: the pod's address and port.
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        return self.get_response(request)
