"""OAuth: the consent screen, and the endpoints of authorization, tokens and revocation."""
