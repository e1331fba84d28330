"""Files made to harm: each is refused by its name in one sentence, in a process whose memory is limited and which stays alive.

All cases run in one child, one after the other, under a limit of address space; it reports what each said and how far its memory went.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simtouch._unpickle import MOST_OVERHEAD
from tests.stream import official_layouts as official
from tests.stream.hostile_files import write_all

ROOT = Path(__file__).resolve().parents[2]
GROWTH_MB = 64
OVERHEAD_BYTES = 24 << 20  # allowed to the child's pickles, so that bombs go off soon
MEMORY = """
def memory_mb(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(name))
"""
CHILD = f"""
import json, resource, sys, time
from pathlib import Path
from simtouch import open_stream, _unpickle
from simtouch._checks import SimtouchError
from simtouch.stream.real import open_recordings
_unpickle.MOST_OVERHEAD = {OVERHEAD_BYTES}
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

def look(folder):
    if (folder / "manifest.json").exists():
        open_stream(folder)[0].image(0)
    for clip in open_recordings(folder):
        clip.image(0), clip.labels, clip.background, clip.time_s

{MEMORY}
look(Path(sys.argv[1]) / "honest")
for folder in sorted(Path(sys.argv[1]).iterdir()):
    Path("/proc/self/clear_refs").write_text("5")
    before, began, said = memory_mb("VmRSS"), time.process_time(), None
    try:
        look(folder)
    except SimtouchError as error:
        said = str(error)
    print(json.dumps([folder.name, said, memory_mb("VmHWM") - before, time.process_time() - began]), flush=True)
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> tuple[dict[str, str], dict[str, list]]:
    root = tmp_path_factory.mktemp("hostile")
    wanted = write_all(root)
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    child = subprocess.run([sys.executable, "-c", CHILD, str(root)], env=env, capture_output=True, text=True, timeout=300)
    assert child.returncode == 0, child.stderr
    assert not (root / "run").exists()
    return wanted, {name: rest for name, *rest in map(json.loads, child.stdout.splitlines())}


def test_every_hostile_file_was_looked_at_and_the_process_is_alive(reports):
    wanted, said = reports
    assert set(wanted) == set(said)


def test_each_refusal_names_the_file_in_one_sentence(reports):
    wanted, said = reports
    for name, says in wanted.items():
        message = said[name][0]
        if says:
            assert message is not None, name
            assert says in message, (name, message)
            assert f"{name}/" in message, (name, message)
            assert "\n" not in message
            assert len(message) < 500, (name, message)
        else:
            assert message is None, (name, message)


def test_memory_stays_bounded(reports):
    _, said = reports
    assert {name: growth for name, (_, growth, _) in said.items() if growth >= GROWTH_MB} == {}


def test_no_file_takes_long(reports):
    _, said = reports
    assert {name: seconds for name, (_, _, seconds) in said.items() if seconds >= 10} == {}


@pytest.mark.slow
def test_the_most_that_a_pickle_may_cost_is_what_is_allowed(tmp_path):
    official.write(tmp_path / "toy" / "dataset_0.pkl", b"\x80\x04" + b"]" * (64 << 20) + b".")
    code = MEMORY + "import sys; from simtouch.stream.real import open_recordings\ntry: open_recordings(sys.argv[1])[0].labels\n"
    code += "except ValueError: print(memory_mb('VmHWM'))"
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(run.stdout) < (MOST_OVERHEAD >> 20) + 250


def test_the_measure_of_memory_can_fail():
    """What the tests above measure grows when memory is taken."""
    code = MEMORY + "a = memory_mb('VmRSS'); b = bytearray(200 << 20); print(memory_mb('VmHWM') - a)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) > GROWTH_MB
