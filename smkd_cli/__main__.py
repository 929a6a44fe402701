"""``python -m smkd_cli`` is ``smkd``."""

from smkd_cli.app import main

if __name__ == "__main__":
    main()
