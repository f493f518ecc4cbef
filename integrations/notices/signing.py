"""Signatures of notices, as Standard Webhooks asks for them, so that any of its libraries can check them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(secret: str, notice_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers: the id stays the same over all tries, `at` is the try's own second."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{notice_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
