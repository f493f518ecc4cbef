"""The public URLs, which models and messages spell out: the site includes these at its root."""

from django.urls import path

from referrals.views import invite_page, join_form, share_link, unsubscribe_page

app_name = "referrals"
urlpatterns = [
    path("r/<str:code>", share_link.share_link, name="share_link"),
    path("i/<str:uid>", invite_page.invite_page, name="invite_page"),
    path("join/<slug:store>/<slug:program>", join_form.join, name="join"),
    path("u/<str:token>", unsubscribe_page.unsubscribe, name="unsubscribe"),
]
