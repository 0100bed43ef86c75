# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DVR window: what is in it, what it survives, how players seek in it, and what becomes of it on a full disk."""

import contextlib
import datetime
import os
import signal
import subprocess
import urllib.parse

import pytest

import klive
from conftest import server_in_short_path
from klive import ENTRY, wait_for
from recordings import recorded

SEEK = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
player = Gst.parse_launch("playbin name=p audio-sink=fakesink video-sink=\\"fakesink name=v signal-handoffs=true\\"")
player.set_property("uri", sys.argv[1])
frames = 0
def count(*_):
    global frames
    frames += 1
player.get_property("video-sink").connect("handoff", count)
def wait(number):
    bus = player.get_bus()
    for _ in range(300):
        message = bus.timed_pop_filtered(Gst.SECOND // 10, Gst.MessageType.ERROR)
        if message:
            sys.exit(f"error: {message.parse_error()}")
        if frames >= number:
            return
    sys.exit(f"only {frames} pictures")
player.set_state(Gst.State.PLAYING)
wait(30)
query = Gst.Query.new_seeking(Gst.Format.TIME)
assert player.query(query), "no answer to the seeking query"
_, seekable, start, end = query.parse_seeking()
assert seekable, "not seekable"
live = player.query_position(Gst.Format.TIME)[1]
frames = 0
assert player.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT, start + Gst.SECOND), "seek"
player.get_state(10 * Gst.SECOND)
back = player.query_position(Gst.Format.TIME)[1]
wait(40)
player.set_state(Gst.State.NULL)
print((end - start) / Gst.SECOND, (live - back) / Gst.SECOND)
"""


def seconds(segment):
    return datetime.datetime.fromisoformat(segment["date"].replace("Z", "+00:00")).timestamp()


class Air:
    """A broadcast of the source alone in segments of 1 s; its DVR window of a minute is cut to 30 s by the settings."""

    def __init__(self, server, source):
        data = klive.passthrough_data()
        for entry in data["entries"]:
            entry.update(dvrStatus=1, dvrWindow=1)
        server.start({"hls": {"segment-duration": 1, "playlist-length": 4, "max-dvr-window": 30},
                      "server": {"grace": 15, "orphan-timeout": 15}}, data=data)
        self.server, self.launcher, self.source = server, server.launcher, source
        self.encoder = server.publish(source)
        self.launcher.wait_master()
        self.folder = self.launcher.state_dir / "hls" / ENTRY / "0"
        self.url = klive.variant_urls(self.launcher.master_url(query="?DVR"))[0]
        self.plain = klive.variant_urls(self.launcher.master_url())[0]

    def lines(self):
        return klive.playlist(self.url)

    def grows(self, count=3, timeout=25):
        """Waits for so many more segments and returns the list."""
        last = self.last_number()
        return wait_for(lambda: f"{count} more segments\n{self.launcher.tail()}", lambda: (
            lambda p: p if p and p["segments"][-1]["sequence"] >= last + count else None)(self.lines()), timeout)

    def last_number(self):
        """By the list on disk, for when nginx is gone."""
        lists = [klive.parse_playlist(p.read_text()) for p in self.folder.glob("[0-9]*/chunklist.m3u8")]
        return max(p["segments"][-1]["sequence"] for p in lists)


@pytest.fixture(scope="module")
def air(media):
    with server_in_short_path() as server:
        yield Air(server, media("card"))


def check(before, after):
    """The window has lost nothing but its old end, and dates and numbers go up."""
    known = [s["uri"] for s in before["segments"]]
    uris = [s["uri"] for s in after["segments"]]
    assert uris[0] in known, "the lists overlap"
    assert uris[:len(known) - known.index(uris[0])] == known[known.index(uris[0]):]
    assert before["sequence"] + known.index(uris[0]) == after["sequence"]
    dates = [seconds(s) for s in after["segments"]]
    ends = [d + s["duration"] for d, s in zip(dates, after["segments"])]
    assert all(b >= a - 0.002 for a, b in zip(ends, dates[1:])), "no segment begins before the end of the one before"
    assert not any(s["discontinuity"] for s in after["segments"]), "the codec headers are the same"


def test_window_survives_worker_launcher_and_encoder(air):
    """A killed worker, a lost encoder, a killed launcher, one that leaves for the next: always the same window."""
    launcher = air.launcher
    before = air.grows()
    os.kill(launcher.workers()[0], signal.SIGKILL)
    first, before = before, air.grows()
    check(first, before)
    air.encoder.stop(signal.SIGKILL)
    air.encoder = air.server.publish(air.source)
    after = air.grows()
    check(before, after)
    for number in (signal.SIGKILL, signal.SIGUSR2):
        launcher.send(number)
        launcher.wait(10)
        launcher.again()
        air.encoder = air.server.publish(air.source)
        before, after = after, air.grows()
        check(before, after)
    check(first, after)


def test_plain_list_stays_short(air):
    plain, dvr = klive.playlist(air.plain), air.lines()
    assert len(plain["segments"]) == 4 < len(dvr["segments"])
    assert {s["uri"] for s in plain["segments"]} & {s["uri"] for s in dvr["segments"]}


def test_seek_with_hlsdemux(air):
    wait_for("a window of 20 s", lambda: sum(s["duration"] for s in air.lines()["segments"]) > 20, 40)
    done = subprocess.run(["/usr/bin/python3", "-c", SEEK, air.url], capture_output=True, text=True,
                          timeout=60 * klive.SLOW, env=klive.environment())
    assert done.returncode == 0, done.stderr
    window, back = map(float, done.stdout.split())
    assert window > 15 and back > 10, done.stdout


def test_window_is_exact_and_files_outside_it_go(air):
    """30 s of segments and at most one of them beyond; files go after the plain list's time and two targets."""
    begin = air.lines()["segments"][0]["uri"]
    now = wait_for("the first segment leaves the window", lambda: (
        lambda p: p if begin != p["segments"][0]["uri"] else None)(air.lines()), 40, 0.2)
    covered = seconds(now["segments"][-1]) + now["segments"][-1]["duration"] - seconds(now["segments"][0])
    assert 30 <= covered < 30 + now["segments"][0]["duration"] + 0.01, covered
    for segment in now["segments"]:
        assert klive.get(urllib.parse.urljoin(air.url, segment["uri"]))[0] == 200
    wait_for("its file is removed", lambda: not list(air.folder.rglob(begin)), 15)


