"""README.md tells the truth: its blocks run, its targets and extras exist, its links lead somewhere.

A block after `<!-- test: slow -->` runs under `-m slow` only. Blocks run in order, in one empty folder, as a user would. `make`
lines are checked with `make -n`; `pip install` lines by the extras and files they name, since tests have no network.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"(?P<slow><!-- test: slow -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    slow: bool

    def lines(self) -> list[str]:
        """Its commands, a trailing backslash joined."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]

    def commands(self) -> list[list[str]]:
        """Its commands as words, without comments."""
        return [shlex.split(line, comments=True) for line in self.lines()]


def blocks(page: str) -> list[Block]:
    return [Block(m["language"], m["text"], m["slow"] is not None) for m in BLOCK.finditer(page)]


def shell_blocks() -> list[Block]:
    return [block for block in blocks(README) if block.language == "bash"]


def is_set_up(command: list[str]) -> bool:
    """Installation, which the Makefile and the packaging test stand for."""
    return command[0] == "make" or command[:2] == ["pip", "install"]


def run(block: Block, folder: Path) -> None:
    """Run one block as it stands; `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    else:
        script = "\n".join(line for line in block.lines() if not is_set_up(shlex.split(line)))
        command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


def test_each_block_has_a_language_that_is_tested():
    assert {block.language for block in blocks(README)} == {"bash", "python"}
    assert README.count("```") == 2 * len(blocks(README))


def test_the_quick_blocks_run(tmp_path):
    quick = [block for block in blocks(README) if not block.slow]
    assert [block for block in quick if block.language == "python"]
    for block in quick:
        run(block, tmp_path)


@pytest.mark.slow
def test_every_block_runs_in_order(tmp_path):
    pytest.importorskip("gymnasium")
    for block in blocks(README):
        run(block, tmp_path)


def test_make_lines_name_targets_that_exist():
    lines = [command for block in shell_blocks() for command in block.commands() if command[0] == "make"]
    assert ["make", "generate"] in lines
    assert ["make", "test"] in lines
    for line in lines:
        done = subprocess.run(["make", "-n", *line[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_install_lines_name_extras_and_files_that_exist():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    lines = [command for block in shell_blocks() for command in block.commands() if command[:2] == ["pip", "install"]]
    assert ["pip", "install", "."] in lines
    for line in lines:
        for word in line[2:]:
            named = re.fullmatch(r"(\.|simtouch)(?:\[([\w,-]+)\])?", word)
            assert named or word == "-c" or (ROOT / word).is_file(), word
            assert not named or set((named[2] or "").split(",")) - {""} <= extras


def test_links_and_pictures_lead_to_files():
    links = re.findall(r"\]\(([^)#\s]+)\)", README) + re.findall(r'(?:src|href)="([^"#]+)"', README)
    local = [link for link in links if "://" not in link]
    assert local
    assert not [link for link in local if not (ROOT / link).is_file()]


def test_a_block_that_fails_is_seen(tmp_path):
    page = "<!-- test: slow -->\n```python\nraise SystemExit(3)\n```\n\n```bash\npython -c 'import no_such_thing'  # said\n```\n"
    first, second = blocks(page)
    assert (first.slow, second.slow) == (True, False)
    for block in (first, second):
        with pytest.raises(AssertionError):
            run(block, tmp_path)
