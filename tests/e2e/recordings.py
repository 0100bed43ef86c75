# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was published against what was recorded: frames by their bytes, chunks by what the sandbox has got."""

import json
import re
import subprocess
from pathlib import Path

import klive
from klive import ENTRY, SLOW, wait_for


def recorded(data, entry=ENTRY, status=1):
    """data with the entry's recording on: 1 appended, 2 a recorded entry for each session."""
    for item in data["entries"]:
        if item["id"] == entry:
            item["recordStatus"] = status
    return data


def run(arguments, timeout=60):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=timeout * SLOW,
                          stdin=subprocess.DEVNULL, env=klive.environment())


def frames(path, kind="v"):
    """[(time, hash of the bytes)] of the video (or audio) of a file, as coded."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", f"0:{kind}:0", "-c", "copy", "-f", "framehash",
                "-hash", "md5", "-"])
    assert done.returncode == 0, done.stderr
    base = re.search(r"#tb 0: (\d+)/(\d+)", done.stdout)
    unit = int(base[1]) / int(base[2])
    rows = [line.split(",") for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return [(int(row[2]) * unit, row[5].strip()) for row in rows]


def duration(path):
    done = run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", path])
    return float(json.loads(done.stdout)["format"]["duration"])


def check_plays(path, count=None):
    """Decodes the file from the first to the last frame in ffmpeg and in GStreamer; both see the same pictures."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path, "-map", "0:v?", "-map", "0:a?", "-f",
                "null", "-progress", "-", "-"])
    assert done.returncode == 0 and not done.stderr.strip(), (path, done.stderr)
    seen = int(re.findall(r"^frame=(\d+)", done.stdout, re.M)[-1])
    if count is not None:
        assert seen == count, (path, seen, count)
    done = run(["gst-launch-1.0", "-v", "filesrc", f"location={path}", "!", "qtdemux", "name=d", "d.video_0", "!",
                "queue", "!", "h264parse", "!", "avdec_h264", "!", "identity", "name=pictures", "silent=false", "!",
                "fakesink", "sync=false", "d.audio_0", "!", "queue", "!", "decodebin", "!", "fakesink", "sync=false"])
    assert done.returncode == 0, (path, done.stderr)
    shown = len(re.findall(r"pictures: last-message = chain ", done.stdout))
    assert shown == seen, (path, shown, seen)
    return seen


def of_rendition(server, rendition, entry=ENTRY):
    """What the sandbox has got of a rendition (live params id), in the order in which it came."""
    asset = server.launcher.events("recording-started", entry=entry, rendition=rendition)[0]["asset"]
    return [r for r in server.sandbox.state()["entries"][entry]["recordings"] if r["assetId"] == asset]


def figures(launcher):
    return launcher.status()["recordings"]


def wait_handed_over(launcher, timeout=30):
    """Until Kaltura has got everything."""
    def done():
        now = figures(launcher)
        return now["pending"] == 0 and now["recording"] == 0
    wait_for(lambda: f"everything handed over\n{json.dumps(figures(launcher), indent=1)}\n{launcher.tail()}", done,
             timeout)


def split(launcher, entry=ENTRY):
    done = run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST",
                "-H", "Content-Type: application/json", "-d", json.dumps({"entry": entry}),
                launcher.http_url("/control/split")])
    return int(done.stdout)


def compare(published, chunks):
    """(frames lost, frames that came twice, frames of nobody) of files in order against the published file."""
    expected = [h for _, h in frames(published)]
    got = [h for chunk in chunks for _, h in frames(chunk)]
    return len(set(expected) - set(got)), len(got) - len(set(got)), len(set(got) - set(expected))


def spool_files(launcher):
    return sorted(p.name for p in Path(launcher.state_dir, "spool").glob("*.json"))
