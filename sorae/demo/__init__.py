"""The demo: three stores, three Klaviyo accounts and six weeks of referrals, on this machine alone."""


class DemoError(Exception):
    """A sentence on why the demo cannot start or go on, and what to do."""
