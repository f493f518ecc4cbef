"""A token is made in a real browser: the secret is copied with a button, and no page shows it again."""

from playwright.sync_api import Page

from integrations.api import tokens
from integrations.models import ApiToken, Connection
from tests.browser import accessibility


def test_a_token_is_made_copied_and_revoked(signed_in: Page, connection: Connection) -> None:
    page = signed_in
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="API tokens").click()
    page.get_by_role("link", name="Make a token").first.click()
    assert accessibility.objections(page) == []
    page.get_by_label("Name").fill("Till in Berlin")
    page.get_by_label("Everything that only reads").check()
    page.get_by_label(connection.account_name).check()
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied.").wait_for()
    assert accessibility.objections(page) == []
    secret = page.evaluate("navigator.clipboard.readText()")
    assert tokens.find(f"Bearer {secret}").name == "Till in Berlin"
    assert secret not in page.url
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_text("Till in Berlin", exact=True).first.wait_for()
    assert secret not in page.content()
    assert accessibility.objections(page) == []
    page.get_by_role("link", name="Revoke … Till in Berlin").click()
    assert accessibility.objections(page) == []
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("is revoked").wait_for()
    assert ApiToken.objects.get().is_revoked
