"""The pages of integrations, mounted below the admin. `<provider:…>` matches installed providers only."""

from django.urls import path, register_converter
from django.urls.converters import SlugConverter

from integrations import providers
from integrations.pages.visiting import view
from integrations.providers import Provider


class ProviderConverter(SlugConverter):
    """A provider's slug, handed to views as the provider itself; any other word is left to other routes."""

    def to_python(self, value: str) -> Provider:  # type: ignore[override]
        try:
            return providers.get(value)
        except KeyError:
            raise ValueError from None

    def to_url(self, value: Provider | str) -> str:
        return value.slug if isinstance(value, Provider) else value


register_converter(ProviderConverter, "provider")

app_name = "integrations"

urlpatterns = [
    # Connecting: every change is a POST, except the callback, which a provider's redirect leads to.
    path("<provider:provider>/connect", view("integrations.pages.connecting.connect"), name="connect"),
    path("<provider:provider>/enable", view("integrations.pages.connecting.enable"), name="enable"),
    path("<provider:provider>/install", view("integrations.pages.connecting.install"), name="install"),
    path("<provider:provider>/key", view("integrations.pages.connecting.connect_by_key"), name="connect_by_key"),
    path("<provider:provider>/callback", view("integrations.pages.connecting.callback"), name="callback"),
    path("<int:connection_id>/reconnect", view("integrations.pages.connecting.reconnect"), name="reconnect"),
    path("<int:connection_id>/allow", view("integrations.pages.connecting.allow_again"), name="allow_again"),
    path("<int:connection_id>/key", view("integrations.pages.connecting.reconnect_by_key"), name="reconnect_by_key"),
    path("offers/<uuid:uid>/", view("integrations.pages.connecting.offer"), name="offer"),
    path("<int:connection_id>/disconnect", view("integrations.pages.connecting.disconnect"), name="disconnect"),
    path("<int:connection_id>/stay", view("integrations.pages.connecting.stay"), name="stay"),
    path("<int:connection_id>/decide", view("integrations.pages.connecting.decide"), name="decide"),
    # Pages
    path("", view("integrations.pages.connections.index"), name="index"),
    path("deliveries/", view("integrations.pages.deliveries.deliveries"), name="deliveries"),
    path("deliveries/retry", view("integrations.pages.deliveries.retry"), name="retry"),
    path("deliveries/<int:delivery_id>/", view("integrations.pages.deliveries.delivery"), name="delivery"),
    path("messages/release", view("integrations.pages.message_hold.release"), name="release_messages"),
    path("activity/", view("integrations.pages.activity.activity"), name="activity"),
    path("activity/export", view("integrations.pages.activity.export"), name="activity_export"),
    path("notices/", view("integrations.pages.notices.index"), name="notices"),
    path("notices/add", view("integrations.pages.notices.add"), name="add_notice"),
    path("notices/<uuid:address_id>/test", view("integrations.pages.notices.test"), name="test_notice"),
    path("notices/<uuid:address_id>/switch", view("integrations.pages.notices.switch"), name="switch_notice"),
    path("notices/<uuid:address_id>/remove", view("integrations.pages.notices.remove"), name="remove_notice"),
    path("notices/sent/<int:notice_id>", view("integrations.pages.notices.send_again"), name="send_notice_again"),
    path("tokens/", view("integrations.pages.api_tokens.index"), name="api_tokens"),
    path("tokens/make", view("integrations.pages.api_tokens.make"), name="make_api_token"),
    path("tokens/<int:token_id>/revoke", view("integrations.pages.api_tokens.revoke"), name="revoke_api_token"),
    path("<int:connection_id>/", view("integrations.pages.connections.connection"), name="connection"),
    path("<int:connection_id>/check", view("integrations.pages.connections.check"), name="check"),
    path("<int:connection_id>/pause", view("integrations.pages.connections.pause"), name="pause"),
    path("<int:connection_id>/resume", view("integrations.pages.connections.resume"), name="resume"),
    path("<provider:provider>/", view("integrations.pages.connections.provider"), name="provider"),
]
