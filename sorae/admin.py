"""The product's admin site: Django's own, under the product's name and theme."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from sorae import lookups, navigation, zones
from sorae.login_throttling import SignInForm


class Site(AdminSite):
    """Every page carries the navigation; the first one says how things stand."""

    site_header = "Sorae"
    site_title = "Sorae"
    index_title = "Home"
    enable_nav_sidebar = False
    login_form = SignInForm

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from integrations.pages import attention  # with the first page, like other views

        needed = attention.of(request)
        links = navigation.of(request, needed.connections)
        shown = {"own_zone": zones.own(request), "shown_zone": str(zones.shown(request))}
        return super().each_context(request) | {"navigation": links, "hold_notice": needed.hold_notice} | shown

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(lookups.guarded(view), cacheable)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from integrations.pages import overview

        return super().index(request, (extra_context or {}) | overview.home(request))
