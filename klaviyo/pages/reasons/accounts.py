"""Reasons that lie with the account at Klaviyo, the way there, or our access to it."""

from klaviyo.pages.reasons.reason import Reason, Who

RECONNECT = "Connect the account again. What waits is kept, and goes out then."
LOST = "Our access to the account has ended. What waits is held, and nothing is lost."
LATER = "It is tried again by itself, less often with time."
ON_THE_WAY = "This is about the way to Klaviyo, not about the person. " + LATER

UNKNOWN = Reason(
    "Refused",
    "it was refused",
    "The reason given is above, in the words that came with it.",
    Who.OPERATOR,
    "Mend what is named there, then retry.",
)


def _reconnect(title: str, because: str) -> Reason:
    return Reason(title, because, LOST, Who.RECONNECT, RECONNECT)


def _later(title: str, because: str) -> Reason:
    return Reason(title, because, ON_THE_WAY, Who.ITSELF, "Nothing, unless it lasts for hours.")


REASONS = {
    "throttled": Reason(
        "Rate limit",
        "Klaviyo takes only so many requests at a time",
        "It waits its turn within the account's limits; that costs time and nothing else.",
        Who.ITSELF,
        "Nothing.",
    ),
    "http_5xx": _later("Klaviyo in trouble", "Klaviyo answered with an error of its own"),
    "no_answer": _later("No answer", "the connection broke before an answer came"),
    "timed_out": _later("Too slow", "Klaviyo took too long to answer"),
    "unreachable": _later("Not reachable", "Klaviyo could not be reached"),
    "unreadable_answer": _later("Unreadable answer", "the answer could not be read"),
    "redirected": _later("Sent elsewhere", "the answer led elsewhere, and such answers are not followed"),
    "edge_refused": _later("Turned away", "something before Klaviyo turned the request away"),
    "unauthorized": _later("Access renewed", "the access had just ended, and is renewed"),
    "refresh_uncertain": _later("Renewal uncertain", "the answer to a renewal of our access was lost"),
    "plain_http": Reason(
        "Unsafe address",
        "an address in the site's settings is not encrypted",
        "Access tokens travel over https only.",
        Who.RUNNER,
        "Tell whoever runs this site.",
    ),
    "access_refused": _reconnect("Access refused", "Klaviyo no longer accepts our access to the account"),
    "access_withdrawn": _reconnect("Access withdrawn", "our access to the account was withdrawn"),
    "response_lost": _reconnect("Access lost", "the answer to a renewal of our access was lost"),
    "reconnect": _reconnect("Reconnect", "the account must be connected again"),
    "disconnected": _reconnect("Disconnected", "the account is disconnected"),
    "disconnecting": _reconnect("Disconnected", "the account is being disconnected"),
    "not_revoked": _reconnect("Disconnected", "the account is disconnected"),
    "another_account": _reconnect("Another account", "our access leads to another account than it did"),
    "undecryptable": _reconnect("Access unreadable", "our access is locked with a key that is no longer there"),
    "undecided": Reason(
        "Decide",
        "a person must decide first what this account is for",
        "A different account came back from Klaviyo's consent screen.",
        Who.OPERATOR,
        "Decide, on the account's page.",
    ),
    "permission_denied": Reason(
        "Scope missing",
        "Klaviyo asks for a permission that was not granted",
        "When the account was connected, something that this needs was not allowed.",
        Who.RECONNECT,
        "Connect the account again and allow everything that is asked for.",
    ),
    "no_mail_server": Reason(
        "No mail server",
        "no mail server is set up",
        "Sorae's own e-mails have no way out of this site.",
        Who.RUNNER,
        "Set EMAIL_URL; then retry what is held.",
    ),
    "mail_refused": Reason(
        "Mail server says no",
        "the mail server takes no mail from us",
        "The server refuses us, not this person: its password, or its trust in us, is missing.",
        Who.RUNNER,
        "Mend the site's access to its mail server; then retry what is held.",
    ),
    "mail_unreachable": Reason(
        "Mail server not reachable", "the mail server could not be reached", LATER, Who.ITSELF, "Nothing."
    ),
    "mail_postponed": Reason(
        "Mail server postpones", "the mail server asks to come back later", LATER, Who.ITSELF, "Nothing."
    ),
    "account_away": Reason(
        "An account is away",
        "another account of the store must be asked as well, and is not connected",
        "A no that was said in any of the store's accounts counts, so all of them are asked.",
        Who.RECONNECT,
        "Connect that account again, or part the store from it in the store's settings.",
    ),
    "busy_here": _later("Busy here", "something else at our side is writing about it"),
    "erased_first": _later("Deletion first", "Klaviyo must first delete what it had of the person"),
    "renewing": _later("Access renewed", "our access is being renewed"),
    "refused": Reason(
        "Refused",
        "Klaviyo refused to renew our access",
        "The request itself was wrong, or our app was not accepted.",
        Who.RUNNER,
        "Check the app's id and secret, then retry.",
    ),
}
