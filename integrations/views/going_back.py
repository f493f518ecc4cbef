"""Back to where a button was."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def to(request: HttpRequest, otherwise: str) -> str:
    """The address that the form names, if that is a page of ours."""
    address = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/"):
        return address
    return otherwise
