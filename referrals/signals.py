"""What has happened, for whoever wants to know.

`lifecycle` sends each signal once per fact, inside the transaction that stores the fact: a receiver's
exception takes the fact back, and a receiver that talks to the outside waits for `transaction.on_commit`.
The sender is the fact's model class. Host code with its own saved instances may send them too::

    signals.reward_issued.send(sender=Reward, reward=reward)
"""

from django.dispatch import Signal

#: A person joined a program. Sender `Advocate`; `advocate`: the new Advocate.
advocate_joined = Signal()

#: A person's details, or what they are owed, changed. Sender `Advocate`; `advocate`: the Advocate now.
advocate_updated = Signal()

#: An advocate invited a friend for the first time. Sender `Invite`; `invite`: the new Invite.
invite_sent = Signal()

#: An invited friend is to be reminded. Sender `Reminder`; `reminder`: the new Reminder of its `invite`.
invite_reminded = Signal()

#: A friend landed through a share link. Sender `Visit`; `visit`: the new Visit.
visit_recorded = Signal()

#: A friend ordered. Sender `Conversion`; `conversion`: the new Conversion of kind "order".
conversion_recorded = Signal()

#: Money went back for an order. Sender `Conversion`; `refund`: the new Conversion of kind "refund", whose
#: `refunds` is the order.
conversion_refunded = Signal()

#: A reward was granted to an advocate or a friend. Sender `Reward`; `reward`: the new Reward.
reward_issued = Signal()

#: A reward was taken back. Sender `Reward`; `reward`: the Reward with `reversed_at` and `reversal_reason`.
reward_reversed = Signal()
