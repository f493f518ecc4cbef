"""Connections by OAuth 2.0: accounts are connected, kept connected, and disconnected.

begin · complete      the authorization code flow: to a provider's consent screen and back
decide                an operator's choice about a different account that came back
access_token · renew  a valid access token, renewed by one worker for all
mark_reconnect        access has ended, and everything is held until a person connects the account again
disconnect            tokens are revoked at the provider and erased here, the record is kept
probe                 a health check: does the provider still accept our access?
"""

from integrations.connections.accounts import Choice, Outcome, decide
from integrations.connections.authorization import ConnectingFailed, begin, complete
from integrations.connections.disconnection import disconnect, revoke_due
from integrations.connections.health_check import probe, probe_all
from integrations.connections.reconnect_required import mark_reconnect
from integrations.connections.renewal import Access, access_token, renew, renew_due

__all__ = [
    "Access",
    "Choice",
    "ConnectingFailed",
    "Outcome",
    "access_token",
    "begin",
    "complete",
    "decide",
    "disconnect",
    "mark_reconnect",
    "probe",
    "probe_all",
    "renew",
    "renew_due",
    "revoke_due",
]
