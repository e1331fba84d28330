"""The folder of a run: what may be written where, and what is already there.

config.json  result.json  log.jsonl  monitors.jsonl  encoder.safetensors  checkpoints/  pictures/  tensorboard/
"""

import json
import os
from pathlib import Path
from typing import Any

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.training.checkpoints import clear_unfinished, finished
from simtouch.training.config import NOT_OF_THE_NUMBERS, flag

_CONFIG, _RESULT, _LOG, _MONITORS = "config.json", "result.json", "log.jsonl", "monitors.jsonl"


class RunFolder:
    """A new or a resumed run. Looking changes nothing; `begin` writes.

    Args:
        path: The folder.
        settings: `config` (fields of the command line) and what else decides the numbers, plain JSON.
        resume: Whether it may hold this run already.

    Raises:
        SimtouchError: It holds another run, or something else, or cannot be written.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool):
        self.path, self._settings = path, settings
        self.checkpoints, self.pictures, self.tensorboard = (path / n for n in ("checkpoints", "pictures", "tensorboard"))
        self._check_writable()
        if (path / _CONFIG).is_file():
            if not resume:
                raise ArgumentError(f"`{path}` holds a run already: `--resume` goes on with it; or give another `--out`.")
            self._compare(_read(path / _CONFIG))
        elif path.is_dir() and (others := sorted(p.name for p in path.iterdir())):
            raise ArgumentError(f"`{path}` is not empty, it holds `{others[0]}`: give a new folder as `--out`.")

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint."""
        found = finished(self.checkpoints)
        return found[-1] if found else None

    @property
    def result(self) -> dict[str, Any] | None:
        """What a run that came to its end has written."""
        return _read(self.path / _RESULT) if (self.path / _RESULT).is_file() else None

    def begin(self, step: int) -> None:
        """Make the folder ready for a training that goes on from `step`: what was logged after it is forgotten."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            clear_unfinished(self.checkpoints)
            _write(self.path / _CONFIG, self._settings)
            for name in (_LOG, _MONITORS):
                lines = (self.path / name).read_text().splitlines() if (self.path / name).exists() else []
                kept = [line for line in lines if _step_of(line) < step + (name == _MONITORS)]
                _replace(self.path / name, "".join(f"{line}\n" for line in kept))
        except OSError as error:
            raise SimtouchError(f"`{self.path}` cannot be written: {error.strerror}.") from error

    def log(self, line: dict[str, Any], *, monitor: bool = False) -> None:
        """Add a line to the log of steps, or to that of monitors."""
        with (self.path / (_MONITORS if monitor else _LOG)).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self, *, monitor: bool = False) -> list[dict[str, Any]]:
        """The log so far."""
        path = self.path / (_MONITORS if monitor else _LOG)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def finish(self, result: dict[str, Any]) -> None:
        """Write the result."""
        _write(self.path / _RESULT, self._settings | result)

    def _check_writable(self) -> None:
        there = self.path.absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            raise ArgumentError(f"`--out {self.path}` cannot be a folder: `{there}` is a file.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ArgumentError(f"`--out {self.path}` cannot be written: no permission to write in `{there}`.")

    def _compare(self, there: dict[str, Any]) -> None:
        """Raise about the first value that makes the numbers others than those of the run that is there."""
        for part in self._settings:
            mine, theirs = self._settings[part], there.get(part)
            if not isinstance(mine, dict):
                mine, theirs = {part: mine}, {part: theirs}
            for name in mine:
                if name in NOT_OF_THE_NUMBERS or name == "version" or (theirs or {}).get(name) == mine[name]:
                    continue
                said = flag(name) if part == "config" else f"{part} {name}" if name != part else part
                raise ArgumentError(
                    f"`{self.path}` holds another run: {said} is {_short((theirs or {}).get(name))} there and "
                    f"{_short(mine[name])} here; resume with the values of that run, or give another `--out`."
                )


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SimtouchError(f"`{path}` cannot be read: {error}.") from error


def _write(path: Path, value: dict[str, Any]) -> None:
    _replace(path, json.dumps(value, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    """All of the new text or all of the old, whatever happens."""
    temporary = path.with_name(path.name + ".unfinished")
    temporary.write_text(text)
    temporary.replace(path)


def _step_of(line: str) -> int:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return 2**62  # the torn line of a killed run


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."
