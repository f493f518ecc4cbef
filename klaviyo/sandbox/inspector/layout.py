"""Layout of every inspector page, and the small pieces that they share."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.state import identifiers

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Klaviyo sandbox</title>
<link rel="stylesheet" href="/sandbox/static/inspector.css"></head>
<body><div class="shell"><nav class="side" aria-label="Inspector">{side}</nav>
<main class="page">{crumbs}<div class="head"><div><h1>{title}</h1>{lead}</div>{tools}</div>{body}</main>
</div></body></html>
"""
_SECTIONS = (
    ("people", "People"),
    ("events", "Events"),
    ("metrics", "Metrics"),
    ("lists", "Lists"),
    ("segments", "Segments"),
    ("keys", "Private keys"),
)
NOTHING = Html("")
NONE = "none"


def page(
    title: str,
    body: Html,
    *,
    account: tuple[str, str] | None = None,
    section: str = "",
    crumbs: Sequence[tuple[str, str]] = (),
    lead: str | Html = "",
    tools: Html = NOTHING,
) -> Html:
    """A whole page; `account` is the id and name of the account that it is about."""
    trail = join(fill("{link} / ", link=anchor(name, where)) for name, where in crumbs)
    return fill(
        _PAGE,
        title=title,
        side=_side(account, section),
        crumbs=fill('<div class="crumbs">{trail}{title}</div>', trail=trail, title=title) if crumbs else NOTHING,
        lead=fill('<p class="muted">{lead}</p>', lead=lead) if lead else NOTHING,
        tools=tools,
        body=body,
    )


def card(title: str, body: Html, tools: Html = NOTHING) -> Html:
    return fill(
        '<section class="card"><header><h2>{title}</h2>{tools}</header>{body}</section>',
        title=title,
        body=body,
        tools=tools,
    )


def inside(body: Html) -> Html:
    return fill('<div class="body">{body}</div>', body=body)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> Html:
    """A table; a column name that begins with # holds numbers."""
    heads = join(
        fill('<th class="{kind}" scope="col">{name}</th>', kind=_kind(name), name=name.lstrip("#")) for name in columns
    )
    lines = [
        join(
            fill('<td class="{kind}">{cell}</td>', kind=_kind(name), cell=cell)
            for name, cell in zip(columns, row, strict=True)
        )
        for row in rows
    ]
    if not lines:
        return empty(nothing)
    body = join(fill("<tr>{line}</tr>", line=line) for line in lines)
    return fill(
        '<div class="scroll" tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>',
        heads=heads,
        body=body,
    )


def pairs(told: Mapping[str, Any]) -> Html:
    """Names and values one under the other."""
    lines = join(
        fill("<dt>{name}</dt><dd>{value}</dd>", name=name, value=value if isinstance(value, Html) else shown(value))
        for name, value in told.items()
    )
    return fill("<dl>{lines}</dl>", lines=lines)


def empty(sentence: str) -> Html:
    return fill('<div class="empty"><p>{sentence}</p></div>', sentence=sentence)


def pill(text: str, kind: str = "") -> Html:
    return fill('<span class="pill {kind}">{text}</span>', kind=kind, text=text)


def anchor(text: str, where: str) -> Html:
    return fill('<a href="{where}">{text}</a>', text=text, where=where)


def pages(where: str, query: Mapping[str, str], number: int, *, more: bool) -> Html:
    """Links to the page before and the page after, where there are any."""
    links = []
    for label, target, there in (("Newer", number - 1, number > 1), ("Older", number + 1, more)):
        if there:
            address = f"{where}?{urlencode({**query, 'page': str(target)})}"
            links.append(fill('<a class="btn" href="{address}">{label}</a>', address=address, label=label))
    return fill('<div class="row">{links}</div>', links=join(links)) if links else NOTHING


def shown(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def when(text: str | None, where: tzinfo) -> str:
    """A kept time as people read it, in the account's time zone."""
    if not text:
        return NONE
    at = identifiers.parsed(text).astimezone(where)
    return f"{at.day} {at:%b %Y, %H:%M:%S}"


def _side(account: tuple[str, str] | None, section: str) -> Html:
    parts = [Html('<a class="brand" href="/">Klaviyo sandbox</a>')]
    if account:
        account_id, name = account
        parts.append(fill('<span class="group">{name}</span>', name=name))
        parts += [
            fill(
                '<a href="/inspector/{account}/{path}"{current}>{label}</a>',
                account=account_id,
                path=path,
                label=label,
                current=Html(' aria-current="page"' if path == section else ""),
            )
            for path, label in _SECTIONS
        ]
    parts.append(Html('<span class="group">This sandbox</span>'))
    for path, label in (("accounts", "Accounts"), ("calls", "Calls")):
        current = Html(' aria-current="page"' if path == section else "")
        address = "/" if path == "accounts" else "/inspector/calls"
        parts.append(fill('<a href="{address}"{current}>{label}</a>', address=address, current=current, label=label))
    return join(parts)


def _kind(column: str) -> str:
    if column.startswith("#"):
        return "num"
    return "when" if column == "When" else ""
