"""The demo: two stores, two Klaviyo accounts and six weeks of a referral program, on this machine alone."""
