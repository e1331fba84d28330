"""The verb `view`: its command line, bad input, Rerun files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError
from simtouch.view import Config, main
from simtouch.view_page import Page
from tests.stream.conftest import finished  # noqa: F401
from tests.test_view_page import free_port, page  # noqa: F401

pytest.importorskip("viser")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:Queued a")
ROOT = Path(__file__).resolve().parents[1]


def test_a_taken_port_gives_the_next_free_one(page):  # noqa: F811
    other = Page("127.0.0.1", page.port, "simtouch")
    try:
        assert page.port < other.port < page.port + 100
    finally:
        other.close()


def test_without_viser_the_page_names_the_extra(monkeypatch, finished):  # noqa: F811
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[view\]'"):
        main(Config(path=finished))


def test_without_rerun_the_export_names_the_extra(monkeypatch, finished, tmp_path):  # noqa: F811
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[rerun\]'"):
        main(Config(path=finished, rerun=tmp_path / "clips.rrd"))


def test_clips_become_a_rerun_file(finished, tmp_path, capsys):  # noqa: F811
    pytest.importorskip("rerun")
    out = tmp_path / "clips.rrd"
    main(Config(path=finished, rerun=out, clip=2))
    assert out.read_bytes()[:4] == b"RRF2"
    assert [p.name for p in tmp_path.iterdir()] == ["clips.rrd"]
    assert "6 frames" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="one of the 7 clips from 0 to 6; got 7"):
        main(Config(path=finished, rerun=out, clip=7))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(), "give either the path"),
        (Config(path=Path("x"), live=True), "give either the path"),
        (Config(path=Path("nowhere")), "nowhere"),
        (Config(live=True, sensor="digti"), "Did you mean `digit`?"),
        (Config(live=True, object="spheer"), "Did you mean `sphere`?"),
        (Config(live=True, host="999.1.1.1"), "`--host` must be an address of this machine"),
        (Config(live=True, host="192.0.2.1"), "`--host` must be an address of this machine"),
        (Config(live=True, port=70000), "`--port` must be from 1 to 65535; got 70000."),
        (Config(live=True, fps=0), "`--fps` must be from 1 to 240"),
        (Config(live=True, rerun=Path("x.rrd")), "`--rerun` writes clips"),
    ],
)
def test_bad_input_is_one_sentence(config, said):
    with pytest.raises(SimtouchError) as raised:
        main(config)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_command_line_serves_until_ctrl_c(finished):  # noqa: F811
    import urllib.request

    command = [sys.executable, "-m", "simtouch.view", str(finished), "--port", str(free_port())]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as server:
        try:
            url = server.stdout.readline().split()[0]
            html = urllib.request.urlopen(url, timeout=60).read()
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert b"<html" in html.lower()
    assert (server.returncode, err.strip()) == (130, "stopped.")


def test_an_unknown_sensor_ends_with_exit_code_2():
    command = [sys.executable, "-m", "simtouch.view", "--live", "--sensor", "nose"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: `nose` is not a known sensor.")
    assert done.stderr.count("\n") == 1
