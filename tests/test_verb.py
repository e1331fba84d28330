"""What every verb does about Ctrl-C."""

import os
import signal

import pytest

from simtouch._verb import CtrlC


class Swallows:
    """Gets its Ctrl-C where Python can only print it."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_python_swallows_is_raised_at_the_next_check():
    before = signal.getsignal(signal.SIGINT)
    with CtrlC() as ctrl_c:
        ctrl_c.check()
        doomed = Swallows()
        del doomed
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) is before
