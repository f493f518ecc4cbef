"""Webhook topics about consent. An id is opaque, and an account may lack some."""

from integrations.reasons import Who, declare

SUBSCRIBED = "event:klaviyo.subscribed_to_email_marketing"
UNSUBSCRIBED = "event:klaviyo.unsubscribed_from_email_marketing"
SUPPRESSED = "event:klaviyo.manually_suppressed_from_email_marketing"
UNSUPPRESSED = "event:klaviyo.manually_unsuppressed_from_email_marketing"
SPAM = "event:klaviyo.marked_email_as_spam"
BOUNCED = "event:klaviyo.bounced_email"
DROPPED = "event:klaviyo.dropped_email"
LEFT_A_LIST = "event:klaviyo.unsubscribed_from_list"
JOINED_A_LIST = "event:klaviyo.subscribed_to_list"
PREFERENCES = "event:klaviyo.updated_email_preferences"

WANTED = (  # of those that an account has: https://developers.klaviyo.com/en/reference/get_webhook_topics
    UNSUBSCRIBED,
    SUPPRESSED,
    UNSUPPRESSED,
    SPAM,
    BOUNCED,
    DROPPED,
    SUBSCRIBED,
    LEFT_A_LIST,
    JOINED_A_LIST,
    PREFERENCES,
)

OPTED_OUT = declare(
    "opted_out_at_klaviyo",
    "Said no at Klaviyo",
    "The person has unsubscribed at Klaviyo.",
    because="they unsubscribed while it waited",
    means="Klaviyo told us of the person's unsubscribe before the message was due, so it was taken back.",
    who=Who.PERSON,
    do="Nothing to do.",
)
COMPLAINED = declare(
    "complained",
    "Reported as spam",
    "The person has reported an e-mail of this account as spam.",
    because="they have reported the store's e-mail as spam",
    means="Their mail provider told us or Klaviyo so. Writing again would hurt all of the store's e-mail.",
    who=Who.NOBODY,
    do="Nothing to do.",
)

#: Said no: the reason why what waits is cancelled.
OPT_OUTS = {
    UNSUBSCRIBED: OPTED_OUT,
    SUPPRESSED: OPTED_OUT.saying("The address was suppressed at Klaviyo."),
    SPAM: COMPLAINED,
}
#: Of these, what the person did, and not somebody at the shop.
BY_THEMSELVES = (UNSUBSCRIBED, SPAM)
#: Takes an earlier no back.
WELCOMES = (SUBSCRIBED, UNSUPPRESSED)
#: Says that something is different, but not what: the person is looked up anew.
HINTS = (BOUNCED, DROPPED, LEFT_A_LIST, JOINED_A_LIST, PREFERENCES)
