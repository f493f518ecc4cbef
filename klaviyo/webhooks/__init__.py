"""Hears of changed consent: by a webhook where the account allows one, and by asking where it does not.

`registering` sees to the webhook, `hearing` stores what it tells, `heeding` acts on it, `pulling` asks, `forgetting`
keeps no more than must be, and `looking` decides whose turn it is. What follows from a person's no is in
`klaviyo.consent.opt_outs`.
"""
