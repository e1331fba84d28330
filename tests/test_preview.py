"""The verb `preview`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simtouch._checks import SimtouchError
from simtouch.preview import Config, main
from simtouch.stream.images import decode_image
from tests.stream.conftest import fill, finished, make_writer  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments, cwd):
    command = [sys.executable, "-m", "simtouch.preview", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )


def test_preview_writes_the_sheet_of_a_stream(finished, tmp_path):  # noqa: F811
    out = main(Config(path=finished, out=tmp_path / "sheet.png"))
    assert decode_image(out.read_bytes()).shape[0] > 500
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_preview_runs_from_the_command_line(finished, tmp_path):  # noqa: F811
    done = run(finished, "--clip", "5", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "preview-clip-5.png\n", "")
    assert (tmp_path / "preview-clip-5.png").stat().st_size > 10_000


def test_preview_of_an_unfinished_stream_says_so(tmp_path, capsys):
    fill(make_writer(tmp_path / "s"), [1])
    main(Config(path=tmp_path / "s", clip=4, out=tmp_path / "sheet.png"))
    assert "2 shards are missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "`nowhere` is not a stream: it has no manifest.json."),
        (["stream", "--clip", "9"], "`--clip` must be one of the 7 clips from 0 to 6; got 9."),
        (["stream", "--out", "nowhere/sheet.png"], "`--out` must lie in a folder that exists; got nowhere/sheet.png."),
        (["empty"], "`empty` holds no finished shard yet; there is nothing to show."),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(finished, tmp_path, arguments, said):  # noqa: F811
    (tmp_path / "stream").symlink_to(finished)
    make_writer(tmp_path / "empty")
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")
    assert not list(tmp_path.glob("*.png*"))


def test_a_picture_that_cannot_be_written_is_one_sentence(finished, tmp_path):  # noqa: F811
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(SimtouchError, match=r"taken.png` cannot be written"):
        main(Config(path=finished, clip=0, out=tmp_path / "taken.png"))
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]
