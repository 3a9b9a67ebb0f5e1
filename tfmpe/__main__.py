"""`python -m tfmpe`, and the entry point of the command `tfmpe`."""

import sys

_NEEDED = ("click", "rich")


def main() -> None:
    """Run the command line, or say which extra it needs.

    Raises
    ------
    SystemExit
        Always: 2 if `click` or `rich` is missing, else the exit code of the
        command.
    """
    try:
        import rich  # noqa: F401

        from tfmpe.cli import cli
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.stderr.write(
            f'The command line needs {error.name}: pip install "tfmpe[cli]"\n'
        )
        sys.exit(2)
    cli(prog_name="tfmpe")


if __name__ == "__main__":
    main()
