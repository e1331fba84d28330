"""Shards through Ray: addresses that are none, workers that die, bytes that do not change."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError
from simtouch.stream import cluster, dataset_digest

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("--clips", "12", "--frames", "16", "--shard-frames", "32", "--object", "sphere", "--codec", "jpeg95", "--workers", "2")


@pytest.fixture
def with_ray(monkeypatch):
    """As if Ray were installed: addresses are looked at before it is used."""
    monkeypatch.setattr(cluster, "_ray", lambda: None)
    monkeypatch.setattr(cluster, "ANSWER_S", 0.5)


@pytest.fixture
def serving():
    """Start a server that takes connections and answers this; it keeps silent if that is nothing. Gives the address."""
    servers = []

    def start_server(answer):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve():
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                with client:
                    client.recv(64)
                    client.sendall(answer)
                    time.sleep(0 if answer else 1)

        threading.Thread(target=serve, daemon=True).start()
        return f"ray://127.0.0.1:{server.getsockname()[1]}"

    yield start_server
    for server in servers:
        server.close()


@pytest.mark.parametrize("address", ["", "ray", "ray://", "ray://host", "ray://:10001", "http://host:1", "ray://host:many"])
def test_a_malformed_address_is_refused(with_ray, address):
    with pytest.raises(ArgumentError, match="must be `local`, `auto` or `ray://HOST:PORT`"):
        cluster.check_cluster(address)


def test_an_address_where_nobody_listens_is_refused_at_once(with_ray):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(SimtouchError, match=f"`ray://127.0.0.1:{taken}` cannot be reached"):
        cluster.check_cluster(f"ray://127.0.0.1:{taken}")
    assert time.monotonic() - begin < 10


def test_an_address_that_stays_silent_is_given_up(with_ray, serving):
    begin = time.monotonic()
    with pytest.raises(SimtouchError, match="did not answer"):
        cluster.check_cluster(serving(b""))
    assert time.monotonic() - begin < 10


def test_a_web_server_is_no_cluster(with_ray, serving):
    with pytest.raises(SimtouchError, match="is no Ray cluster"):
        cluster.check_cluster(serving(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


def test_a_server_that_speaks_http_2_passes(with_ray, serving):
    cluster.check_cluster(serving(b"\0\0\0\4\0\0\0\0\0"))


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[cluster\]'"):
        cluster.check_cluster("local")


def test_other_code_on_the_cluster_is_told_by_name(monkeypatch):
    there = cluster.provenance() | {"kernel_hash": "0" * 64}
    monkeypatch.setattr(cluster, "use_one_thread", lambda: None)
    with pytest.raises(SimtouchError, match="has other code or libraries: kernel_hash"):
        cluster._make_shard(None, "key", [0], there)


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [d for child in children for d in descendants(int(child))]


def making(pid):
    """Workers below `pid` that are making a shard now."""
    found = []
    for worker in descendants(pid):
        try:
            line = Path(f"/proc/{worker}/cmdline").read_bytes()
        except OSError:
            continue
        found += [worker] if line.startswith(b"ray::_make_shard") else []
    return found


def start(*arguments):
    command = [sys.executable, "-m", "simtouch.generate", *OPTIONS, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    """Row 4 of the data issue: two workers, one killed in mid-shard."""
    pytest.importorskip("ray")
    spawned = start("--out", tmp_path / "spawn")
    spawned.communicate()
    assert spawned.returncode == 0
    run = start("--out", tmp_path / "ray", "--cluster", "local")
    while not list((tmp_path / "ray").glob("clips-*")) or not (workers := making(run.pid)):
        assert run.poll() is None
        time.sleep(0.02)
    os.kill(workers[0], signal.SIGKILL)
    said = run.communicate()[1]
    assert run.returncode == 0, said
    assert not list((tmp_path / "ray").glob("*.tmp"))
    assert len(list((tmp_path / "ray").glob("clips-*"))) == 6
    assert dataset_digest(tmp_path / "ray") == dataset_digest(tmp_path / "spawn")


@pytest.mark.slow
def test_ctrl_c_ends_the_cluster_and_resume_goes_on(tmp_path):
    pytest.importorskip("ray")
    run = start("--out", tmp_path / "s", "--cluster", "local")
    while not list((tmp_path / "s").glob("clips-*")):
        assert run.poll() is None
        time.sleep(0.02)
    below = descendants(run.pid)
    os.kill(run.pid, signal.SIGINT)
    said = run.communicate(timeout=120)[1]
    assert run.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "s").glob("*.tmp"))
    deadline = time.monotonic() + 30
    while [pid for pid in below if Path(f"/proc/{pid}/exe").exists()] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in below if Path(f"/proc/{pid}/exe").exists()]
    again = start("--out", tmp_path / "s", "--resume")
    again.communicate()
    assert again.returncode == 0
