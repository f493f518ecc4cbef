"""Klaviyo's API (JSON:API over HTTPS), one function per operation, grouped by resource.

An operation is declared once (`operation.py`); `transport.py` puts it on the wire; `answers.py` is the one place
that knows what a status means; `client.py` adds what a connection brings: access, budget, and the record.
Revision and rules: https://developers.klaviyo.com/en/reference/api_overview
"""
