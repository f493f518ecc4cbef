"""Connections by OAuth 2.0 or by a private key: accounts are connected, kept connected, and disconnected.

begin · complete      the authorization code flow: to a provider's consent screen and back
connect_by_key        a private key that somebody pasted, tested and stored
decide · accept       an operator's choice: about a different account that came back, or other access to the same
access · renew        what opens an account now; tokens are renewed by one worker for all
learning_scopes       what an answer says of a key's scopes is noted
mark_reconnect        access has ended, and everything is held until a person connects the account again
leave_due             those that were to go once what waited was delivered
disconnect            tokens are revoked at the provider, they and keys erased here, the record is kept
probe                 a health check: does the provider still accept our access?
"""

from integrations.connections.accounts import Choice, Outcome, accept, decide
from integrations.connections.authorization import ConnectingFailed, begin, complete
from integrations.connections.disconnection import disconnect, revoke_due
from integrations.connections.health_check import probe, probe_all
from integrations.connections.known_scopes import learning_scopes
from integrations.connections.leaving import leave_due
from integrations.connections.private_keys import KeyNotTaken
from integrations.connections.private_keys import connect as connect_by_key
from integrations.connections.reconnect_required import mark_reconnect
from integrations.connections.renewal import access, renew, renew_due
from integrations.providers import Access

__all__ = [
    "Access",
    "Choice",
    "ConnectingFailed",
    "KeyNotTaken",
    "Outcome",
    "accept",
    "access",
    "begin",
    "complete",
    "connect_by_key",
    "decide",
    "disconnect",
    "learning_scopes",
    "leave_due",
    "mark_reconnect",
    "probe",
    "probe_all",
    "renew",
    "renew_due",
    "revoke_due",
]
