"""Look-up parameters of the admin's lists: what no database can look for is left out, and the page says so.

Django leaves out what it cannot build a query of; what fails later, when the query runs, it does not catch:
https://docs.djangoproject.com/en/5.2/ref/contrib/admin/#django.contrib.admin.ModelAdmin.lookup_allowed
"""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ERROR_FLAG, SEARCH_VAR
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponseBadRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse

MOST_WORDS, LONGEST_SEARCH = 20, 500  # each word is looked for in every column of every row
NOT_UNDERSTOOD = "That cannot be looked for, so everything is shown."
PASSED_ON = (SuspiciousOperation, ImproperlyConfigured, PermissionDenied, Http404)  # as Django's own list does

_WITHOUT_BOUND = re.compile(r"__i?regex\Z")  # a pattern may take for ever, on SQLite and on PostgreSQL

View = Callable[..., HttpResponseBase]

log = logging.getLogger(__name__)


def guarded(view: View) -> View:
    """A view of the admin site; lists, and the suggestions of a search, are answered whatever is asked for."""
    match getattr(view, "__name__", ""):
        case "changelist_view":
            return _list(view)
        case "autocomplete_view":
            return _suggestions(view)
        case _:
            return view


def _list(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if _has_odd_rows(request):
            return _everything(request)
        if not set(request.GET) - {ERROR_FLAG}:
            return view(request, *args, **kwargs)
        if _is_too_much(request, SEARCH_VAR):
            return _everything(request)
        try:
            response = view(request, *args, **kwargs)
            return response.render() if isinstance(response, SimpleTemplateResponse) else response
        except PASSED_ON:
            raise
        except Exception as error:  # look-ups and both databases have many ways to refuse; a fault of ours shows again
            log.warning("%s cannot show what it was asked for (%s).", request.path, type(error).__name__)
            return _everything(request)

    return answer


def _suggestions(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if _is_too_much(request, "term"):
            return HttpResponseBadRequest(NOT_UNDERSTOOD)
        try:
            return view(request, *args, **kwargs)
        except PASSED_ON:
            raise
        except (ValueError, DatabaseError):
            return HttpResponseBadRequest(NOT_UNDERSTOOD)

    return answer


def _is_too_much(request: HttpRequest, search: str) -> bool:
    words = request.GET.get(search, "")
    is_long = len(words) > LONGEST_SEARCH or len(words.split()) > MOST_WORDS
    return is_long or any(_WITHOUT_BOUND.search(name) for name in request.GET)


def _has_odd_rows(request: HttpRequest) -> bool:
    """Whether the rows that were ticked for an action are none that a list has."""
    ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
    return not all(row.isascii() and row.isdigit() and len(row) < len(str(2**63)) for row in ticked)


def _everything(request: HttpRequest) -> HttpResponseBase:
    """The list without its parameters, as Django's own answer is to those that it does not understand."""
    messages.warning(request, NOT_UNDERSTOOD)
    return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
