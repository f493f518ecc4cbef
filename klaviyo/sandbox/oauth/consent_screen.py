"""OAuth consent screen, on which a merchant lets an app into one of their accounts; it works without script."""

from collections.abc import Mapping, Sequence

from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.state.accounts import Account

_MEANINGS = {
    "accounts": "your account's name, time zone and currency",
    "data-privacy": "requests to delete a person",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="/sandbox/static/inspector.css"></head>
<body class="gate"><main class="card">{body}</main>
<p class="small muted">A Klaviyo that runs on this machine, for development.</p></body></html>
"""
_ASK = """<header><div><h1>{app} asks for access to Klaviyo</h1>
<p class="muted small">You are signed in as sam@example.com</p></div></header>
<form method="post" action="/oauth/authorize" class="body">{hidden}
<fieldset><legend>Choose an account</legend>{accounts}</fieldset>
<details><summary>What {app} will be able to do ({count})</summary><ul class="scopes">{asked}</ul></details>
<div class="row"><button class="btn primary" name="decision" value="allow">Allow</button>
<button class="btn" name="decision" value="decline" formnovalidate>Decline</button></div></form>"""
_CHOICE = """<label class="choice"><input type="radio" name="account" value="{id}" required{checked}>
<span><b>{name}</b><span class="muted small">{id} · {timezone} · {currency}</span></span>{note}</label>"""


def page(app: str, choices: Sequence[tuple[Account, bool]], scopes: Sequence[str], fields: Mapping[str, str]) -> Html:
    hidden = join(
        fill('<input type="hidden" name="{name}" value="{value}">', name=name, value=value)
        for name, value in fields.items()
    )
    accounts = join(
        _choice(account, installed=installed, checked=place == 0) for place, (account, installed) in enumerate(choices)
    )
    asked = join(
        fill("<li><span>{meaning}</span><code>{scope}</code></li>", meaning=_meaning(scope), scope=scope)
        for scope in scopes
    )
    body = fill(_ASK, app=app, hidden=hidden, accounts=accounts, asked=asked, count=len(scopes))
    return fill(_PAGE, title=f"Connect {app} to Klaviyo", body=body)


def refused(why: str) -> Html:
    body = '<header><h1>This request cannot be used</h1></header><div class="body"><p>{why}</p></div>'
    return fill(_PAGE, title="This request cannot be used", body=fill(body, why=why))


def _choice(account: Account, *, installed: bool, checked: bool) -> Html:
    return fill(
        _CHOICE,
        id=account.id,
        name=account.name,
        timezone=account.timezone,
        currency=account.currency,
        checked=Html(" checked" if checked else ""),
        note=Html('<span class="pill good">Connected</span>' if installed else ""),
    )


def _meaning(scope: str) -> str:
    name, _, verb = scope.partition(":")
    doing = "See" if verb == "read" else "Create and change"
    return f"{doing} {_MEANINGS.get(name, name.replace('-', ' '))}"
