"""Letters: a notice as an e-mail, in plain text."""

from integrations.models import Notice
from integrations.notices.kinds import TEST
from integrations.notices.needs import DISCONNECTED, NEEDS_SOMEBODY, WELL_AGAIN

ABOUT_THIS = "Who gets such notices is chosen in Sorae, under Notices."


def of(notice: Notice) -> tuple[str, str]:
    """Subject and text."""
    said = notice.data
    name = " ".join(str(said.get("account_name") or said.get("account_id") or "An account").split())
    match notice.name:
        case NEEDS_SOMEBODY.name:
            lines = [str(said.get("sentence", "")), str(said.get("what_to_do", "")), str(said.get("page", ""))]
            return f"{name} needs somebody", _text(lines)
        case WELL_AGAIN.name:
            return f"{name} works again", _text(["The account needs nobody any more.", str(said.get("page", ""))])
        case DISCONNECTED.name:
            return f"{name} was disconnected", _text(["Nothing is sent to it any more.", str(said.get("page", ""))])
        case TEST.name:
            return "A test from Sorae", _text(["This is how a notice arrives. There is nothing to do."])
        case _:
            return notice.name, _text([f"{key}: {value}" for key, value in said.items()])


def _text(lines: list[str]) -> str:
    return "\n\n".join(filter(None, [*lines, ABOUT_THIS])) + "\n"
