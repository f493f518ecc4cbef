"""HTTP: the server and the connections that the sandbox speaks over."""
