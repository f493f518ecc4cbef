"""The topics worth hearing of; an id is opaque, and an account may lack some.

https://developers.klaviyo.com/en/reference/webhooks_api_overview
"""

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

WANTED = (
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

#: Said no: the code and the sentence of what is cancelled for it.
OPT_OUTS = {
    UNSUBSCRIBED: ("opted_out_at_klaviyo", "The person has unsubscribed at Klaviyo."),
    SUPPRESSED: ("opted_out_at_klaviyo", "The address was suppressed at Klaviyo."),
    SPAM: ("complained", "The person has reported an e-mail of this account as spam."),
}
#: Takes an earlier no back.
WELCOMES = (SUBSCRIBED, UNSUPPRESSED)
#: Says that something is different, but not what: the person is looked up anew.
HINTS = (BOUNCED, DROPPED, LEFT_A_LIST, JOINED_A_LIST, PREFERENCES)
