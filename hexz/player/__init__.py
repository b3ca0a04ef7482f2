"""Players: move suggestions for the Go server, for a web page and for the command line."""
