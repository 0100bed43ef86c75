# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the measuring commands of this folder share: a server of their own, media, and figures in tables."""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import klive  # noqa: E402


@contextlib.contextmanager
def server(settings=None, data=None, env=None):
    """(sandbox, launcher, folder), ended and removed afterwards."""
    klive.libc.prctl(klive.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="klive-bench-") as folder:
        sandbox = klive.Sandbox(folder, klive.with_segment_duration(data or klive.demo_data(), settings))
        launcher = None
        try:
            launcher = klive.Launcher(folder, sandbox, settings, env=env)
            yield sandbox, launcher, Path(folder)
        finally:
            if launcher:
                launcher.end()
            sandbox.stop(timeout=5)


def media(name, **options):
    """Made once, kept below build/."""
    folder = klive.BUILD / "bench"
    folder.mkdir(exist_ok=True)
    return klive.make_media(folder / f"{name}.flv", **options)


def renditions(folder):
    """{live params id: path} of an HLS folder, without the aliases."""
    return {p.name: p for p in folder.glob("[0-9]*") if p.is_dir() and not p.is_symlink()}


def cpu_seconds(pid):
    """User and system time of a process and its threads so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """(RSS, PSS) of a process, MB."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Rss:", "Pss:")):
            values[line[:3]] = int(line.split()[1]) / 1024
    return values["Rss"], values["Pss"]


def summary(values, unit="s"):
    """Median and maximum as text."""
    return f"median {statistics.median(values):.3f} {unit}, max {max(values):.3f} {unit}, n={len(values)}" if values \
        else "none seen"


def announce(what):
    print(f"{what}: {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, klive "
          f"{os.popen(f'git -C {klive.ROOT} describe --always --dirty').read().strip()}", flush=True)
