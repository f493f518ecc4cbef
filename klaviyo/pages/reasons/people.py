"""Reasons that lie with the person: what they have said, and whether they can be reached."""

from klaviyo.pages.reasons.reason import Reason, Who

REASONS = {
    "subscribed": Reason(
        "Subscribed",
        "they have subscribed",
        "The person has subscribed to the store's marketing e-mails in Klaviyo, and their address can be reached.",
        Who.PERSON,
        "Nothing speaks against the message.",
    ),
    "no_profile": Reason(
        "Never seen by Klaviyo",
        "Klaviyo has never seen them, and the store writes to subscribers only",
        "The account has no profile with this address, so the person can neither have agreed nor refused. "
        "What happens then is the store's policy.",
        Who.PERSON_OR_MERCHANT,
        "If the law where the store sells allows it, the merchant can choose “Anyone who has not opted out” for "
        "this kind of message. Otherwise let the advocate share their link.",
    ),
    "never_subscribed": Reason(
        "Never subscribed",
        "they have never subscribed, and the store writes to subscribers only",
        "Klaviyo knows the person, who has said neither yes nor no to marketing e-mail. What happens then is the "
        "store's policy.",
        Who.PERSON_OR_MERCHANT,
        "If the law where the store sells allows it, the merchant can choose “Anyone who has not opted out” for "
        "this kind of message. Otherwise let the advocate share their link.",
    ),
    "unsubscribed": Reason(
        "Unsubscribed",
        "they have unsubscribed",
        "The person has told the store, through Klaviyo, that they want no more marketing e-mail. No policy of the "
        "store's overrides that.",
        Who.PERSON,
        "Leave them in peace. If they ask for e-mails again, the store's own sign-up form is the way.",
    ),
    "suppressed": Reason(
        "Suppressed at Klaviyo",
        "Klaviyo has suppressed their address",
        "Klaviyo keeps the address on its list of those that must not be written to: it bounced, its owner reported "
        "spam, or somebody at the store put it there.",
        Who.KLAVIYO,
        "Read the suppression's reason below. A bounce or a complaint stays; what the store's staff suppressed, they "
        "can lift in Klaviyo.",
    ),
    "list_suppressed": Reason(
        "Unsubscribed from the list",
        "they have unsubscribed from the store's list",
        "The person left the list that this store uses. Other e-mail of the same account may still reach them.",
        Who.PERSON,
        "Leave them in peace.",
    ),
    "consent_unknown": Reason(
        "Consent not readable",
        "Klaviyo's answer about their consent could not be understood",
        "Klaviyo answered, but did not say in words we know whether the person may be written to. Unknown is never "
        "yes.",
        Who.RUNNER,
        "Ask Klaviyo now, below. If the answer stays like this, tell whoever runs this site.",
    ),
    "opted_out": Reason(
        "Said no to us",
        "they asked the store not to write to them",
        "The person used the link in a message, or a page of ours, to say that they want no invites.",
        Who.PERSON,
        "Leave them in peace.",
    ),
    "opted_out_at_klaviyo": Reason(
        "Said no at Klaviyo",
        "they unsubscribed while it waited",
        "Klaviyo told us of the person's unsubscribe before the message was due, so it was taken back.",
        Who.PERSON,
        "Leave them in peace.",
    ),
    "complained": Reason(
        "Reported as spam",
        "they have reported the store's e-mail as spam",
        "Their mail provider told us or Klaviyo so. Writing again would hurt all of the store's e-mail.",
        Who.NOBODY,
        "Leave them in peace.",
    ),
    "bounced": Reason(
        "Cannot be reached",
        "their address bounced",
        "A mail server said for good that this address takes no mail, usually because it does not exist.",
        Who.NOBODY,
        "Ask the advocate for the friend's right address, and invite that one.",
    ),
    "erased": Reason(
        "Erased",
        "they were erased at their own wish",
        "Only a mark that cannot be turned back into an address was kept, so that nobody writes to them again.",
        Who.NOBODY,
        "Nothing.",
    ),
    "unknown_person": Reason(
        "Klaviyo does not know them",
        "Klaviyo does not know them, and the store updates existing profiles only",
        "The invite would start a flow on the person's profile, but they have none, and the store's setting is not to "
        "create any.",
        Who.MERCHANT,
        "Choose “Create profiles” in the store's settings, or let Sorae send the program's invites.",
    ),
    "refused_recipient": Reason(
        "Refused by the mail server",
        "the mail server refused their address",
        "The server that takes our mail said no to this address; the message did not leave.",
        Who.DATA,
        "Check the address for a slip. If it is right, retry.",
    ),
    "malformed_email": Reason(
        "Not an address",
        "their e-mail address is malformed",
        "What is stored as the address is none that mail can be sent to.",
        Who.DATA,
        "Correct it in your data, and invite the person again.",
    ),
    "person_gone": Reason(
        "No longer in a program",
        "the person is no longer in any program",
        "Whom it was about has been removed since it was queued.",
        Who.NOBODY,
        "Nothing.",
    ),
    "moved": Reason(
        "New address", "the person has another address by now", "It goes on to the new address.", Who.ITSELF, "Nothing."
    ),
}
