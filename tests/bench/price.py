# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the comparisons with ffmpeg share: one source, one ladder, both sides' commands, and what they cost.

klive is its own worker (real time, over nginx-rtmp) and the pipelines that `klive-launcher render` prints, run by
gst-launch-1.0 (full speed, from a file). ffmpeg is what an operator would run behind nginx-rtmp.
"""

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import bench
import quality
import worker_harness
from bench import klive

STREAM = f"{klive.ENTRY}_1"
SEGMENT = 6                 # s
PRESET = "veryfast"
VBV = 2                     # the size of x264's buffer in seconds of the bit rate: klive's templates have the same
AUDIO = 64                  # kbit/s
RATE = 30                   # frames/s of the source
LATE = 8                    # s of media that may be missing in real time: start, first keyframe, what queues hold

# id, width, height, kbit/s, profile: what Kaltura's default conversion profile makes of 720p.
LADDER = [("35", 1280, 720, 1700, "high"), ("34", 854, 480, 900, "main"), ("33", 640, 360, 400, "baseline")]
SOURCE = "1"

ENCODE = """<Encode><Enable>true</Enable><Name>{id}</Name><StreamName>{stream}_{id}</StreamName><Video>
<FrameSize><FitMode>fit-height</FitMode><Height>{height}</Height></FrameSize><Codec>H.264</Codec>
<Profile>{profile}</Profile><Bitrate>{video}</Bitrate><KeyFrameInterval><FollowSource>true</FollowSource>
</KeyFrameInterval></Video><Audio><Codec>AAC</Codec><Bitrate>{audio}</Bitrate></Audio></Encode>"""
COPY = """<Encode><Enable>true</Enable><Name>Source</Name><StreamName>{stream}</StreamName>
<Video><Codec>PassThru</Codec></Video><Audio><Codec>PassThru</Codec></Audio></Encode>"""


def arguments(description, seconds, pairs=5):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--pairs", type=int, default=pairs, help="how often klive and ffmpeg take turns")
    parser.add_argument("--seconds", type=int, default=seconds, help="of each measurement in real time")
    return parser


def source(seconds=30):
    """Hard enough: a moving fractal with noise, a test card over it; 720p30, 2.5 Mbit/s, GOP 2 s, 2 B-frames."""
    path = klive.BUILD / "bench" / f"price-{seconds}.flv"
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        return path
    temporary = path.with_suffix(".tmp.flv")
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
         "mandelbrot=size=1280x720:rate=30:maxiter=1000:start_scale=1.5:end_scale=0.02:end_pts=700", "-f", "lavfi",
         "-i", "testsrc2=size=480x270:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
         "-filter_complex", "[0:v]format=yuv420p,noise=c0s=10:c0f=t[m];[m][1:v]overlay=x='400+380*sin(t/3)':"
         "y='220+200*cos(t/5)',format=yuv420p[v]", "-map", "[v]", "-map", "2:a", "-ac", "2", "-c:v", "libx264",
         "-preset", "veryfast", "-profile:v", "main", "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k",
         "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "2", "-c:a", "aac", "-b:a", "128k",
         "-t", str(seconds), "-f", "flv", temporary], check=True)
    os.replace(temporary, path)
    return path


def repeat(path, times):
    """The same media one after the other in one file, for runs that are over too soon."""
    long = path.with_stem(f"{path.stem}x{times}")
    if not long.exists():
        temporary = long.with_suffix(".tmp.flv")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", str(times - 1), "-i", path, "-c",
                        "copy", "-f", "flv", temporary], check=True)
        os.replace(temporary, long)
    return long


def profile(ladder):
    encodes = [ENCODE.format(id=name, stream=STREAM, height=height, video=kbps * 1000, profile=kind,
                             audio=AUDIO * 1000) for name, _, height, kbps, kind in ladder]
    return ("<?xml version='1.0'?><Root><Transcode><Encodes>" + COPY.format(stream=STREAM) + "".join(encodes)
            + "</Encodes></Transcode></Root>")


# --- ffmpeg

def ffmpeg_command(source_url, folder, ladder, audio="aac"):
    """One process for the whole ladder, decoding once. hlsenc wants audio of its own for each variant."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-y", "-i", source_url]
    if ladder:
        scaled = [r for r in ladder if r[2] != 720]
        labels = "".join(f"[in{i}]" for i in range(len(ladder)))
        chains = [f"[in{i}]" + (f"scale={width}:{height}" if height != 720 else "null") + f"[out{i}]"
                  for i, (_, width, height, _, _) in enumerate(ladder)]
        assert scaled
        command += ["-filter_complex", f"[0:v]split={len(ladder)}{labels};" + ";".join(chains)]
    command += ["-map", "0:v", "-map", "0:a", "-c:v:0", "copy", "-c:a:0", "copy"]
    for i, (_, _, _, kbps, kind) in enumerate(ladder, 1):
        command += ["-map", f"[out{i - 1}]", "-map", "0:a", f"-c:v:{i}", "libx264", f"-preset:v:{i}", PRESET,
                    f"-profile:v:{i}", kind, f"-b:v:{i}", f"{kbps}k", f"-maxrate:v:{i}", f"{kbps}k",
                    f"-bufsize:v:{i}", f"{kbps * VBV}k", f"-g:v:{i}", "600", f"-sc_threshold:v:{i}", "0",
                    f"-force_key_frames:v:{i}", "source"]
        command += [f"-c:a:{i}", "copy"] if audio == "copy" else [f"-c:a:{i}", "aac", f"-b:a:{i}", f"{AUDIO}k"]
    names = [SOURCE] + [r[0] for r in ladder]
    for name in names:
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
    variants = " ".join(f"v:{i},a:{i},name:{name}" for i, name in enumerate(names))
    # Every frame once, as in klive: the default repeats some to reach a constant rate.
    return command + ["-fps_mode", "passthrough", "-f", "hls", "-hls_time", str(SEGMENT), "-hls_list_size", "100",
                      "-hls_flags", "temp_file+program_date_time", "-var_stream_map", variants,
                      "-master_pl_name", "master.m3u8", "-hls_segment_filename", f"{folder}/%v/%05d.ts",
                      f"{folder}/%v/chunklist.m3u8"]


