"""Control: what a test or the inspector asks of the sandbox itself, in process or over HTTP."""
