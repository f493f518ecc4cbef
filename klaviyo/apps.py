"""The app where referrals and integrations meet: everything that knows Klaviyo's name."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KlaviyoConfig(AppConfig):
    name = "klaviyo"
    verbose_name = "Klaviyo"

    def ready(self) -> None:
        from integrations import providers
        from klaviyo import receivers, tasks  # noqa: F401  (connects the receivers; all reasons are declared then)
        from klaviyo.pages import operators
        from klaviyo.provider import KLAVIYO

        providers.register(KLAVIYO)
        post_migrate.connect(operators.ensure_group, sender=self)