def klive_command(source_file, folder, ladder):
    """What `klive-launcher render` prints for the file."""
    xml = Path(folder).with_suffix(".xml")
    xml.write_text(profile(ladder))
    text = subprocess.run([klive.LAUNCHER, "render", "--source", source_file, "--output", folder, "--segment-duration",
                           str(SEGMENT), "--playlist-length", "1000", "--stream", STREAM, xml], check=True,
                          capture_output=True, text=True, env=klive.environment()).stdout
    return ["gst-launch-1.0", "-q", "-e", *shlex.split(text)]


# --- cost

class Cost:
    """Of one run: CPU s, wall s, peak RSS and PSS in MB; s of media that every rendition has, and `load`, CPU % of a
    core for that. `behind`: why the run cannot be compared, or None."""

    def __init__(self, cpu=0.0, wall=0.0, rss=0.0, pss=0.0):
        self.cpu, self.wall, self.rss, self.pss = cpu, wall, rss, pss
        self.media, self.load, self.behind = 0.0, 0.0, None

    def judge(self, folder, ladder):
        """Of the segments in @folder: media, and whether frames are missing in it."""
        spans = [quality.span(quality.segments(folder, name)) for name in [SOURCE] + [r[0] for r in ladder]]
        self.media = min(frames for frames, _ in spans) / RATE
        self.load = self.cpu / max(self.media, 0.1) * 100
        missing = max(seconds * RATE - frames for frames, seconds in spans)
        if missing > 0.02 * self.media * RATE:
            self.behind = f"{missing:.0f} frames are missing in a rendition"
        elif self.media < self.wall - LATE:
            self.behind = f"only {self.media:.0f} s of media in {self.wall:.0f} s"


def peak(pid):
    """(peak RSS, PSS now), MB. The peak is that of the program, not of the fork before it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024, bench.memory(pid)[1]


def reap(process):
    """Waits for a klive.Process and returns its CPU seconds, start and end included."""
    _, status, usage = os.wait4(process.pid, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def run_to_end(command, log):
    """At full speed."""
    began = time.monotonic()
    process = klive.Process(command, log)
    cost = Cost(cpu=reap(process), wall=time.monotonic() - began)
    if process.popen.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{process.tail()}")
    return cost


class Server:
    """nginx-rtmp with an encoder that publishes the source over and over."""

    def __init__(self, folder, media, streams=1):
        self.folder = Path(folder)
        self.rtmp = worker_harness.Rtmp(folder)
        self.names = [f"{STREAM}@0-{i}" for i in range(streams)]
        self.encoders = [klive.Encoder(folder, self.rtmp.url(name), media, name=f"encoder{i}")
                         for i, name in enumerate(self.names)]
        time.sleep(2)

    def end(self):
        for encoder in self.encoders:
            encoder.kill()
        self.rtmp.stop(timeout=5)


def end_process(process, number):
    """Ends it in order and returns its CPU seconds."""
    process.send(number)
    began = time.monotonic()
    while time.monotonic() - began < 15:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return reap(process)
        time.sleep(0.02)
    process.popen.kill()
    return reap(process)


def live_ffmpeg(server, folder, ladder, seconds, audio="aac"):
    """ffmpeg takes the stream from nginx for so many seconds."""
    folder = Path(folder) / "ffmpeg"
    process = klive.Process(ffmpeg_command(server.rtmp.url(server.names[0]), folder, ladder, audio),
                            server.folder / "ffmpeg.log")
    time.sleep(seconds)
    rss, pss = peak(process.pid)
    cost = Cost(end_process(process, signal.SIGINT), seconds, rss, pss)
    check_output(folder, ladder, process)
    cost.judge(folder, ladder)
    return cost


def live_klive(server, folder, ladder, seconds):
    """klive's worker does."""
    folder = Path(folder)
    worker = LiveWorker(server, folder, ladder)
    time.sleep(max(seconds - (time.monotonic() - worker.process.started), 0))
    rss, pss = peak(worker.process.pid)
    cost = Cost(worker.end(), seconds, rss, pss)
    output = folder / "hls" / klive.ENTRY / "0"
    check_output(output, ladder, worker.process)
    cost.judge(output, ladder)
    return cost


