"""Django signals of the facts that have happened, for any app that wants to know.

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

#: An invite has really gone out to the friend. Sender `Invite`; `invite`: the Invite with `went_out_at`.
invite_went_out = Signal()

#: An invited friend is to be reminded. Sender `Reminder`; `reminder`: the new Reminder of its `invite`.
invite_reminded = Signal()

#: A person asked for a store's newsletter. Sender `OptIn`; `opt_in`: the new OptIn.
opted_in = Signal()

#: A person said no. Sender `OptOut`; `opt_out`: the new OptOut.
opted_out = Signal()

#: An address is not to be written to any more. Sender `Suppression`; `suppression`: the new Suppression, `email`: the
#: address, which is stored as a hash only.
suppressed = Signal()

#: A person was erased. Sender `Suppression`; `email`: the address they had, `facts`: the ids (UUID) of all facts that
#: named them, whose copies elsewhere must go as well. `until`: None; or, when an erasure is repeated for what was being
#: written meanwhile, the time after which nothing of who came back as somebody new is concerned.
person_erased = Signal()

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
