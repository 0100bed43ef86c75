# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole product under test: kaltura-sandbox, klive-launcher with its nginx, encoders and players as processes.

Everything gets kernel-chosen ports on 127.0.0.1 and a state directory of its own, every wait a deadline, and every
process is ended by whoever started it.
"""

import ctypes
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KLIVE_BUILD", ROOT / "build"))
LAUNCHER = BUILD / "app" / "klive-launcher"
SANDBOX = BUILD / "app" / "sandbox" / "kaltura-sandbox"
PLUGINS = BUILD / "gst"
SLOW = float(os.environ.get("KLIVE_TEST_SLOW", "1"))     # multiplies every deadline

ENTRY = "0_livedemo"
TOKEN = "12ab34cd"
PARTNER = 102

libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Timeout(AssertionError):
    """A deadline passed."""


def wait_for(what, condition, timeout=10.0, interval=0.05):
    """Asks condition() until it is true and returns its value; what() or what tells the failure."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"not within {timeout * SLOW:g} s: {what() if callable(what) else what}")
        time.sleep(interval)


def free_ports(count):
    """Ports that the kernel had free a moment ago, all different."""
    sockets = []
    for _ in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        sockets.append(sock)
    ports = [s.getsockname()[1] for s in sockets]
    for sock in sockets:
        sock.close()
    return ports


def port_open(port):
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def is_root():
    return os.geteuid() == 0


def alive(pid):
    """Whether the process is there and not a zombie."""
    try:
        return not re.search(r"^State:\s+[ZX]", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return False


def processes():
    """{pid: (parent, argv)} of all processes."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
                argv = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            except OSError:
                continue
            found[int(folder.name)] = (int(stat.rsplit(")", 1)[1].split()[1]), argv)
    return found


def descendants(pid):
    """The pids of all processes below pid."""
    table = processes()
    below, found = [pid], []
    while below:
        parent = below.pop()
        children = [p for p, (up, _) in table.items() if up == parent]
        found += children
        below += children
    return found


def get(url, timeout=5.0, headers=None):
    """(status, headers, body) of a GET; HTTP errors are answers, too."""
    request = urllib.request.Request(url, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout * SLOW) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except (urllib.error.URLError, OSError):
        return 0, {}, b""


def environment(**more):
    """The environment of a child: our plugin, no proxy, no other settings of GStreamer."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GST_", "KLIVE_")) or k == "KLIVE_TEST_SLOW"}
    env.update(GST_PLUGIN_PATH=str(PLUGINS), GIO_USE_PROXY_RESOLVER="dummy", LC_ALL="C.UTF-8", no_proxy="*",
               ASAN_OPTIONS="detect_leaks=0", **more)
    return env


class Process:
    """A child with its output in a file; ended with us if we die."""

    started_pids = set()

    def __init__(self, argv, log, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None, pass_fds=()):
        self.argv = [str(a) for a in argv]
        self.log = Path(log)
        self.started = time.monotonic()
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=stdin, stdout=stdout or out, stderr=out, cwd=cwd,
                                          env=env or environment(), start_new_session=True, pass_fds=pass_fds,
                                          preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.started_pids.add(self.popen.pid)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=10.0):
        """The exit code."""
        try:
            return self.popen.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.argv[0]} has not ended within {timeout * SLOW:g} s\n{self.tail()}") from None

    def send(self, number):
        if self.running():
            self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """Signals, waits, kills at the deadline. Returns the exit code."""
        self.send(number)
        try:
            return self.popen.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def text(self):
        try:
            return self.log.read_text(errors="replace")
        except OSError:
            return ""

    def tail(self, lines=25):
        return "\n".join(self.text().splitlines()[-lines:])


def parse_logfmt(line):
    """A log line as a dict, {} if it is none."""
    line = re.sub(r"^<\d>", "", line)
    fields = {}
    for match in re.finditer(r'([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*"|\S*)', line):
        value = match[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value[1:-1])
        fields[match[1]] = value
    return fields if "event" in fields else {}


