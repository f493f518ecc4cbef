"""Where Klaviyo tells us of changed consent."""

from django.http import HttpRequest, HttpResponse


def receive(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)
