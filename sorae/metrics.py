"""The /metrics page: Prometheus' text format, computed from the database when it is asked for.

https://prometheus.io/docs/instrumenting/exposition_formats/. No process keeps a count of its own, so it does not matter
which one is asked.
"""

from hmac import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sorae import metric_series
from sorae.metric_series import Series

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN; where none is set there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    told = request.headers.get("Authorization", "")
    if not compare_digest(told.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("Give the token.\n", content_type="text/plain", status=401, headers=headers)
    return HttpResponse(text(metric_series.all_series()), content_type=TEXT)


def text(series: list[Series]) -> str:
    return "".join(map(_lines, series))


def _lines(series: Series) -> str:
    head = f"# HELP {series.name} {series.help}\n# TYPE {series.name} {series.type}\n"
    return head + "".join(f"{series.name}{_labels(labels)} {_number(value)}\n" for labels, value in series.values)


def _labels(labels: dict[str, str]) -> str:
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