@contextlib.contextmanager
def small_disk(path, megabytes):
    if not klive.is_root():
        pytest.skip("only root can mount a small file system")
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", path], capture_output=True,
                          text=True)
    if done.returncode:
        pytest.skip(f"no small file system here: {done.stderr}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill(path, leave):
    """Takes all but so many bytes of a file system."""
    disk = os.statvfs(path)
    with open(path / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bfree * disk.f_frsize - leave)


def metric(launcher, name):
    text = klive.get(launcher.http_url("/metrics"))[2].decode()
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + "{")), None)


def test_full_disk_ends_recording_first(server, card):
    """Window and recordings on one disk, as by default: recording stops while there is room for many segments."""
    state = server.folder / "state"
    with small_disk(state, 64):
        server.start({"hls": {"segment-duration": 1, "playlist-length": 4}},
                     data=recorded(klive.passthrough_data()))
        launcher = server.launcher
        server.publish(card)
        launcher.wait_event("recording-started")
        launcher.wait_master()
        url = klive.variant_urls(launcher.master_url(query="?DVR"))[0]
        first = klive.playlist(url)["segments"][0]["uri"]
        fill(state, 2_300_000)
        launcher.wait_event("recording-failed", 30, message="No space left on device")
        last = klive.playlist(url)["segments"][-1]["sequence"]
        now = wait_for(f"the show goes on\n{launcher.tail()}", lambda: (
            lambda p: p if p["segments"][-1]["sequence"] > last + 3 else None)(klive.playlist(url)), 20)
        assert now["segments"][0]["uri"] == first
        assert launcher.events("hls-warning") == []
        assert len(launcher.events("recording-started")) == 1
        (state / "ballast").unlink()
        launcher.wait_event("recording-started", 20, 2)
        server.end()
        server.launcher = server.sandbox = None


def test_full_disk_shortens_the_window(server, card):
    """The oldest segments make room before a new one finds none; a disk that is full at once costs one or two."""
    hls = server.folder / "state" / "hls"
    with small_disk(hls, 8):
        server.start({"hls": {"segment-duration": 1, "playlist-length": 4}}, data=klive.passthrough_data())
        launcher = server.launcher
        server.publish(card)
        launcher.wait_master()
        url = klive.variant_urls(launcher.master_url(query="?DVR"))[0]
        folder = hls / ENTRY / "0"
        first = wait_for("six segments", lambda: (lambda p: p if len(p["segments"]) >= 6 else None)(
            klive.playlist(url)), 20)["segments"][0]["uri"]
        fill(hls, 700_000)
        wait_for("the oldest segment makes room", lambda: klive.playlist(url)["segments"][0]["uri"] != first, 25)
        assert not list(folder.rglob(first))
        last = klive.playlist(url)["segments"][-1]["sequence"]
        now = wait_for("the show goes on", lambda: (lambda p: p if p["segments"][-1]["sequence"] > last + 5 else None)(
            klive.playlist(url)), 15)
        dates = [seconds(s) for s in now["segments"]]
        assert all(b - a < 1.5 for a, b in zip(dates, dates[1:])), "none is missing"
        gone = {s["uri"] for s in now["segments"] if not list(folder.rglob(s["uri"]))}
        assert not gone & {s["uri"] for s in klive.playlist(url)["segments"]}, "first it leaves the list, then the disk"
        wait_for("the status says so", lambda: launcher.status()["entries"][0]["status"]["diskFull"], 10)
        assert metric(launcher, "klive_entry_disk_full") == 1
        assert metric(launcher, "klive_entry_dvr_window_seconds") < 60
        assert len([e for e in launcher.events("hls-warning") if "disk" in e["message"]]) == 1
        assert metric(launcher, "klive_rendition_lost_segments_total") == 0

        (hls / "ballast").unlink()
        fill(hls, 0)
        last = klive.playlist(url)["segments"][-1]["sequence"]
        now = wait_for(lambda: f"it goes on after a disk that was full at once\n{launcher.tail()}", lambda: (
            lambda p: p if p["segments"][-1]["sequence"] > last + 4 else None)(klive.playlist(url)), 20)
        dates = [seconds(s) for s in now["segments"]]
        assert all(b - a < 3.5 for a, b in zip(dates, dates[1:])), dates

        (hls / "ballast").unlink()
        wait_for("there is space again", lambda: metric(launcher, "klive_entry_disk_full") == 0, 15)
        length = len(klive.playlist(url)["segments"])
        wait_for("the window grows", lambda: len(klive.playlist(url)["segments"]) > length, 10)
