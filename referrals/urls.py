"""The public URLs, which models and messages spell out: the site includes these at its root."""

from django.urls import path, register_converter

from referrals import links
from referrals.views import invite_page, join_form, share_link, unsubscribe_page

register_converter(links.Word, "word")
register_converter(links.Slug, "loose_slug")

app_name = "referrals"
urlpatterns = [
    path("r/<word:code>", share_link.share_link, name="share_link"),
    path("i/<word:uid>", invite_page.invite_page, name="invite_page"),
    path("join/<slug:store>/<loose_slug:program>", join_form.join, name="join"),
    path("u/<word:token>", unsubscribe_page.unsubscribe, name="unsubscribe"),
]
