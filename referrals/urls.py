"""The share link's address, which `Advocate.share_link` spells out: the site includes this at its root."""

from django.urls import path

from referrals import views

app_name = "referrals"
urlpatterns = [path("r/<str:code>", views.share_link, name="share_link")]
