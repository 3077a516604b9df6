"""`python -m gearbridge` is the `gearbridge` command."""

from gearbridge.cli.main import main

if __name__ == "__main__":
    main()