def live_pairs(folder, media, ladder, options, audio="aac"):
    """(klive's costs, ffmpeg's): so many pairs in turns, without those in which a side fell behind."""
    klive_costs, ffmpeg_costs = [], []
    server = Server(folder, media)
    try:
        for n in range(2 * options.pairs):
            ours = live_klive(server, new_folder(folder, f"live-klive-{n}"), ladder, options.seconds)
            theirs = live_ffmpeg(server, new_folder(folder, f"live-ffmpeg-{n}"), ladder, options.seconds, audio)
            if ours.behind or theirs.behind:
                print(f"  pair {n} does not count: klive: {ours.behind or 'all there'}; ffmpeg: "
                      f"{theirs.behind or 'all there'}", flush=True)
                continue
            klive_costs.append(ours)
            ffmpeg_costs.append(theirs)
            if len(klive_costs) == options.pairs:
                break
    finally:
        server.end()
    if not klive_costs:
        raise SystemExit("no pair counts: the machine is too busy for a comparison")
    return klive_costs, ffmpeg_costs


def full_speed_pairs(folder, media, ladder, options, audio="aac"):
    """The same at full speed from a file. The output of pair N: file-klive-N, file-ffmpeg-N."""
    klive_costs, ffmpeg_costs = [], []
    for n in range(options.pairs):
        command = klive_command(media, new_folder(folder, f"file-klive-{n}"), ladder)
        klive_costs.append(run_to_end(command, folder / "klive.log"))
        command = ffmpeg_command(media, new_folder(folder, f"file-ffmpeg-{n}"), ladder, audio)
        ffmpeg_costs.append(run_to_end(command, folder / "ffmpeg.log"))
        if n > 0:   # the first is enough for a look at pictures
            shutil.rmtree(folder / f"file-klive-{n}", ignore_errors=True)
            shutil.rmtree(folder / f"file-ffmpeg-{n}", ignore_errors=True)
    return klive_costs, ffmpeg_costs


def new_folder(parent, name):
    (parent / name).mkdir()
    return parent / name


class LiveWorker:
    """klive-launcher worker on a stream that is there, under a script in the launcher's place."""

    def __init__(self, server, state, ladder, entry=klive.ENTRY, name=None, **welcome):
        state.mkdir(mode=0o700, exist_ok=True)
        self.script = worker_harness.Script(state / f"{entry}.sock")
        self.process = klive.Process([klive.LAUNCHER, "worker", "--socket", self.script.path, "--entry", entry,
                                      "--index", "0", "--state-dir", state], state / f"{entry}.log")
        self.script.wait("hello", timeout=20)
        self.script.say(type="welcome", entry={"id": entry, "partnerId": klive.PARTNER}, partnerId=klive.PARTNER,
                        serviceUrl="http://127.0.0.1:9", api="current", ksPartnerId=-5, ks="none", timeout=2,
                        hostname="localhost", application="kLive", registrationDelay=3600, keepAlive=60, grace=1,
                        stopGrace=1, orphanTimeout=60, segmentDuration=float(SEGMENT), playlistLength=100, dvrWindow=0,
                        speedPreset=PRESET, videoEncoder="auto", audioEncoder="auto", threads=0, templates=None,
                        **welcome)
        self.script.say(type="session-open", stream=f"{entry}_1", serial=1000, name=name or server.names[0],
                        host="127.0.0.1", port=server.rtmp.port, app="kLive/", clientId=1, address="192.0.2.7")
        self.script.wait("profile-request", timeout=20)
        self.script.say(type="profile", serial=1000, xml=profile(ladder).replace(STREAM, f"{entry}_1"))

    def end(self):
        self.script.say(type="end", reason="measured")
        cpu = end_process(self.process, 0)
        self.script.close()
        return cpu


def check_output(folder, ladder, process):
    """Every rendition has segments: a side that writes nothing is cheap."""
    for name in [SOURCE] + [r[0] for r in ladder]:
        files = [f for f in (Path(folder) / name).glob("*.ts") if f.stat().st_size > 10000]
        if not files:
            raise SystemExit(f"no segments of rendition {name} in {folder}:\n{process.tail()}")


# --- figures

def ratio(ours, theirs, field):
    """klive divided by ffmpeg: the median over the pairs, whose two runs had the same neighbours on the machine."""
    return statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(ours, theirs))


def table(title, ours, theirs, fields):
    """fields: (name, unit)."""
    print(f"\n{title}")
    for name, unit in fields:
        rows = [[getattr(c, name) for c in side] for side in (ours, theirs)]
        texts = [f"{label} {statistics.median(row):8.2f} ({' '.join(f'{v:.2f}' for v in row)})"
                 for label, row in zip(("klive", "ffmpeg"), rows)]
        print(f"  {name:5} {unit:3} {'   '.join(texts)}   ratio {ratio(ours, theirs, name):.3f}", flush=True)


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="klive-bench-") as name:
        yield Path(name)
