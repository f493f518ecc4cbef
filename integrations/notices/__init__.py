"""Notices to addresses of the operator's own: by e-mail, or signed to an endpoint, again until they are taken.

register · all_of_them   the kinds of notices there are, each with a sentence for whoever chooses
publish                 tell everybody who has chosen that kind, in the transaction that stores what happened
"""

from integrations.notices.kinds import Kind, all_of_them, register
from integrations.notices.publishing import publish, publish_to

__all__ = ["Kind", "all_of_them", "publish", "publish_to", "register"]
