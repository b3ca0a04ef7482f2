"""`python -m hexzctl`."""

from hexzctl.cli import main

if __name__ == "__main__":
    main()
