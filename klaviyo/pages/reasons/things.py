"""Reasons that lie with the message, the store's settings, or our own work."""

from klaviyo.pages.reasons.reason import Reason, Who

REASONS = {
    "invite_not_sent": Reason(
        "The invite never went out", "the invite that it reminds of never went out",
        "Nobody is reminded of something they have not got.", Who.NOBODY, "See why the invite did not go out.",
    ),
    "too_many": Reason(
        "Too many messages", "they have had as many messages as the limits allow",
        "A person, a store or an advocate may only cause so many invites in a while; this one was beyond that.",
        Who.RUNNER, "Usually nothing. Whoever runs this site sets the limits.",
    ),
    "advocate_cap": Reason(
        "Advocate's day is full", "the advocate's messages of one day have all gone out",
        "One advocate's invites are spread over days, so that nobody uses the store to send spam.",
        Who.RUNNER, "Nothing: it goes out within a day. Whoever runs this site sets the limit.",
    ),
    "domain_cap": Reason(
        "Mail domain is full", "this hour's messages to their mail provider have all gone out",
        "Mail providers distrust a sudden flood, so messages to one of them are spread over hours.",
        Who.RUNNER, "Nothing: it goes out within hours. Whoever runs this site sets the limit.",
    ),
    "invite_waits": Reason(
        "The invite still waits", "the invite that it reminds of has not gone out yet",
        "Nobody is reminded of something they have not got.", Who.ITSELF, "See why the invite waits.",
    ),
    "stale_consent": Reason(
        "Asked again", "Klaviyo's answer about them had become too old",
        "A minute after Klaviyo's answer a person may have changed their mind, so it is asked again.",
        Who.ITSELF, "Nothing.",
    ),
    "visited": Reason(
        "They came already", "they have come to the shop already",
        "Nobody is reminded of what they have done.", Who.NOBODY, "Nothing.",
    ),
    "converted": Reason(
        "They bought already", "they have bought already",
        "Nobody is reminded of what they have done.", Who.NOBODY, "Nothing.",
    ),
    "sync_off": Reason(
        "Store not joined", "the store is not joined to this account, or its settings are off",
        "Nothing of the store goes to this account at present.",
        Who.MERCHANT, "Join the store or turn its settings on, then retry.",
    ),
    "expired": Reason(
        "Too late", "it could not be sent in time",
        "The invite had expired, or the message would have come so late that it had lost its use.",
        Who.NOBODY, "If the offer still stands, the advocate can invite again.",
    ),
    "operator": Reason(
        "Taken back", "an operator took it back",
        "Somebody of the staff pressed Cancel while it waited.", Who.NOBODY, "The advocate can invite again.",
    ),
    "superseded": Reason(
        "Something newer went instead", "something newer about them went instead",
        "Two messages about the same thing waited, and the newer one says all there is to say.", Who.NOBODY, "Nothing.",
    ),
    "outcome_unknown": Reason(
        "It may have gone out", "the connection broke while it was handed over",
        "It may have been taken, or not; nobody can know. It is not repeated by itself: an invite twice is worse than "
        "once, and an old opt-in could undo a newer no.",
        Who.OPERATOR, "Ask the person whether it came, or look at their profile. Retry only if it did not.",
    ),
    "being_checked": Reason(
        "Looked up first", "it may have reached Klaviyo before, which is looked up first",
        "The connection broke while it was handed over, and by now it would not be sent any more. Before that is said, "
        "Klaviyo is asked whether it holds the event already.",
        Who.ITSELF, "Nothing.",
    ),
    "goes_alone": Reason(
        "Goes by itself", "it was taken out of a request for many, and goes by itself",
        "Klaviyo refused a request for many, and this may be what it objected to.", Who.ITSELF, "Nothing.",
    ),
    "import_lost": Reason(
        "Import made again", "Klaviyo did not finish an import, which is made again",
        "Klaviyo works on imports at its own pace, and gave this one up.", Who.ITSELF, "Nothing.",
    ),
    "person_changed": Reason(
        "Read anew", "somebody's address has changed since it was read",
        "It was noticed right before the request; nothing has left.", Who.ITSELF, "Nothing.",
    ),
    "person_first": Reason(
        "The profile goes first", "the person's profile is about to go, and this goes after it",
        "Many wait at a time. An event is told when Klaviyo knows the person.", Who.ITSELF, "Nothing.",
    ),
    "imports_first": Reason(
        "An import still runs", "an import that may hold the person still runs at Klaviyo",
        "Were they deleted before, the import could bring them back.", Who.ITSELF, "Nothing.",
    ),
    "not_shown": Reason(
        "Sent once more", "Klaviyo took it and does not show it, so it is sent once more",
        "It goes under the same id: if Klaviyo has it after all, it keeps the first.",
        Who.ITSELF, "Nothing.",
    ),
    "not_confirmed": Reason(
        "Not seen at Klaviyo", "Klaviyo took it, and does not show it",
        "Klaviyo answered that it took the event, but the event cannot be read back, also after it was sent again. "
        "An invite or a reminder is not sent again by itself.",
        Who.KLAVIYO,
        "Look at the person's profile in Klaviyo. `manage.py reconcile` looks for it once more, and with `--repair` "
        "sends it again where no consent is needed.",
    ),
    "refused_message": Reason(
        "Message refused", "the mail server refused the message",
        "The server took the address, but not what was written, perhaps because it looks like spam.",
        Who.MERCHANT, "Look at the program's offer; ask whoever runs this site what the server objects to.",
    ),
    "unusable_message": Reason(
        "Message cannot be written", "the message could not be written",
        "Something in the invite has no form that an e-mail can carry.",
        Who.DATA, "Look at the program's offer and the names in the invite, then retry.",
    ),
    "unusable": Reason(
        "Cannot be told", "the fact cannot be told as it is",
        "Something in the fact that it tells of has no form that can be sent.",
        Who.DATA, "Correct it in your data and send it again.",
    ),
    "unreadable_fact": Reason(
        "Not readable", "the fact could not be read",
        "The program that reported it gave something that cannot be read.",
        Who.DATA, "Correct it in your data and send it again.",
    ),
    "time_out_of_range": Reason(
        "Odd time", "the time of the fact is too far off",
        "Klaviyo takes times from 2001 until a year from now.", Who.DATA, "Correct it in your data and send it again.",
    ),
    "payload_too_large": Reason(
        "Too large", "it is too large for Klaviyo",
        "Klaviyo refuses requests above its size limit.", Who.DATA, "Shorten the texts of the program's offer.",
    ),
    "list_gone": Reason(
        "List gone", "the store's list is no longer in the account",
        "Somebody deleted the list in Klaviyo. What needs it is held, and nothing is lost.",
        Who.MERCHANT, "Choose another list in the store's settings; what is held goes out then.",
    ),
    "no_list": Reason(
        "No list", "the store has no list any more",
        "The setting was taken away after this was queued.", Who.MERCHANT, "Choose a list, then retry.",
    ),
    "not_ours": Reason(
        "Profile was there already", "the profile was there already",
        "Only people whom Sorae creates join the list.", Who.NOBODY, "Nothing.",
    ),
    "not_there_yet": Reason(
        "Not shown yet", "Klaviyo does not show the new profile yet",
        "Klaviyo takes a while to show what it has taken.", Who.ITSELF, "Nothing.",
    ),
    "busy": Reason("Its turn comes", "it is the next in line", "A large batch took long.", Who.ITSELF, "Nothing."),
    "lease_lost": Reason(
        "Taken over", "another worker has taken it over", "It is decided anew there.", Who.ITSELF, "Nothing.",
    ),
    "crashed_worker": Reason(
        "Worker died", "the work broke off each time it was tried",
        "The process that should send it ended without a word, several times.",
        Who.RUNNER, "Tell whoever runs this site; retry when that is mended.",
    ),
    "internal_error": Reason(
        "Our mistake", "something went wrong at our side",
        "The error is in the site's log. It is tried again by itself for a while.",
        Who.RUNNER, "If it stays, tell whoever runs this site.",
    ),
}  # fmt: skip
