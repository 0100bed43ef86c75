# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who ends when: signals, crashes and adoption of launcher, worker and nginx."""

import os
import signal
import time

import klive
from klive import wait_for

QUICK = {"hls": {"segment-duration": 1, "playlist-length": 30}}


def on_air(server, card, settings=None):
    server.start({**QUICK, **(settings or {})}, data=klive.passthrough_data())
    encoder = server.publish(card)
    server.launcher.wait_master()
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    return encoder, klive.variant_urls(server.launcher.master_url())[0]


def worker_of(launcher):
    workers = launcher.workers()
    assert len(workers) == 1, workers
    return workers[0]


def files(server):
    return server.launcher.state_dir / "hls" / klive.ENTRY / "0"


def chunklist(server):
    """The list as it lies on disk, for when nginx is gone."""
    return klive.parse_playlist(next(files(server).glob("[0-9]*/chunklist.m3u8")).read_text())


def test_sigterm_ends_everything_in_order(server, card):
    """And SIGHUP nothing."""
    encoder, _ = on_air(server, card)
    for pid in (server.launcher.pid, *server.launcher.workers()):
        os.kill(pid, signal.SIGHUP)
    server.launcher.wait_event("hangup-ignored")
    assert encoder.running() and server.launcher.running() and server.launcher.workers()
    begin = time.monotonic()
    code, left = server.launcher.end(timeout=11)
    assert code == 0 and time.monotonic() - begin < 11 * klive.SLOW
    assert not left, [klive.processes().get(p) for p in left]
    assert server.sandbox.registered() is None
    assert chunklist(server)["ended"]


def test_sigint_does_the_same(server, card):
    on_air(server, card)
    family = server.launcher.family()
    assert server.launcher.stop(signal.SIGINT, 11) == 0
    assert not [p for p in family if klive.alive(p)]


def test_killed_launcher_is_survived_and_its_worker_adopted(server, card):
    """The managed nginx ends with its launcher, so the publisher is lost; worker, playlists and registration stay."""
    _, _ = on_air(server, card, {"server": {"grace": 15}})
    launcher = server.launcher
    worker = worker_of(launcher)
    before = chunklist(server)
    launcher.send(signal.SIGKILL)
    launcher.wait(5)
    wait_for("nginx has ended with it", lambda: not klive.port_open(launcher.rtmp), 5)
    assert klive.alive(worker)
    launcher.again()
    launcher.wait_event("worker-adopted", 10)
    assert worker_of(launcher) == worker
    server.publish(card)
    last = before["segments"][-1]["sequence"]
    wait_for("the playlists go on", lambda: chunklist(server)["segments"][-1]["sequence"] > last + 2, 15)
    assert worker_of(launcher) == worker
    assert chunklist(server)["segments"][0]["uri"] == before["segments"][0]["uri"]
    assert not server.sandbox.calls("unregisterMediaServer")
    code, left = launcher.end()
    assert code == 0 and not left
    assert server.sandbox.registered() is None


def test_sigusr2_leaves_the_workers(server, card):
    on_air(server, card, {"server": {"grace": 15}})
    launcher = server.launcher
    worker = worker_of(launcher)
    assert launcher.stop(signal.SIGUSR2, 10) == 0
    assert klive.alive(worker)
    launcher.again()
    launcher.wait_event("worker-adopted", 10)
    server.publish(card)
    last = chunklist(server)["segments"][-1]["sequence"]
    wait_for("new segments", lambda: chunklist(server)["segments"][-1]["sequence"] > last + 2, 15)
    code, left = launcher.end()
    assert code == 0 and not left


def test_orphaned_worker_ends_in_order(server, card):
    on_air(server, card, {"server": {"grace": 30, "orphan-timeout": 3}})
    worker = worker_of(server.launcher)
    server.launcher.send(signal.SIGKILL)
    server.launcher.wait(5)
    wait_for("the worker ends", lambda: not klive.alive(worker), 20)
    assert chunklist(server)["ended"]
    assert server.sandbox.registered() is None


def test_killed_worker_is_replaced(server, card, folder):
    """The publisher stays; the same playlists go on with names that were never used before."""
    encoder, url = on_air(server, card)
    worker = worker_of(server.launcher)
    before = klive.playlist(url)
    os.kill(worker, signal.SIGKILL)
    last = before["segments"][-1]["sequence"]
    after = wait_for(lambda: f"the list goes on\n{server.launcher.tail()}", lambda: (
        lambda p: p if p and p["segments"][-1]["sequence"] > last + 3 else None)(klive.playlist(url)), 20)
    assert encoder.running()
    assert worker_of(server.launcher) != worker
    uris = [s["uri"] for s in after["segments"]]
    assert len(set(uris)) == len(uris)
    assert [s["uri"] for s in before["segments"]] == uris[:len(before["segments"])]
    assert not any(s["discontinuity"] for s in after["segments"]), "the codec headers are the same"
    assert not after["ended"]
    assert klive.decode(url, folder)["video"] > 10


def test_publish_after_the_end_is_a_new_broadcast(server, card):
    encoder, url = on_air(server, card)
    encoder.stop()
    wait_for("ENDLIST", lambda: klive.playlist(url)["ended"], 10)
    old = klive.playlist(url)
    wait_for("the worker has ended", lambda: not server.launcher.workers(), 10)
    server.publish(card)
    new = wait_for("a new list", lambda: (lambda p: p if p and not p["ended"] else None)(klive.playlist(url)), 15)
    assert new["sequence"] > old["segments"][-1]["sequence"]
    assert not {s["uri"] for s in new["segments"]} & {s["uri"] for s in old["segments"]}


def test_a_second_publisher_replaces_the_first(server, card, folder):
    """Same entry and token from another connection: the newer one wins once it gives data."""
    encoder, url = on_air(server, card)
    second = server.publish(card)
    wait_for("the first is dropped", lambda: not encoder.running(), 15)
    last = klive.playlist(url)["segments"][-1]["sequence"]
    wait_for("the list goes on", lambda: klive.playlist(url)["segments"][-1]["sequence"] > last + 2, 15)
    assert second.running()
    assert len(server.launcher.workers()) == 1
    assert not klive.playlist(url)["ended"]
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(p.read_bytes() for p in sorted(files(server).glob("32/*.ts"))))
    for kind in ("video", "audio"):
        times = [p["dts"] for p in klive.probe_packets(whole) if p["type"] == kind]
        back = [(a, b) for a, b in zip(times, times[1:]) if b <= a]
        assert not back, f"{kind} goes back: {back}"


def test_a_second_launcher_on_the_same_state_is_refused(server, folder):
    server.start()
    other = klive.Launcher(folder / "other", server.sandbox, state_dir=server.launcher.state_dir, wait=False)
    assert other.wait(10) != 0
    assert "lock" in other.text() or "another" in other.text() or "already" in other.text(), other.text()
    assert server.launcher.running()
