"""Every setting, and every message between processes and machines, each declared once.

From a declaration follow the check of its values, the option of the command line, the variable of
the environment, the line of a configuration file, and docs/reference/. A leaf: of hexz it imports
`errors`, `places` and `version` only, and no NumPy.

    declaration   what a setting is, and `Settings`, the base of all that have some
    search        how a tree is searched
    training      how a network is trained
    programs      what each command and each server is asked to do
    resolution    command line over environment over file over default
    fleet         what a train server and its workers say to each other
    status        what the servers say about themselves
    records       what is kept beside a checkpoint: its metadata, and ratings
"""
