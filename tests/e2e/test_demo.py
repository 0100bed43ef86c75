# SPDX-License-Identifier: LGPL-2.1-or-later
"""app/demo as a person would run it."""

import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import klive
from klive import wait_for


def port_base():
    """Four ports in a row that are free, below those that the kernel gives to others."""
    for _ in range(50):
        base = random.randrange(20000, 32000)
        if all(can_listen(base + i) for i in range(4)):
            return base
    raise AssertionError("no free ports")


def can_listen(port):
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Demo(klive.Process):
    def __init__(self, folder, *arguments):
        self.folder, self.base = folder, port_base()
        environment = {**os.environ, "TMPDIR": str(folder)}
        super().__init__([klive.ROOT / "app" / "demo", "--port-base", self.base, *arguments], folder / "demo.log",
                         env=environment)

    def playback(self, timeout=60):
        wait_for(lambda: f"playback line\n{self.tail()}",
                 lambda: not self.running() or "playback: " in self.text(), timeout)
        return re.search(r"^playback: (\S+)$", self.text(), re.M)[1]

    def left(self):
        """Processes that belong to this demo: they name its directory or its ports."""
        found = []
        for pid, (_, argv) in klive.processes().items():
            line = " ".join(argv)
            if pid != os.getpid() and (str(self.folder) in line or f"127.0.0.1:{self.base}" in line):
                found.append((pid, line))
        return found

    def check_clean(self):
        assert not self.left()
        assert not any(klive.port_open(self.base + i) for i in range(4))


@pytest.fixture
def folder():
    """A short path: the state directory holds a socket, whose path is limited."""
    with tempfile.TemporaryDirectory(prefix="klive-") as path:
        yield Path(path)


@pytest.fixture
def demo(folder):
    started = []

    def start(*arguments):
        started.append(Demo(folder, *arguments))
        return started[-1]
    yield start
    for process in started:
        process.stop(signal.SIGINT, 16)


@pytest.mark.deadline(200)
def test_seconds(demo):
    process = demo("--seconds", "5")
    assert process.wait(150) == 0, process.tail(40)
    text = process.text()
    assert re.search(r"^playback: http://\S+/kLive/smil:0_livedemo_all\.smil/playlist\.m3u8$", text, re.M)
    assert "all 4 renditions play" in text
    assert re.search(r"rendition 33: 640x360", text) and re.search(r"rendition 35: 1280x720", text)
    process.check_clean()


@pytest.mark.deadline(200)
def test_input_file_and_ctrl_c(demo, media, folder):
    process = demo("--input", str(media("card")))
    url = process.playback()
    assert klive.decode(klive.variant_urls(url)[0], folder)["video"] > 10
    begin = time.monotonic()
    process.send(signal.SIGINT)
    assert process.wait(16) == 0, process.tail()
    assert time.monotonic() - begin < 15 * klive.SLOW
    process.check_clean()


@pytest.mark.deadline(200)
def test_no_publish_and_state_dir(demo, media, folder):
    process = demo("--no-publish", "--state-dir", str(folder / "state"))
    wait_for("publish line", lambda: "publish: ffmpeg" in process.text(), 60)
    url = re.search(r"'(rtmp://[^']+)'", process.text())[1]
    encoder = klive.Encoder(folder, url, media("card"))
    try:
        process.playback()
    finally:
        encoder.stop()
    process.send(signal.SIGTERM)
    process.wait(16)
    assert (folder / "state" / "klive-launcher.log").exists()
    process.check_clean()


def test_refuses_nonsense(folder):
    run = [klive.ROOT / "app" / "demo"]
    program = ["/usr/bin/python3", klive.ROOT / "app" / "demo.py"]      # what app/demo runs once everything is built
    for command in ([*run, "--input", "/nonexistent"], [*program, "--seconds", "x"], [*program, "--port-base", "70000"],
                    [*program, "--nonsense"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 2, (command, done.stderr)
    assert subprocess.run([*run, "--help"], capture_output=True, timeout=20).returncode == 0


def test_missing_input_stream(demo, folder):
    (folder / "text.flv").write_text("no media")
    process = demo("--input", str(folder / "text.flv"))
    assert process.wait(90) == 1
    assert "text.flv" in process.text()
    process.check_clean()
