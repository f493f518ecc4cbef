"""Accessibility: what axe-core has to say against the page that a browser shows."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
# Without preload, which would ask for style sheets beside the page's own
# Axe leaves out what is written on a gradient
PLAIN = "document.querySelectorAll('.scroll, .results, .tabs').forEach(one => one.style.background = 'none')"
RUN = "options => axe.run(document, {...options, preload: false, resultTypes: ['violations']})"
EVERY_RULE: Mapping[str, Any] = {}
NO_COLOURS: Mapping[str, Any] = {"rules": {"color-contrast": {"enabled": False}}}  # which take longest
COLOURS: Mapping[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}  # what alone differs by night


def objections(page: Page, options: Mapping[str, Any] = EVERY_RULE) -> list[str]:
    """Each thing that breaks a rule of axe: https://dequeuniversity.com/rules/axe/4.12. `options`: axe's own."""
    page.evaluate(AXE)
    page.evaluate(PLAIN)
    return [_said(rule, node) for rule in page.evaluate(RUN, options)["violations"] for node in rule["nodes"]]


def _said(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(str(node["failureSummary"]).split())
    return f"{rule['id']} at {node['target']}: {why}"
