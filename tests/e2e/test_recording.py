# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings from the encoder to Kaltura: nothing lost, nothing twice, whatever happens on the way."""

import contextlib
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

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
    """The same, 20 s."""
    return media("long", seconds=20)


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
    status = launcher.status()["entries"][0]
    assert sorted(r["id"] for r in status["status"]["recordings"]) == ["32", "33"]
    assert [(a["liveParamsId"], a["systemName"], a["tags"], a["suffix"]) for a in status["assets"]] == [
        (32, "Source", "source,ingest,recording_anchor", "1"), (33, "SD_360", "mbr,ipadnew", None)]
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
        time.sleep(2)
        server.sandbox.post("/sandbox/faults", {"faults": [{"kind": "status", "status": 503, "times": 0}]})
        os.kill(launcher.workers()[0], signal.SIGKILL)
        wait_recording(launcher, 2)         # what to record, and which renditions, is remembered
        launcher.wait_event("recording-repaired")
        launcher.wait_event("recording-delayed")
        server.sandbox.no_faults()
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


def test_reconnect_by_upload(server, numbered):
    """An encoder that comes back within the grace goes on with the same recording. Files are uploaded, through a
    connection that breaks in the middle and an answer that is lost, and then removed here."""
    settings = {**LADDER, "kaltura": {"work-mode": "remote"}, "server": {"grace": 8}}
    server.start(settings, data=recorded(klive.passthrough_data()))
    launcher, sandbox = server.launcher, server.sandbox
    sandbox.post("/sandbox/faults", {"faults": [{"service": "uploadtoken", "action": "upload", "kind": "cut",
                                                 "afterBytes": 30000, "times": 1}]})
    sandbox.fault("appendRecording", "lost-answer", times=1)
    encoder = server.publish(numbered, loop=False)
    wait_recording(launcher)
    time.sleep(3)
    encoder.stop(signal.SIGKILL)
    launcher.wait_event("recording-closed")
    assert recordings.figures(launcher)["handedOver"] == 0      # nobody knows yet whether that was the last one
    encoder = server.publish(numbered, loop=False)
    wait_recording(launcher, 2)
    time.sleep(3)
    encoder.stop()
    recordings.wait_handed_over(launcher)
    got = recordings.of_rendition(server, 32)
    assert [r["isLastChunk"] for r in got] == [False, True]
    assert all("sandbox-state" in r["path"] for r in got)
    assert len(launcher.events("recording-delayed")) >= 2
    first, second = ([h for _, h in recordings.frames(r["path"])] for r in got)
    published = [h for _, h in recordings.frames(numbered)]
    for frames in first, second:
        assert frames == published[:len(frames)] and 50 < len(frames) < 250
    for r in got:
        recordings.check_plays(r["path"])
    assert not list(Path(launcher.state_dir, "recordings").iterdir())


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of so many bytes; none where one may not be mounted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "klive-test", folder],
                          capture_output=True)
    if done.returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def newest_segment(launcher):
    """Number of the last one in the list of the first rendition, once there is one."""
    def find():
        variants = klive.variant_urls(launcher.master_url())
        found = klive.playlist(variants[0]) if variants else None
        return found["segments"][-1]["sequence"] if found and found["segments"] else None
    return wait_for(lambda: f"a segment\n{launcher.tail()}", find, 15)


def failing(launcher):
    """0 or 1, of the metrics."""
    text = klive.get(launcher.http_url("/metrics"))[2].decode()
    lines = [line for line in text.splitlines() if line.startswith("klive_recording_failing{")]
    return int(float(lines[0].rsplit(" ", 1)[1])) if lines else None


def test_disk_full(server, card, folder):
    """Recording stops with a word in log, status and metrics, and goes on in a new file when there is room; live
    does not notice."""
    with small_disk(folder / "disk", "2m") as disk:
        settings = {**LADDER, "recording": {"directory": disk / "files", "spool-directory": disk / "spool"}}
        server.start(settings, data=recorded(klive.passthrough_data()))
        launcher = server.launcher
        encoder = server.publish(card)
        wait_recording(launcher)
        launcher.wait_master()
        (disk / "filler").write_bytes(bytes(2 ** 21 - 150 * 1024))
        launcher.wait_event("recording-failed", 30, message="No space left on device")
        wait_for("the metric tells", lambda: failing(launcher) == 1, 15)
        wait_for(lambda: f"the status tells\n{launcher.status()}", lambda: [
            (r["state"], r["reason"]) for r in launcher.status()["entries"][0]["status"]["recordings"]] == [
                ("failing", "No space left on device")], 15)
        first = newest_segment(launcher)
        wait_for(lambda: f"live goes on\n{launcher.tail()}", lambda: newest_segment(launcher) > first + 2, 15)
        (disk / "filler").unlink()
        wait_recording(launcher, 2, 20)
        wait_for("the metric tells", lambda: failing(launcher) == 0, 15)
        time.sleep(2)
        encoder.stop()
        recordings.wait_handed_over(launcher)
        assert launcher.events("studio-failed") == []
        got = recordings.of_rendition(server, 32)
        assert len(got) >= 2
        for r in got:
            recordings.check_plays(r["path"])
        server.end()
        server.launcher = server.sandbox = None


def test_upload_xml(server, numbered):
    """A file for the script of 2014's media server in place of API calls."""
    settings = {**LADDER, "recording": {"upload-xml-directory": server.folder / "xml"}}
    server.start(settings, data=recorded(klive.passthrough_data()), api="2014")
    encoder = server.publish(numbered, loop=False)
    wait_recording(server.launcher)
    time.sleep(2)
    encoder.stop()
    recordings.wait_handed_over(server.launcher)
    (path,) = (server.folder / "xml").iterdir()
    upload = ElementTree.fromstring(path.read_text())
    file = upload.findtext("filepath")
    assert upload.findtext("entryId") == ENTRY and upload.findtext("workMode") == "kaltura"
    assert abs(float(upload.findtext("duration")) - recordings.duration(file)) < 0.05
    recordings.check_plays(file)
    assert not server.sandbox.calls("appendRecording")


def test_configuration(server, folder):
    """A group that is not there and folders that cannot be written are errors that name the key."""
    server.start(data=recorded(klive.passthrough_data()))
    text = server.launcher.config.read_text().replace(str(server.launcher.state_dir), str(server.folder / "other"))
    (folder / "file").touch()
    bad = folder / "bad.conf"
    for key, value, word in (("group", "no-such-group", "no group"), ("directory", folder / "file" / "x", "cannot"),
                             ("spool-directory", folder / "file" / "y", "cannot")):
        bad.write_text(text + f"[recording]\n{key}={value}\n")
        done = recordings.run([klive.LAUNCHER, "serve", "--config", bad])
        assert done.returncode == 3 and f"[recording] {key}" in done.stderr and word in done.stderr, done.stderr
    bad.write_text(text + "[recording]\ngroup=no-such-group\n")
    done = recordings.run([klive.LAUNCHER, "check-config", "--config", bad])
    assert done.returncode == 3 and "bad.conf:" in done.stderr, done.stderr
