"""Webhooks of changed consent, and polling where an account allows none.

`register` makes the account's webhook, `view` and `receive` store what it posts, `process` claims notices and `effects`
acts on each, `polling` asks for suppressions, `retention` deletes, and `turns` decides whose turn it is. What follows
from a person's opt-out is in `klaviyo.consent.opt_outs`.
"""
