# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo: builds klive, starts kaltura-sandbox, klive-launcher and an encoder, prints the playback URL, checks every
rendition, and leaves no process behind. Started by app/demo."""

import argparse
import ctypes
import grp
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
DATA = ROOT / "app" / "sandbox" / "demo.json"
ENTRY = "0_livedemo"
PARTNER = 102
TOKEN = "12ab34cd"
START_LIMIT = 20        # s, for nginx and the sandbox to listen
MASTER_LIMIT = 60       # s, from the first frame to the master playlist
CHECK_LIMIT = 30        # s, for one rendition to play
LAUNCHER_LIMIT = 11     # s, the launcher promises 10

libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class DemoError(Exception):
    """What went wrong, in one sentence."""


def say(text):
    print(text, flush=True)


def fetch(url):
    """(status, body); (0, "") without an answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=3) as reply:
            return reply.status, reply.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def port_open(port):
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def build():
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, ROOT], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD], check=True, stdin=subprocess.DEVNULL)


class Demo:
    """The processes of one demo."""

    def __init__(self, options):
        self.options = options
        base = options.port_base
        self.rtmp, self.http, self.sandbox, self.control, self.soap = range(base, base + 5)
        self.temporary = options.state_dir is None
        self.folder = Path(options.state_dir or tempfile.mkdtemp(prefix="klive-demo-")).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running = {}       # name -> Popen
        self.stopping = threading.Event()
        self.master = f"http://127.0.0.1:{self.http}/kLive/smil:{ENTRY}_all.smil/playlist.m3u8"
        self.query = f"p={PARTNER}&e={ENTRY}&i=0&t={TOKEN}"

    def start(self, name, argv):
        environment = {**os.environ, "GST_PLUGIN_PATH": str(BUILD / "gst"), "GIO_USE_PROXY_RESOLVER": "dummy"}
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))

    def check_running(self):
        """A process that has ended by itself ends the demo."""
        for name, process in self.running.items():
            if process.poll() is not None:
                lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
                raise DemoError(f"{name} has ended with code {process.returncode}:\n" + "\n".join(lines))

    def wait_for(self, what, condition, limit):
        """The value of condition() once it is true; None when the demo is to stop."""
        end = time.monotonic() + limit
        while not self.stopping.is_set():
            value = condition()
            if value:
                return value
            self.check_running()
            if time.monotonic() > end:
                raise DemoError(f"{what}: not within {limit} s; the logs are in {self.folder}")
            self.stopping.wait(0.1)
        return None

    def configuration(self):
        data = json.loads(DATA.read_text())
        secret = self.folder / "admin-secret"
        secret.touch(mode=0o600)
        secret.write_text(next(p["adminSecret"] for p in data["partners"] if p["id"] == -5) + "\n")
        config = self.folder / "klive.conf"
        config.write_text(f"""\
[kaltura]
service-url=http://127.0.0.1:{self.sandbox}
partner-id=-5
admin-secret-file={secret}
hostname={data["serverNodes"][0]["hostName"]}

[server]
state-dir={self.folder}/state
control-listen=127.0.0.1:{self.control}
soap-listen=127.0.0.1:{self.soap}

[nginx]
rtmp-listen={self.rtmp}
http-listen={self.http}

[recording]
directory={self.folder}/recordings
spool-directory={self.folder}/spool
group={grp.getgrgid(os.getegid()).gr_name}

[transcode]
speed-preset=superfast
""")
        return config

    def start_servers(self):
        for port in (self.rtmp, self.http, self.sandbox, self.control, self.soap):
            if port_open(port):
                raise DemoError(f"port {port} is in use; choose others with --port-base")
        config = self.configuration()
        self.start("kaltura-sandbox", [BUILD / "app" / "sandbox" / "kaltura-sandbox", "--listen",
                                       f"127.0.0.1:{self.sandbox}", "--data", DATA,
                                       "--state", self.folder / "sandbox"])
        self.wait_for("kaltura-sandbox listens", lambda: port_open(self.sandbox), START_LIMIT)
        self.start("klive-launcher", [BUILD / "app" / "klive-launcher", "serve", "--config", config])
        self.wait_for("klive-launcher and nginx listen",
                      lambda: port_open(self.rtmp) and fetch(f"http://127.0.0.1:{self.control}/healthz")[0] == 200,
                      START_LIMIT)

    def input_codecs(self):
        """Names of the codecs in the file that is to be published, or None."""
        if not self.options.input:
            return None
        found = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0",
                                self.options.input], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if not found.stdout.split():
            raise DemoError(f"{self.options.input}: {found.stderr.strip() or 'no stream in it'}")
        return set(found.stdout.split())

    def publish(self, codecs):
        """ffmpeg as the encoder: a test card with tone, or a file in a loop."""
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
        if codecs:
            command += ["-stream_loop", "-1", "-re", "-i", self.options.input, "-map", "0:v:0?", "-map", "0:a:0?"]
        else:
            command += ["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
                        "-re", "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=2:sample_rate=44100"]
        if codecs and codecs <= {"h264", "aac"}:
            command += ["-c", "copy"]
        else:
            command += ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-pix_fmt", "yuv420p",
                        "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-g", "60", "-c:a", "aac",
                        "-b:a", "128k"]
        self.start("encoder", [*command, "-f", "flv", f"rtmp://127.0.0.1:{self.rtmp}/kLive/?{self.query}/{ENTRY}_1"])

    def variants(self):
        """[(url, label)] of the master playlist, [] while it is not there."""
        status, text = fetch(self.master)
        found = re.findall(r"#EXT-X-STREAM-INF:(.*)\n(\S+)", text) if status == 200 else []
        return [(urllib.parse.urljoin(self.master, uri), uri.split("/")[0]) for _, uri in found]

    def play(self, url, label):
        """Decodes two seconds of a rendition; says what was seen and returns whether it played."""
        player = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "info", "-nostats", "-live_start_index", "-2",
             "-i", url, "-t", "2", "-map", "0:v?", "-map", "0:a?", "-vf", "showinfo=checksum=0", "-af", "ashowinfo",
             "-f", "null", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True)
        guard = threading.Timer(CHECK_LIMIT, player.kill)
        guard.start()
        text = player.communicate()[1]
        guard.cancel()
        pictures = len(re.findall(r"Parsed_showinfo\S* @ \S+\] n:", text))
        sound = sum(int(n) / int(r) for r, n in re.findall(r"Parsed_ashowinfo.* rate:(\d+) nb_samples:(\d+)", text))
        size = re.search(r"Stream #0:\d.*Video:.* (\d{2,5}x\d{2,5})", text)
        played = (pictures > 0 or size is None) and (sound > 0 or "Audio:" not in text) and (pictures or sound) > 0
        say(f"rendition {label}: {size[1] if size else 'no picture'}, {pictures} pictures, {sound:.1f} s of sound: "
            + ("plays" if played else "DOES NOT PLAY"))
        if not played:
            say("\n".join(text.splitlines()[-10:]))
        return played

    def run(self):
        """Returns the exit code."""
        options = self.options
        codecs = self.input_codecs()
        self.start_servers()
        if self.stopping.is_set():
            return 130
        if options.no_publish:
            address = f"rtmp://127.0.0.1:{self.rtmp}/kLive/?{self.query}"
            say(f"publish: {address} with the stream key {ENTRY}_1 (OBS), or")
            say(f"publish: ffmpeg -re -i FILE -c copy -f flv '{address}/{ENTRY}_1'")
        else:
            self.publish(codecs)
            say("on air; waiting for the first playlist")
        limit = options.seconds if options.no_publish and options.seconds else \
            10 ** 9 if options.no_publish else MASTER_LIMIT
        variants = self.wait_for("the master playlist", self.variants, limit)
        if not variants:
            return 130
        say(f"playback: {self.master}")
        if options.seconds is None:
            say("Ctrl-C ends it")
            while not self.stopping.wait(0.5):
                self.check_running()
            return 130
        end = time.monotonic() + options.seconds
        played = [self.play(url, label) for url, label in variants if not self.stopping.is_set()]
        while time.monotonic() < end and not self.stopping.wait(0.2):
            self.check_running()
        if self.stopping.is_set():
            return 130
        if not all(played):
            raise DemoError("not every rendition plays")
        self.check_running()
        say(f"all {len(played)} renditions play")
        return 0

    def end(self):
        """Ends everything that was started, in order, within 15 s."""
        if self.running:
            say("stopping")
        for name, limit in (("encoder", 2), ("klive-launcher", LAUNCHER_LIMIT), ("kaltura-sandbox", 1)):
            process = self.running.get(name)
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(limit)
                except subprocess.TimeoutExpired:
                    say(f"{name} did not end within {limit} s and was killed")
                    process.kill()
                    process.wait()
        self.kill_orphans()
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill_orphans(self):
        """What is left of the servers' own children has become ours (subreaper)."""
        for _ in range(20):
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            if not children:
                return
            for pid in map(int, children):
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass


