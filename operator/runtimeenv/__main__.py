"""``python -m runtimeenv``: the same as the console script."""

from runtimeenv.cli.main import main

if __name__ == "__main__":
    main()
