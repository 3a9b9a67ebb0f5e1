"""What the commands in MIGRATION.md print, by running them.

A block after ``<!-- output: COMMAND -->`` is what the command printed in a
copy of the small project, all commands one after another. Run as a script,
it writes them anew::

    python tests/migration/outputs.py
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Run as a script, this folder is on the path and not the one above.
sys.path.insert(0, str(Path(__file__).parents[1]))

from migration.guide import GUIDE
from migration.workplace import Workplace

__all__ = ["Done", "commands", "committed", "fill", "run_all", "tidy"]

MARK = re.compile(
    r"(?P<mark><!-- output: (?P<command>.+?) -->\n)"
    r"```console\n(?P<shown>.*?)```\n<!-- end -->\n",
    re.S,
)
LONGEST = 40
"""Lines of a block; what is longer is cut in its middle."""

# What is left out, and what stands for it.
_PASSING = (
    (re.compile(r"\b\d+(\.\d+)?(e[-+]\d+)? ?(s|ms|us|µs)\b"), "… s"),
    (re.compile(r"(?<=… s) \(\d+:\d\d:\d\d\)"), ""),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}[ T]?\d{2}:\d{2}(:\d{2})?Z?"), "TIME"),
    (re.compile(r"\b\d{8}T\d{6}\.\d+-\w+\b"), "RUN"),
    (re.compile(r" +$", re.M), ""),
)


@dataclass(frozen=True)
class Done:
    """A command that was run.

    Attributes
    ----------
    command : str
    code : int
        How it ended.
    printed : str
        Both streams, without what passes.
    """

    command: str
    code: int
    printed: str

    @property
    def shown(self) -> str:
        """The block: the command, and what it printed."""
        lines = self.printed.splitlines()
        if (more := len(lines) - LONGEST) > 0:
            kept = LONGEST - 10
            lines[kept:-10] = [f"… {more} lines …"]
        return "\n".join([f"$ {self.command}", *lines]) + "\n"


def commands(text: str) -> list[str]:
    """Return the commands of a document, in their order."""
    return [block["command"] for block in MARK.finditer(text)]


def committed(text: str) -> list[str]:
    """Return what the document shows of each."""
    return [block["shown"] for block in MARK.finditer(text)]


def run_all(text: str, place: Workplace) -> Iterator[Done]:
    """Run the commands of a document, one after another, in one place.

    The legacy package is there until the imports are fixed.
    """
    legacy = True
    for command in commands(text):
        done = _run(command, place, legacy)
        legacy = legacy and not command.startswith("tfmpe fix .")
        yield done


def _run(command: str, place: Workplace, legacy: bool) -> Done:
    program, *arguments = shlex.split(command)
    if program == "git":
        done = place.git(*arguments, stderr=subprocess.STDOUT)
    else:
        assert program in ("python", "tfmpe"), command
        call = place.tfmpe if program == "tfmpe" else place.run
        done = call(*arguments, legacy=legacy, stderr=subprocess.STDOUT)
    printed = done.stdout.replace(f"{place.project}/", "").strip("\n")
    return Done(command, done.returncode, tidy(printed.rstrip()))


def tidy(printed: str) -> str:
    """Leave out what no two machines or moments have in common."""
    for pattern, instead in _PASSING:
        printed = pattern.sub(instead, printed)
    return printed


def fill(text: str, done: list[Done]) -> str:
    """Return the document with the blocks that the commands printed."""
    blocks = iter(done)

    def block(found: re.Match[str]) -> str:
        shown = next(blocks).shown
        return f"{found['mark']}```console\n{shown}```\n<!-- end -->\n"

    return MARK.sub(block, text)


if __name__ == "__main__":
    import tempfile

    text = GUIDE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for one in run_all(text, Workplace(Path(folder).resolve())):
            print(f"{one.code}  {one.command}", flush=True)
            found.append(one)
    GUIDE.write_text(fill(text, found))