def parse_options():
    parser = argparse.ArgumentParser(prog="app/demo", description="klive on this machine in one command: installs what "
                                     "is missing, builds, goes on air and prints where to play it.")
    parser.add_argument("--seconds", type=int, metavar="N",
                        help="end after N seconds of playback, with exit code 0 only if every rendition has played")
    parser.add_argument("--input", metavar="FILE", help="publish this file in a loop, not the test card")
    parser.add_argument("--no-publish", action="store_true", help="wait for your own encoder")
    parser.add_argument("--port-base", type=int, default=19350, metavar="P",
                        help="RTMP P, HTTP P+1, sandbox P+2, control P+3, SOAP P+4 (default 19350)")
    parser.add_argument("--state-dir", metavar="DIR", help="keep state, logs and configuration here")
    options = parser.parse_args()
    if options.input and options.no_publish:
        parser.error("--input and --no-publish exclude each other")
    if options.input and not Path(options.input).exists():
        parser.error(f"{options.input}: no such file")
    if not 1 <= options.port_base <= 65531:
        parser.error("--port-base: 1 to 65531")
    return options


def main():
    options = parse_options()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        build()
    except subprocess.CalledProcessError:
        say("app/demo: the build has failed")
        return 1
    except KeyboardInterrupt:
        return 130
    demo = Demo(options)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: demo.stopping.set())
    try:
        code = demo.run()
    except DemoError as error:
        say(f"app/demo: {error}")
        code = 1
        demo.temporary = False      # the logs tell why
    finally:
        demo.end()
    if code == 1:
        say(f"app/demo: logs and state are in {demo.folder}")
    return 0 if code == 130 and options.seconds is None else code


if __name__ == "__main__":
    sys.exit(main())