class Sandbox(Process):
    """kaltura-sandbox with data of its own."""

    def __init__(self, folder, data=None, api="current", port=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data or demo_data()
        self.api = api
        data_file = self.folder / "sandbox.json"
        data_file.write_text(json.dumps(self.data))
        super().__init__([SANDBOX, "--listen", f"127.0.0.1:{self.port}", "--data", data_file,
                          "--state", self.folder / "sandbox-state", "--api", api], self.folder / "sandbox.log")
        wait_for(lambda: f"sandbox listens\n{self.tail()}", lambda: port_open(self.port) or not self.running())
        assert self.running(), self.tail()

    def state(self):
        status, _, body = get(f"{self.url}/sandbox/state")
        assert status == 200, (status, body)
        return json.loads(body)

    def calls(self, action=None, entry=None):
        """The calls so far, in order, of one action ("registerMediaServer") or all."""
        return [c for c in self.state()["calls"] if (action is None or c["action"].lower() == action.lower())
                and (entry is None or c.get("entryId") == entry)]

    def registered(self, entry=ENTRY, index=0):
        """The host that the entry is registered with, or None."""
        return self.state()["entries"].get(entry, {}).get("registered", {}).get(str(index))

    def fault(self, action, kind, **more):
        """Makes an action fail: kind, seconds, status, code, times as app/sandbox/README.md tells."""
        self.post("/sandbox/faults", {"faults": [{"action": action, "kind": kind, **more}]})

    def no_faults(self):
        self.post("/sandbox/faults", None, "DELETE")

    def post(self, path, value, method="POST"):
        request = urllib.request.Request(self.url + path, json.dumps(value).encode() if value else None,
                                         {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as reply:
            return reply.read()


def demo_data():
    """The data of app/demo, without recording: tests that want it say so (recordings.py)."""
    data = json.loads((ROOT / "app" / "sandbox" / "demo.json").read_text())
    for entry in data["entries"]:
        entry["recordStatus"] = 0
    return data


def with_segment_duration(data, settings):
    """The settings' segment duration in every entry, where the current API has one of its own."""
    for entry in data["entries"]:
        entry["segmentDuration"] = 1000 * ((settings or {}).get("hls", {}).get("segment-duration", 1) or 6)
    return data


def with_profile(data, live_params, entry=ENTRY):
    """data with a conversion profile of just these live params for the entry (or a list of entries)."""
    identity = max(p["id"] for p in data["conversionProfiles"]) + 1
    template = data["conversionProfiles"][0]
    data["conversionProfiles"].append({**template, "id": identity, "name": f"profile {identity}", "liveParams": [
        i for i in template["liveParams"] if (i if isinstance(i, int) else i["assetParamsId"]) in live_params]})
    for item in data["entries"]:
        if item["id"] == entry or item["id"] in entry:
            item["conversionProfileId"] = identity
    return data


def passthrough_data():
    """The demo's entry with the source alone."""
    return with_profile(demo_data(), [32])


def small_ladder_data():
    """The source and one rendition of 180 lines (33)."""
    data = with_profile(demo_data(), [32, 33])
    for params in data["liveParams"]:
        if params["id"] == 33:
            params.update(width=0, height=180)
    return data


def many_entries():
    """Entries of the source alone for tests that share a server: 0_form0000..., 0_prof0000..., and some that the API
    refuses (partner 104 blocked, partner 105 without a stream left)."""
    data = demo_data()
    template = next(e for e in data["entries"] if e["id"] == ENTRY)
    names = [f"0_{kind}{n:04d}" for kind in ("form", "prof") for n in range(12)]
    data["entries"] += [{**template, "id": name, "name": name} for name in [*names, "0_otherone"]]
    for partner, extra, entry in ((103, {}, "0_partn103"), (104, {"status": "blocked"}, "0_blocked0"),
                                  (105, {"maxLiveStreamInputs": 0}, "0_limited0")):
        base = next(p for p in data["partners"] if p["id"] == PARTNER)
        data["partners"].append({**base, "id": partner, "name": f"partner {partner}", **extra})
        data["entries"].append({**template, "id": entry, "name": entry, "partnerId": partner})
    return with_profile(data, [32], [*names, "0_otherone", "0_partn103", "0_blocked0", "0_limited0"])


class ApiProxy:
    """An HTTP proxy in front of the sandbox that answers chosen actions itself: answers = {"serve": bytes}."""

    def __init__(self, target):
        proxy = self
        self.answers = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = urllib.parse.unquote_plus(self.path + "?" + body.decode(errors="replace"))
                for action, answer in proxy.answers.items():
                    if re.search(rf"[?&/]action[=/]{action}\b", text, re.I):
                        return self.reply(200, "text/xml", answer)
                request = urllib.request.Request(target + self.path, body, {
                    "Content-Type": self.headers.get("Content-Type", "application/x-www-form-urlencoded")})
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(request, timeout=20) as reply:
                    self.reply(reply.status, reply.headers["Content-Type"], reply.read())

            def reply(self, status, content_type, body):
                self.send_response(status)
                self.send_header("Content-Type", content_type or "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Launcher(Process):
    """klive-launcher serve with a private nginx; settings: {"hls": {"segment-duration": 1}} on top of quick ones."""

    def __init__(self, folder, sandbox, settings=None, state_dir=None, wait=True, api=None, env=None,
                 service_url=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sandbox = sandbox
        self.rtmp, self.http, self.control = free_ports(3)
        if "shared-port" in (settings or {}).get("nginx", {}):
            self.http = self.rtmp
        self.state_dir = Path(state_dir or self.folder / "state")
        secret = self.folder / "secret"
        secret.write_text(admin_secret(sandbox.data) + "\n")
        secret.chmod(0o600)
        config = {
            "kaltura": {"service-url": service_url or sandbox.url, "partner-id": -5,
                        "admin-secret-file": secret, "hostname": hostname(), "registration-delay": 1,
                        "keep-alive-interval": 5, "timeout": 2, "api": api or sandbox.api},
            "server": {"state-dir": self.state_dir, "control-listen": f"127.0.0.1:{self.control}", "grace": 3,
                       "stop-grace": 1, "orphan-timeout": 8},
            "nginx": {"rtmp-listen": self.rtmp, "http-listen": self.http},
            "hls": {"segment-duration": 1},
            "transcode": {"speed-preset": "ultrafast"},
        }
        for group, keys in (settings or {}).items():
            config.setdefault(group, {}).update(keys)
        config = {g: {k: v for k, v in keys.items() if v is not None} for g, keys in config.items()}
        self.config = self.folder / "klive.conf"
        self.config.write_text("\n".join(f"[{g}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())
                                         for g, keys in config.items()))
        self.env = environment(**(env or {}))
        super().__init__([LAUNCHER, "serve", "--config", self.config], self.folder / "launcher.log", env=self.env)
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout=15.0):
        wait_for(lambda: f"launcher and nginx listen\n{self.tail()}",
                 lambda: not self.running() or (port_open(self.rtmp) and port_open(self.http)
                                                and get(self.http_url("/healthz"))[0] == 200), timeout)
        assert self.running(), self.tail(60)

    def again(self, wait=True):
        """Another launcher with the same configuration, in place of this one. The log goes on."""
        Process.__init__(self, self.argv, self.log, env=self.env)
        if wait:
            self.wait_ready()
        return self

    def http_url(self, path="/"):
        return f"http://127.0.0.1:{self.control}{path}"

    def url(self, path):
        """Of nginx: "/kLive/..."."""
        return f"http://127.0.0.1:{self.http}{path}"

    def master_url(self, entry=ENTRY, tag="all", backup=False, query=""):
        return self.url(f"/kLive/{'backup/' if backup else ''}smil:{entry}_{tag}.smil/playlist.m3u8{query}")

    def rtmp_url(self, entry=ENTRY, token=TOKEN, index=0, partner=PARTNER, name=None, query=None):
        """ffmpeg's form."""
        if query is None:
            query = f"p={partner}&e={entry}&i={index}&t={token}"
        return f"rtmp://127.0.0.1:{self.rtmp}/kLive/?{query}/{name or entry + '_1'}"

    def events(self, event=None, **fields):
        """Log lines as dicts."""
        parsed = (parse_logfmt(line) for line in self.text().splitlines())
        return [p for p in parsed if p and (event is None or p["event"] == event)
                and all(p.get(k) == str(v) for k, v in fields.items())]

    def wait_event(self, event, timeout=10.0, count=1, **fields):
        wait_for(lambda: f"log line event={event} {fields}\n{self.tail()}",
                 lambda: len(self.events(event, **fields)) >= count, timeout)
        return self.events(event, **fields)[count - 1]

    def status(self):
        status, _, body = get(self.http_url("/status"))
        return json.loads(body) if status == 200 else None

    def workers(self):
        """Pids of klive-launcher worker of this state directory, whoever their parent is."""
        return [pid for pid, (_, argv) in processes().items()
                if len(argv) > 1 and "klive-launcher" in argv[0] and argv[1] == "worker"
                and any(str(self.state_dir) in a for a in argv) and alive(pid)]

    def family(self):
        """Pids of everything that belongs to this launcher: itself, nginx, workers."""
        found = set(descendants(self.pid)) | set(self.workers())
        for pid, (_, argv) in processes().items():
            if any(str(self.state_dir) in a for a in argv) and pid != os.getpid():
                found.add(pid)
        if self.running():
            found.add(self.pid)
        return {p for p in found if alive(p)}

    def sanitizer_reports(self):
        """What ASan or UBSan have found in launcher and workers (which log to the same file)."""
        return re.findall(r"^.*(?:ERROR: \w+Sanitizer|runtime error:).*$", self.text(), re.M)

    def end(self, timeout=12.0):
        """SIGTERM; whatever is left after the deadline is killed. Returns (exit code, pids that were left)."""
        family = self.family()
        code = self.stop(timeout=timeout)
        left = {p for p in family | self.family() if alive(p)}
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return code, left

    def wait_master(self, timeout=20.0, **which):
        """The text of the master playlist, once it is there."""
        url = self.master_url(**which)
        return wait_for(lambda: f"{url}\n{self.tail(40)}",
                        lambda: (lambda r: r[2].decode() if r[0] == 200 else None)(get(url)), timeout, 0.1)


def admin_secret(data=None):
    """The secret of partner -5 in the sandbox's data."""
    for partner in (data or demo_data())["partners"]:
        if partner["id"] == -5:
            return partner["adminSecret"]
    raise KeyError("no partner -5 in the data")


def hostname(data=None):
    """A media server that the sandbox knows."""
    nodes = (data or demo_data())["serverNodes"]
    return nodes[0]["hostName"]


class SystemNginx(Process):
    """An nginx of one's own that includes what `nginx-config` of a launcher with managed=false prints."""

    def __init__(self, folder, launcher):
        system = Path(folder) / "system"
        system.mkdir()
        parts = {part: subprocess.run([LAUNCHER, "nginx-config", "--config", launcher.config, "--part", part],
                                      check=True, capture_output=True, text=True).stdout for part in ("rtmp", "http")}
        temp = "".join(f"{name}_temp_path {system}/{name};\n"
                       for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n" + ("user root;\n" if is_root() else "")
        config += f"daemon off;\nworker_processes 1;\npid {system}/pid;\nerror_log {system}/error.log warn;\n"
        config += "events { worker_connections 256; }\n"
        config += parts["rtmp"] + "http {\naccess_log off;\n" + temp + parts["http"] + "}\n"
        (system / "nginx.conf").write_text(config)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        super().__init__([program, "-e", "stderr", "-p", system, "-c", system / "nginx.conf"],
                         Path(folder) / "nginx.log")
        wait_for(self.tail, lambda: port_open(launcher.rtmp) and port_open(launcher.http))


class Encoder(Process):
    """Publishes by ffmpeg. source: a file that is copied in real time, in a loop, or arguments of ffmpeg."""

    def __init__(self, folder, url, source, output=(), realtime=True, loop=True, name="encoder"):
        arguments = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "info", "-nostats"]
        if isinstance(source, (str, Path)):
            arguments += (["-stream_loop", "-1"] if loop else []) + (["-re"] if realtime else [])
            arguments += ["-i", source, "-c", "copy"]
        else:
            arguments += list(source)
        arguments += ["-flvflags", "no_duration_filesize", *output, "-f", "flv", url]
        super().__init__(arguments, Path(folder) / f"{name}.log")
        self.name = name


class GstLaunch(Process):
    """gst-launch-1.0 with the plugin under test."""

    def __init__(self, folder, arguments, name="gst", env=None):
        if isinstance(arguments, str):
            import shlex
            arguments = shlex.split(arguments)
        super().__init__(["gst-launch-1.0", "-e", *arguments], Path(folder) / f"{name}.log",
                         env=environment(**(env or {})))


def parse_playlist(text):
    """A media playlist: {"sequence", "target", "ended", "segments": [{"uri", "duration", "date", "discontinuity"}]}."""
    lines = text.splitlines()
    assert lines and lines[0] == "#EXTM3U", text[:200]
    result = {"sequence": 0, "target": None, "ended": False, "discontinuity_sequence": 0, "segments": [], "tags": []}
    segment = {"discontinuity": False, "date": None}
    for line in lines[1:]:
        if line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            result["sequence"] = int(line.split(":")[1])
        elif line.startswith("#EXT-X-TARGETDURATION:"):
            result["target"] = int(line.split(":")[1])
        elif line.startswith("#EXT-X-DISCONTINUITY-SEQUENCE:"):
            result["discontinuity_sequence"] = int(line.split(":")[1])
        elif line == "#EXT-X-ENDLIST":
            result["ended"] = True
        elif line == "#EXT-X-DISCONTINUITY":
            segment["discontinuity"] = True
            segment["breaks"] = segment.get("breaks", 0) + 1
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            segment["date"] = line.split(":", 1)[1]
        elif line.startswith("#EXTINF:"):
            segment["duration"] = float(line.split(":")[1].split(",")[0])
        elif line.startswith("#"):
            result["tags"].append(line)
        elif line.strip():
            segment["uri"] = line.strip()
            segment["sequence"] = result["sequence"] + len(result["segments"])
            result["segments"].append(segment)
            segment = {"discontinuity": False, "date": None}
    return result


def parse_master(text):
    """Variants of a master: [{"uri", "BANDWIDTH", "CODECS", "RESOLUTION", ...}]."""
    lines = text.splitlines()
    assert lines and lines[0] == "#EXTM3U", text[:200]
    variants, attributes = [], None
    for line in lines[1:]:
        if line.startswith("#EXT-X-STREAM-INF:"):
            attributes = {k: v.strip('"') for k, v in re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.split(":", 1)[1])}
        elif line and not line.startswith("#"):
            variants.append({**(attributes or {}), "uri": line.strip()})
    return variants


def playlist(url):
    """The media playlist at url, None while it is not there."""
    status, _, body = get(url)
    return parse_playlist(body.decode()) if status == 200 else None


def variant_urls(master_url, text=None):
    text = text or get(master_url)[2].decode()
    return [urllib.parse.urljoin(master_url, v["uri"]) for v in parse_master(text)]


def decode(url, folder, seconds=2.0, timeout=25.0, name="player", start="-2"):
    """Plays with ffmpeg; {"video": frames, "audio": seconds, "width", "height", "errors": [...]}."""
    hls = ["-live_start_index", start] if ".m3u8" in str(url) else []
    log = Path(folder) / f"{name}.log"
    limit = ["-t", str(seconds)] if seconds else []
    process = Process(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "info", "-nostats", *hls, "-i", url, *limit,
                       "-map", "0:v?", "-map", "0:a?", "-filter:v", "showinfo=checksum=0", "-filter:a",
                       "ashowinfo", "-f", "null", "-"], log)
    process.stop_after = timeout
    try:
        process.wait(timeout)
    finally:
        process.kill()
    text = log.read_text(errors="replace")
    video = [float(t) for t in re.findall(r"Parsed_showinfo.* pts_time:(-?[\d.]+)", text)]
    audio = re.findall(r"Parsed_ashowinfo.* pts_time:(-?[\d.]+).* rate:(\d+) nb_samples:(\d+)", text)
    size = re.search(r"Stream #0:\d.*Video:.* (\d{2,5})x(\d{2,5})", text)
    errors = [line for line in text.splitlines()
              if re.search(r"error|corrupt|invalid|non-monoton|mismatch|discontinuity|missing", line, re.I)
              and not re.search(r"Parsed_|deprecated|Opening|keepalive|Will reconnect|Skip \(", line)]
    return {"video": len(video), "audio": sum(int(n) / int(r) for _, r, n in audio), "video_times": video,
            "width": int(size[1]) if size else 0, "height": int(size[2]) if size else 0, "errors": errors,
            "code": process.popen.returncode, "text": text}


def play_gst(url, folder, frames=25, timeout=25.0, name="gst-player"):
    """Plays with GStreamer's hlsdemux in real time until so many pictures are shown; how many were shown."""
    player = GstLaunch(folder, ["-v", "playbin", f"uri={url}", "audio-sink=fakesink",
                                "video-sink=fpsdisplaysink text-overlay=false video-sink=fakesink"], name=name)
    try:
        return wait_for(lambda: f"{frames} pictures\n{player.tail()}", lambda: (
            lambda n: n if n >= frames or not player.running() else 0)(
                max(map(int, re.findall(r"rendered: (\d+)", player.text())), default=0)), timeout)
    finally:
        player.kill()


def probe_packets(path):
    """Packets of a file: [{"type", "pts", "dts", "key", "duration"}] by ffprobe, times in seconds."""
    found = subprocess.run(["ffprobe", "-v", "error", "-show_entries",
                            "packet=codec_type,pts_time,dts_time,flags,duration_time", "-of", "json", str(path)],
                           capture_output=True, text=True, timeout=30 * SLOW, check=True)
    return [{"type": p.get("codec_type"), "pts": float(p["pts_time"]), "dts": float(p.get("dts_time", p["pts_time"])),
             "key": "K" in p.get("flags", "")} for p in json.loads(found.stdout)["packets"] if "pts_time" in p]


def make_media(path, seconds=20, size="320x180", rate=25, gop=25, video=True, audio=True, bframes=0, extra=()):
    """A test card with tone as FLV. Keyframes every gop frames, or at the times (s) of a list."""
    path = Path(path)
    if path.exists():
        return path
    arguments = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    if video:
        arguments += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
    if audio:
        arguments += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"]
    if video:
        keys = ["-g", str(gop), "-keyint_min", str(gop)] if isinstance(gop, int) else \
            ["-g", "1000", "-force_key_frames", ",".join(map(str, gop))]
        arguments += ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-pix_fmt", "yuv420p",
                      "-b:v", "400k", "-sc_threshold", "0", "-bf", str(bframes), *keys]
    if audio:
        arguments += ["-c:a", "aac", "-b:a", "64k"]
    temporary = path.with_suffix(f".{os.getpid()}.flv")
    subprocess.run([*arguments, *extra, "-t", str(seconds), "-f", "flv", temporary], check=True, timeout=120 * SLOW)
    os.replace(temporary, path)
    return path


class Watchdog:
    """Ends the test process group's patience: dumps and fails if a block takes longer than its deadline."""

    def __init__(self, seconds):
        self.timer = threading.Timer(seconds * SLOW, lambda: os.kill(os.getpid(), signal.SIGALRM))

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.alarm)
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()

    @staticmethod
    def alarm(*_):
        raise Timeout("the test's own deadline has passed")


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
