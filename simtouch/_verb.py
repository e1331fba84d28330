"""The command line of every verb: a config class and a main in, exit codes out.

0 done; 2 and one sentence for what a user can mend; 130 after Ctrl-C.
"""

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simtouch._checks import SimtouchError


def run_verb(config_type: Any, main: Callable[[Any], Any], description: str | None, *, if_stopped: str = "stopped.") -> None:
    """Read the config from the command line and call `main` with it.

    Args:
        config_type: The verb's `Config`.
        main: Its main.
        description: Shown by --help.
        if_stopped: Said after Ctrl-C.
    """
    import tyro

    prog = f"python -m simtouch.{Path(sys.argv[0]).stem}"
    config = tyro.cli(config_type, description=description, prog=prog, config=(tyro.conf.PositionalRequiredArgs,))
    try:
        main(config)
    except SimtouchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"\n{if_stopped}", file=sys.stderr)
        sys.exit(130)


class CtrlC:
    """Notices Ctrl-C for long work even where Python swallows the `KeyboardInterrupt`, as in a `__del__`: `check` raises it again."""

    def __enter__(self) -> "CtrlC":
        self._asked, self._before = False, None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if Ctrl-C was pressed since the work began."""
        if self._asked:
            raise KeyboardInterrupt

    def _note(self, *_) -> None:
        self._asked = True
        raise KeyboardInterrupt
