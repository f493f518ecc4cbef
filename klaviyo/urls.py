"""Klaviyo's own pages."""

from django.urls import URLPattern, URLResolver

app_name = "klaviyo"
urlpatterns: list[URLPattern | URLResolver] = []
