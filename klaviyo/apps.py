"""Django app of Klaviyo, where referrals and integrations meet."""

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate


class KlaviyoConfig(AppConfig):
    name = "klaviyo"
    verbose_name = "Klaviyo"

    def ready(self) -> None:
        from integrations import providers
        from integrations.api import abilities, registry
        from klaviyo import account_lists, receivers  # noqa: F401  (connects the receivers)
        from klaviyo.api import retirement
        from klaviyo.confirmation import missing  # noqa: F401  (like the others, for the reasons that it declares)
        from klaviyo.consent import reach  # noqa: F401
        from klaviyo.delivery.sends import missed  # noqa: F401
        from klaviyo.endpoints.abilities import declared
        from klaviyo.imports import backfill_chunks, results  # noqa: F401
        from klaviyo.pages import operators
        from klaviyo.provider import KLAVIYO
        from klaviyo.syncs.run import results as sync_results  # noqa: F401  (which hears how imports end)
        from klaviyo.webhooks import effects, register  # noqa: F401

        providers.register(KLAVIYO)
        abilities.declare(*declared())
        registry.register("klaviyo.endpoints.addresses")
        checks.register(retirement.is_near)
        post_migrate.connect(operators.ensure_groups, sender=self)
