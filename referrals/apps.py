"""The referrals app: stores, their programs, people, and the facts of a referral's life."""

from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"
    verbose_name = "Referrals"

    def ready(self) -> None:
        from referrals import checks  # noqa: F401  (registers the system checks)
