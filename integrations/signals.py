"""Signals of connections, in the past tense: `account_replaced`.

account_replaced(sender=Connection, old, new)
    Sent once an operator has decided that the account of `new` takes the place of that of `old`, inside the
    transaction that stores the decision. Move settings from `old` to `new`; what waits for `old` stays there.
"""

from django.dispatch import Signal

account_replaced = Signal()
