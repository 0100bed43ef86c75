# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures of a rendition beside those of its source, and the settings that x264 wrote into it."""

import re
import subprocess
from pathlib import Path


def segments(folder, name):
    """All segments of a rendition as one transport stream. Names: NAME/00000.ts (ffmpeg) or NAME-00000.ts (render)."""
    files = sorted((Path(folder) / name).glob("*.ts")) or sorted(Path(folder).glob(f"{name}-*.ts"))
    joined = Path(folder) / f"{name}.ts"
    with open(joined, "wb") as out:
        for file in files:
            out.write(file.read_bytes())
    return joined


def span(stream):
    """(frames, seconds from the first to the end of the last) of a rendition's video."""
    times = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of",
                            "csv=p=0", stream], capture_output=True, text=True, check=True).stdout
    stamps = [float(t.strip(",")) for t in times.split() if t.strip(",") not in ("", "N/A")]
    return len(stamps), max(stamps) - min(stamps) + 1 / 30 if stamps else 0.0


def measure(stream, source):
    """{"ssim", "psnr" (luma, dB), "kbps" (video), "frames"}. Frames are compared by number: none may be missing."""
    graph = ("[0:v]scale=1280:720:flags=bicubic,settb=1/30,setpts=N,split[a][b];[1:v]settb=1/30,setpts=N,split[c][d];"
             "[a][c]ssim=shortest=1;[b][d]psnr=shortest=1")
    text = subprocess.run(["ffmpeg", "-nostdin", "-v", "info", "-i", stream, "-i", source, "-filter_complex", graph,
                           "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    packets = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=size", "-of",
                              "csv=p=0", stream], capture_output=True, text=True, check=True).stdout
    sizes = [int(s.strip(",")) for s in packets.split() if s.strip(",")]
    return {"ssim": float(re.search(r"SSIM Y:([\d.]+)", text)[1]),
            "psnr": float(re.search(r"PSNR y:([\d.]+)", text)[1]),
            "kbps": sum(sizes) * 8 / 1000 / (len(sizes) / 30), "frames": len(sizes)}


def x264_settings(stream):
    """{"keyint": "600", ...} of the SEI in front of the first picture."""
    picture = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", stream, "-map", "0:v", "-frames:v", "1", "-c",
                              "copy", "-f", "h264", "-"], capture_output=True, check=True).stdout
    found = re.search(rb"options: ([ -~]+)", picture.replace(b"\0\0\3", b"\0\0"))
    return dict(item.split("=", 1) for item in found[1].decode().split() if "=" in item) if found else {}


def differences(ours, theirs):
    """ "threads 1/3": ours/theirs."""
    return ", ".join(f"{key} {ours.get(key)}/{theirs.get(key)}" for key in sorted({*ours, *theirs})
                     if ours.get(key) != theirs.get(key))
