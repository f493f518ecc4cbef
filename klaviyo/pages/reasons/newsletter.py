"""Reasons about newsletter opt-ins and opt-outs, and about erasures."""

from klaviyo.pages.reasons.reason import Reason, Who

PATIENCE = "It goes on by itself, in half an hour at most."

REASONS = {
    "no_newsletter_list": Reason(
        "No newsletter list",
        "no newsletter list is chosen in the store's settings",
        "A yes to the newsletter is recorded here, but goes to no list.",
        Who.MERCHANT,
        "Choose a newsletter list in the store's settings.",
    ),
    "pending_opt_in": Reason(
        "Waits for their confirmation",
        "Klaviyo has asked them to confirm, and they have not yet",
        "The list asks for a double opt-in: Klaviyo wrote to the person, who must follow the link in that e-mail.",
        Who.PERSON,
        "Nothing.",
    ),
    "noted": Reason(
        "Noted on their profile",
        "their no to invites stands on their profile at Klaviyo",
        "They are on no newsletter list that they could leave; ending everything else they did not ask for.",
        Who.PERSON,
        "Nothing.",
    ),
    "withdrawn_since": Reason(
        "Said no since", "they have said no at Klaviyo since", "The later word counts.", Who.PERSON, "Nothing."
    ),
    "opted_in_since": Reason(
        "Said yes since", "they have asked for the newsletter since", "The later word counts.", Who.PERSON, "Nothing."
    ),
    "unsubscribed_before": Reason(
        "Unsubscribed already",
        "they were unsubscribed at Klaviyo already",
        "There was nothing to change.",
        Who.NOBODY,
        "Nothing.",
    ),
    "not_at_klaviyo": Reason(
        "Not at Klaviyo",
        "Klaviyo does not know them",
        "Whom Klaviyo does not know it does not write to.",
        Who.NOBODY,
        "Nothing.",
    ),
    "not_on_list": Reason(
        "Not on the list",
        "they are not on the newsletter list",
        "There was nothing to take them off.",
        Who.NOBODY,
        "Nothing.",
    ),
    "one_job_in_30_minutes": Reason(
        "One at a time", "Klaviyo takes one opt-in of a person in half an hour", PATIENCE, Who.ITSELF, "Nothing."
    ),
    "one_at_a_time": Reason(
        "One at a time", "another opt-in of theirs is being forwarded", PATIENCE, Who.ITSELF, "Nothing."
    ),
    "no_phone": Reason(
        "No phone number",
        "there is no phone number that text messages could go to",
        "The number that was given is none, or is somebody else's at Klaviyo.",
        Who.DATA,
        "Ask the person for their number.",
    ),
    "no_channel": Reason(
        "No channel",
        "the opt-in names no way to write to them",
        "Neither e-mail nor text messages were agreed to.",
        Who.DATA,
        "Correct it in your data and send it again.",
    ),
    "malformed_id": Reason(
        "Odd id",
        "an id in the settings is not one of Klaviyo's",
        "It would lead to another place than was meant.",
        Who.MERCHANT,
        "Choose the list again in the store's settings.",
    ),
    "not_connected": Reason(
        "Account not connected",
        "the account is not connected",
        "An account that is not connected cannot be asked.",
        Who.KLAVIYO,
        "Delete the person there by hand.",
    ),
    "not_askable": Reason(
        "Not askable",
        "no account takes an address like theirs",
        "So none can have a profile with it.",
        Who.NOBODY,
        "Nothing.",
    ),
    "deletion_asked": Reason(
        "Deletion asked for",
        "Klaviyo deletes them",
        "Klaviyo took the request; it may take a while.",
        Who.ITSELF,
        "Nothing.",
    ),
    "not_known": Reason(
        "Not known there", "Klaviyo knew nobody by this address", "There was nothing to delete.", Who.NOBODY, "Nothing."
    ),
}
