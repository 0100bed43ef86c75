# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the end-to-end tests: media, a running server for a whole file, and servers of a test's own."""

import contextlib
import os
import signal
import tempfile
import zlib
from pathlib import Path

import pytest

import klive

SHORT_PATHS = []        # of servers
LONGEST = ["test_worker", "test_launcher", "test_recording", "test_pipelines", "test_faults", "test_broadcast",
           "test_dvr", "test_demo", "test_encoders", "test_lifetimes", "test_backup", "test_ingests"]
TEST_DEADLINE = 150     # s, for one test; a marker deadline(N) sets another


def pytest_collection_modifyitems(items):
    """The files that take longest go first, so that no process has one of them left at the end. Nothing runs without
    the programs (a build with -Dsandbox=disabled)."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
    if not klive.SANDBOX.exists() or not klive.LAUNCHER.exists():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="kaltura-sandbox or klive-launcher is not built"))


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): another deadline for this test")
    klive.libc.prctl(klive.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)      # orphans come to us and are found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("deadline")
    with klive.Watchdog(marker.args[0] if marker else TEST_DEADLINE):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the ends of the logs that the test's fixtures have written."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        folders = {v for v in item.funcargs.values() if isinstance(v, Path)}
        folders |= {v.folder for v in item.funcargs.values() if hasattr(v, "folder")}
        for folder in sorted(folders):
            for log in sorted(folder.glob("*.log")):
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
                report.sections.append((f"{log}", tail))


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """media("name", seconds=..., ...) makes a file once for all tests and all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def make(name, **options):
        mark = zlib.crc32(repr(sorted(options.items())).encode())
        return klive.make_media(shared / f"{name}-{mark:08x}.flv", **options)
    return make


@pytest.fixture(scope="session")
def card(media):
    """320x180 at 25 frames/s, keyframe every second, stereo-less tone, 20 s."""
    return media("card")


@pytest.fixture(scope="session", autouse=True)
def nothing_left(tmp_path_factory):
    """After all tests no process is there that names a directory of theirs."""
    yield
    bases = (str(tmp_path_factory.getbasetemp()), *SHORT_PATHS)

    def left():
        return {p: argv for p, (_, argv) in klive.processes().items()
                if any(b in a for a in argv for b in bases) and klive.alive(p)}
    klive.wait_for(left, lambda: not left(), 10)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


class Server:
    """A sandbox, a launcher, and the encoders of one test or file, ended together."""

    def __init__(self, folder):
        self.folder = folder
        self.sandbox = self.launcher = None
        self.encoders = []

    def start(self, settings=None, data=None, api="current", **options):
        data = klive.with_segment_duration(data or klive.demo_data(), settings)
        self.sandbox = klive.Sandbox(self.folder, data, api)
        self.launcher = klive.Launcher(self.folder, self.sandbox, settings, **options)
        return self

    def publish(self, source, url=None, name=None, **options):
        encoder = klive.Encoder(self.folder, url or self.launcher.rtmp_url(), source,
                                name=name or f"encoder{len(self.encoders)}", **options)
        self.encoders.append(encoder)
        return encoder

    def end(self):
        for encoder in self.encoders:
            encoder.stop(timeout=5)
        reports = []
        if self.launcher:
            self.launcher.end()
            reports = self.launcher.sanitizer_reports()
        if self.sandbox:
            self.sandbox.stop(timeout=5)
        assert not reports, self.launcher.text()


@contextlib.contextmanager
def server_in_short_path():
    """The state directory holds a socket, whose path is limited."""
    with tempfile.TemporaryDirectory(prefix="klive-") as folder:
        SHORT_PATHS.append(folder)
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.end()


@pytest.fixture
def server():
    """A server of the test's own, not started yet: server.start(settings, data)."""
    with server_in_short_path() as server:
        yield server


@pytest.fixture(scope="module")
def shared_server():
    """One running server for all tests of a file; each test uses entries of its own."""
    with server_in_short_path() as server:
        server.start(data=klive.many_entries())
        yield server


@pytest.fixture(autouse=True)
def reap():
    """Collects orphans that came to us and have ended."""
    yield
    for pid, (parent, _) in klive.processes().items():
        if parent == os.getpid() and pid not in klive.Process.started_pids:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
