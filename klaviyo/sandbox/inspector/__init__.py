"""Inspector: pages on which a developer sees what a marketer would see in Klaviyo."""

from klaviyo.sandbox.inspector.pages import answer, static

__all__ = ["answer", "static"]
