"""Mails of the starter kit: for each metric a subject, and a template whose merge tags are the catalogue's properties.

`{% unsubscribe %}` and `organization` are Klaviyo's own: https://help.klaviyo.com/hc/en-us/articles/115005084927
"""

from dataclasses import dataclass

from klaviyo.mapping import catalogue
from klaviyo.mapping.catalogue import Metric

MARK = "Made by Sorae's starter kit"  # by which a template is known, as Klaviyo tags none
A_FRIEND = "{{ event.advocate_name|default:'A friend' }}"
PAID = "{{ event.amount }} {{ event.currency }}"


@dataclass(frozen=True)
class Mail:
    """What a flow of one metric says; `button` is its words and where it leads."""

    metric: Metric
    subject: str
    heading: str
    lines: tuple[str, ...]
    button: tuple[str, str] | None = None


MAILS = (
    Mail(
        catalogue.ADVOCATE_STARTED,
        "Your own link is ready",
        "Welcome!",
        ("This is your own link. Share it with friends, and both of you have something of it.",),
        ("Share your link", "{{ event.share_link }}"),
    ),
    Mail(
        catalogue.INVITE_SENT,
        "Your invite is on its way",
        "Your invite is on its way",
        ("Thank you for telling a friend about us. We let you know when they come by.",),
    ),
    Mail(
        catalogue.INVITE_RECEIVED,
        f"{A_FRIEND} thought of you",
        f"{A_FRIEND} invites you",
        ("{{ event.offer }}", "{% if event.offer_code %}Your code: {{ event.offer_code }}{% endif %}"),
        ("See the offer", "{{ event.share_link }}"),
    ),
    Mail(
        catalogue.INVITE_REMINDER,
        f"The invite from {A_FRIEND} still stands",
        "Your invite still stands",
        ("{{ event.offer }}", "{% if event.offer_code %}Your code: {{ event.offer_code }}{% endif %}"),
        ("See the offer", "{{ event.share_link }}"),
    ),
    Mail(
        catalogue.REFERRED_VISIT,
        "A friend has come by",
        "A friend has come by",
        ("Somebody came to us through your link. If they order, you hear from us.",),
    ),
    Mail(
        catalogue.CONVERSION,
        "A friend has ordered",
        "A friend has ordered",
        ("Somebody ordered through your link. Thank you!",),
    ),
    Mail(
        catalogue.REFERRED_PURCHASE,
        "Thank you for your order",
        "Thank you for your order",
        ("A friend brought you to us, and we are glad that you came. Your order: {{ event.order_id }}.",),
    ),
    Mail(
        catalogue.REWARD_ISSUED,
        "Your reward is here",
        "Your reward is here",
        (
            f"You have earned {PAID}.",
            "{% if event.discount_code %}Your code: {{ event.discount_code }}{% endif %}",
            "{% if event.expires_at %}It is good until {{ event.expires_at }}.{% endif %}",
        ),
    ),
    Mail(
        catalogue.REWARD_REVERSED,
        "About your reward",
        "A reward was taken back",
        (f"A reward of {PAID} was taken back, as the order that it was for did not last.",),
    ),
)


def mark(mail: Mail) -> str:
    """The comment at the head of a page, by which it is known to be ours."""
    return f"<!-- {MARK}: {mail.metric.key} -->"


def html(mail: Mail) -> str:
    """The mail as a page; plain, so that it is easily made one's own in Klaviyo's editor."""
    lines = "\n".join(f'<p style="margin:0 0 16px">{line}</p>' for line in mail.lines)
    button = ""
    if mail.button:
        words, link = mail.button
        look = "background:#1f2937;border-radius:6px;color:#ffffff;display:inline-block;padding:12px 20px"
        button = f'\n<p style="margin:24px 0"><a href="{link}" style="{look};text-decoration:none">{words}</a></p>'
    return f"""<!DOCTYPE html>
{mark(mail)}
<html lang="en">
<body style="background:#f3f4f6;color:#1f2937;font-family:Helvetica,Arial,sans-serif;font-size:16px;margin:0">
<div style="background:#ffffff;margin:0 auto;max-width:560px;padding:32px">
<h1 style="font-size:24px;margin:0 0 16px">{mail.heading}</h1>
{lines}{button}
<p style="color:#6b7280;font-size:12px;margin:32px 0 0">
{{{{ organization.name }}}} · {{{{ organization.full_address }}}} · {{% unsubscribe %}}
</p>
</div>
</body>
</html>
"""


def text(mail: Mail) -> str:
    """The same for mail programs that show no pages."""
    button = [f"{mail.button[0]}: {mail.button[1]}"] if mail.button else []
    end = "{{ organization.name }} · {{ organization.full_address }} · {% unsubscribe_link %}"
    return "\n\n".join([mail.heading, *mail.lines, *button, end])
