"""The command line: thin frontends over hexz."""
