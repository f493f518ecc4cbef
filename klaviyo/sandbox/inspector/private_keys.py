"""Private keys page of an account: which there are, a button that makes one, and others that take them back."""

from urllib.parse import parse_qs

from klaviyo.sandbox.http.wire import Reply, Request, html_reply, redirect
from klaviyo.sandbox.inspector import layout
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill
from klaviyo.sandbox.protocol import scopes
from klaviyo.sandbox.state import private_keys

_MAKE = """<form method="post" action="{where}" class="row">
<label>Scopes <input name="scopes" placeholder="all of them"></label>
<button class="btn" name="make" value="1">Make a key</button></form>"""
_REVOKE = """<form method="post" action="{where}">
<button class="btn" name="revoke" value="{number}">Revoke</button></form>"""
_MADE = "<p>This key is shown this once:</p><p><code>{key}</code></p>"
_LEAD = "What a merchant would copy from Settings → API keys. Webhooks are not open to keys."


def index(view: View, top: Html = layout.NOTHING) -> Html:
    where = view.path("keys")
    lines = (
        (
            view.when(row["made_at"]),
            "Everything" if row["scopes"] is None else row["scopes"] or layout.NONE,
            fill(_REVOKE, where=where, number=row["seq"]),
        )
        for row in private_keys.of_account(view.sql, view.account)
    )
    table = layout.table(("When", "Scopes", ""), lines, "There are no private keys.")
    made = layout.card("Made", layout.inside(top)) if top else layout.NOTHING
    body = fill('{made}<section class="card">{table}</section>', made=made, table=table)
    return view.render("Private keys", body, section="keys", lead=_LEAD, tools=fill(_MAKE, where=where))


def press(request: Request, view: View) -> Reply | None:
    """Makes a key and shows it, or revokes one; None for anything else."""
    told = parse_qs(request.body.decode("utf-8", "replace"))
    if "make" in told:
        asked = told.get("scopes", [""])[0].split()
        try:
            key = private_keys.make(view.sql, view.account, scopes.of_a_key(asked) if asked else None)
        except ValueError as problem:
            return html_reply(400, index(view, fill("<p>{problem}</p>", problem=str(problem))))
        return html_reply(200, index(view, fill(_MADE, key=key)))
    number = told.get("revoke", [""])[0]
    if number.isdecimal() and len(number) < 10 and private_keys.revoke_by_number(view.sql, view.account, int(number)):
        return redirect(view.path("keys"), 303)
    return None
