# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings from the encoder to Kaltura: nothing lost, nothing twice, whatever happens on the way."""

import os
import signal
import time

import pytest

import klive
import recordings
from klive import ENTRY, wait_for
from recordings import recorded

LADDER = {"hls": {"segment-duration": 1}}


@pytest.fixture(scope="module")
def numbered(media):
    """Pictures that are all different, 10 s."""
    return media("numbered", seconds=10)


@pytest.fixture(scope="module")
def long(media):
    """The same, 25 s."""
    return media("long", seconds=25)


def wait_recording(launcher, count=1, timeout=15):
    return launcher.wait_event("recording-started", timeout, count)


def test_ladder(server, numbered):
    """All that was published is in the files, which all renditions begin at the same keyframe; Kaltura gets each once
    and hears which is the last."""
    server.start(LADDER, data=recorded(klive.small_ladder_data()))
    launcher = server.launcher
    encoder = server.publish(numbered, loop=False)
    wait_recording(launcher, 2)
    time.sleep(3)
    assert recordings.split(launcher) == 200
    assert recordings.split(launcher, "0_nobody00") == 404
    wait_recording(launcher, 4)
    described = launcher.status()["entries"][0]["status"]["recordings"]
    assert sorted(r["id"] for r in described) == ["32", "33"]
    encoder.wait(20)
    recordings.wait_handed_over(launcher)
    source, small = (recordings.of_rendition(server, i) for i in (32, 33))
    assert [r["isLastChunk"] for r in source] == [r["isLastChunk"] for r in small] == [False, True]
    assert recordings.compare(numbered, [r["path"] for r in source]) == (0, 0, 0)
    for one, other in zip(source, small):
        pictures = recordings.check_plays(one["path"])
        assert recordings.check_plays(other["path"]) == pictures
        for r in (one, other):
            assert abs(recordings.duration(r["path"]) - r["duration"]) < 0.05
            assert recordings.frames(r["path"])[0][0] == 0
    assert sum(recordings.check_plays(r["path"]) for r in source) == 250


def append_calls(server, result):
    return [c for c in server.sandbox.calls("appendRecording") if c["result"] == result]


def lost_stretches(published, chunks):
    """[(first, last) index] of frames that are not in the files."""
    got = {h for chunk in chunks for _, h in recordings.frames(chunk)}
    stretches = []
    for index, (_, h) in enumerate(recordings.frames(published)):
        if h in got:
            continue
        if stretches and stretches[-1][1] == index - 1:
            stretches[-1][1] = index
        else:
            stretches.append([index, index])
    return stretches


def test_faults(server, long, folder):
    """A killed worker costs its restart and what was not on disk, a killed launcher nothing; an API that is away, and
    one that loses its answer, cost nothing either. No frame comes twice, every chunk reaches Kaltura once."""
    settings = {**LADDER, "nginx": {"managed": "false"}, "server": {"grace": 6, "orphan-timeout": 20}}
    launcher = server.start(settings, data=recorded(klive.passthrough_data()), wait=False).launcher
    launcher.wait_event("ready")
    nginx = klive.SystemNginx(folder, launcher)
    try:
        encoder = server.publish(long, loop=False)
        wait_recording(launcher, 1)
        time.sleep(4)
        server.sandbox.fault("appendRecording", "status", status=503, times=1)
        os.kill(launcher.workers()[0], signal.SIGKILL)
        wait_recording(launcher, 2)
        launcher.wait_event("recording-repaired")
        launcher.wait_event("recording-delayed")
        launcher.wait_event("recording-handed-over")
        server.sandbox.fault("appendRecording", "lost-answer", times=1)
        assert recordings.split(launcher) == 200
        wait_recording(launcher, 3)
        launcher.kill()
        time.sleep(2)
        launcher.again(wait=False)
        launcher.wait_event("worker-adopted")
        encoder.wait(60)
        recordings.wait_handed_over(launcher)
        assert len(launcher.events("recording-delayed")) >= 2      # the outage, the lost answer
        got = recordings.of_rendition(server, 32)
        chunks = [r["path"] for r in got]
        assert len(set(chunks)) == len(chunks) == 3, got
        assert [r["isLastChunk"] for r in got] == [False, False, True]
        lost, twice, foreign = recordings.compare(long, chunks)
        assert twice == foreign == 0
        stretches = lost_stretches(long, chunks)
        assert len(stretches) <= 1 and lost <= 25 * 6 * klive.SLOW, stretches
        for chunk in chunks:
            recordings.check_plays(chunk)
    finally:
        encoder.stop()
        launcher.end()
        nginx.stop()
