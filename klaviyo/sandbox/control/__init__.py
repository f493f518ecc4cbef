"""Control API of the sandbox: what a test or the inspector asks of it, in process or over HTTP."""
