"""The demo: three stores, three Klaviyo accounts and six weeks of referrals, on this machine alone."""
