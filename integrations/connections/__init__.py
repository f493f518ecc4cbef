"""How accounts are connected, kept connected, and let go.

begin · complete      the trip to a provider's consent screen and back
decide                what becomes of a different account that came back
access_token · renew  a token to work with, renewed by one worker for all
mark_reconnect        only a person can help: everything waits
disconnect            revoked there, erased here, the record kept
probe                 asks the provider whether it still knows us
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
