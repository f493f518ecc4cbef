"""Redirects back to the page where a button was, if that is a page of ours (no open redirect)."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def to(request: HttpRequest, otherwise: str, permission: str) -> str:
    """The address that the form names, if that is a page of ours; without the pages' permission it is Home."""
    if not request.user.has_perm(permission):
        return reverse("admin:index")
    address = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/"):
        return address
    return otherwise
