# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker without its launcher: a script in the launcher's place on a Unix socket, a bare nginx for RTMP, the sandbox."""

import json
import shutil
import socket
import threading
import time
from pathlib import Path

import klive

NGINX = """
daemon off; master_process off; worker_processes 1;
load_module {module};
pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 256; }}
rtmp {{
  server {{
    listen 127.0.0.1:{port}; chunk_size 4096; max_message 16M;
    application kLive/ {{ live on; }}
  }}
}}
"""
RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"


class Rtmp(klive.Process):
    """nginx that takes every publisher and shows it under its own name."""

    def __init__(self, folder):
        self.port = klive.free_ports(1)[0]
        nginx = Path(folder) / "nginx"
        nginx.mkdir()
        (nginx / "nginx.conf").write_text(NGINX.format(folder=nginx, port=self.port, module=RTMP_MODULE))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        super().__init__([program, "-e", "stderr", "-p", nginx, "-c", nginx / "nginx.conf"], nginx / "nginx.out")
        klive.wait_for(lambda: f"nginx listens\n{self.tail()}", lambda: klive.port_open(self.port))

    def url(self, name):
        return f"rtmp://127.0.0.1:{self.port}/kLive/?x/{name}"


class Proxy:
    """TCP in front of nginx that can be cut."""

    def __init__(self, target):
        self.target, self.pairs = target, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                client, _ = self.server.accept()
                upstream = socket.create_connection(("127.0.0.1", self.target))
                self.pairs += [client, upstream]
                for source, sink in ((client, upstream), (upstream, client)):
                    threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for one in pairs:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def close(self):
        self.server.close()
        self.cut()


class Script:
    """The launcher's end of the socket: what the worker said, and what it is told. Takes one worker at a time."""

    def __init__(self, path):
        self.path = Path(path)
        self.messages = []
        self.arrived = threading.Condition()
        self.connection = self.server = None
        self.listen()

    def listen(self):
        self.path.unlink(missing_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen()
        threading.Thread(target=self.serve, args=(self.server,), daemon=True).start()

    def serve(self, server):
        try:
            while True:
                self.connection, _ = server.accept()
                for line in self.connection.makefile("r"):
                    with self.arrived:
                        self.messages.append({**json.loads(line), "at": time.monotonic()})
                        self.arrived.notify_all()
        except OSError:
            pass

    def close(self):
        """The launcher dies: its socket, too."""
        if not self.path.exists():
            return
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        if self.connection:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
        self.path.unlink(missing_ok=True)

    def say(self, **message):
        self.connection.sendall((json.dumps(message) + "\n").encode())

    def of_type(self, kind):
        return [m for m in list(self.messages) if m["type"] == kind]

    def wait(self, kind, condition=lambda m: True, timeout=10.0, count=1):
        """The count-th message of that type for which condition holds, waited for."""
        def found():
            fitting = [m for m in self.of_type(kind) if condition(m)]
            return fitting[count - 1] if len(fitting) >= count else None
        return klive.wait_for(lambda: f"message {kind}; there were {[m['type'] for m in self.messages][-30:]}", found, timeout)


class Worker:
    """A worker of klive.ENTRY, its scripted launcher, nginx and (if given) a sandbox."""

    def __init__(self, folder, sandbox=None, index=0, profile=None, **welcome):
        self.folder = Path(folder)
        self.sandbox, self.index, self.profile = sandbox, index, profile
        self.state = self.folder / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.rtmp = Rtmp(folder)
        self.script = Script(self.state / "launcher.sock")
        self.settings = {
            "type": "welcome", "entry": {"id": klive.ENTRY, "partnerId": klive.PARTNER}, "partnerId": klive.PARTNER,
            "serviceUrl": sandbox.url if sandbox else "http://127.0.0.1:9", "api": "current", "ksPartnerId": -5,
            "ks": make_ks(sandbox) if sandbox else "none", "timeout": 2, "hostname": klive.hostname(),
            "application": "kLive", "registrationDelay": 1, "keepAlive": 60, "grace": 3, "stopGrace": 1,
            "orphanTimeout": 4, "segmentDuration": 1.0, "playlistLength": 10, "dvrWindow": 3600,
            "speedPreset": "ultrafast", "videoEncoder": "auto", "audioEncoder": "auto", "threads": 1,
            "templates": None, **welcome}
        self.serial = int(time.time() * 1000)
        self.encoders = []
        self.process = None
        self.start()

    def start(self):
        hellos = len(self.script.of_type("hello"))
        self.process = klive.Process([klive.LAUNCHER, "worker", "--socket", self.state / "launcher.sock", "--entry",
                                      klive.ENTRY, "--index", self.index, "--state-dir", self.state],
                                     self.folder / "worker.log")
        self.script.wait("hello", count=hellos + 1)
        self.script.say(**self.settings)

    def open(self, stream=f"{klive.ENTRY}_1", wait=True, name=None, serial=None):
        """A session is opened as in on_publish; its serial and its name in nginx."""
        self.serial += 1
        serial = serial or self.serial
        name = name or f"{stream}@{self.index}-{serial}"
        self.script.say(type="session-open", stream=stream, serial=serial, name=name, host="127.0.0.1",
                        port=self.rtmp.port, app="kLive/", clientId=1, address="192.0.2.7")
        if wait:
            self.script.wait("session-ready", lambda m: m["serial"] == serial)
        return serial, name

    def publish(self, source, name, **options):
        encoder = klive.Encoder(self.folder, self.rtmp.url(name), source, name=f"encoder{len(self.encoders)}",
                                **options)
        self.encoders.append(encoder)
        return encoder

    def answer_profile(self, serial, timeout=10.0):
        """The worker's question for the conversion profile gets its answer; the question."""
        question = self.script.wait("profile-request", lambda m: m["serial"] == serial, timeout)
        if self.profile:
            self.script.say(type="profile", serial=serial, xml=self.profile)
        else:
            self.script.say(type="profile", serial=serial, error="there is none in this test")
        return question

    def on_air(self, source, stream=f"{klive.ENTRY}_1", **options):
        """Opens, publishes, answers: (serial, encoder)."""
        serial, name = self.open(stream)
        encoder = self.publish(source, name, **options)
        self.answer_profile(serial)
        return serial, encoder

    @property
    def hls(self):
        return self.state / "hls" / klive.ENTRY / str(self.index)

    def renditions(self):
        folders = self.hls.iterdir() if self.hls.exists() else []
        return sorted(p.name for p in folders if p.is_dir() and not p.is_symlink())

    def playlist(self, rendition, name="chunklist.m3u8"):
        try:
            return klive.parse_playlist((self.hls / rendition / name).read_text())
        except FileNotFoundError:
            return None

    def wait_segments(self, count, rendition=None, timeout=15.0):
        """The playlist of the rendition (or the first one) once it has so many segments."""
        def found():
            for one in ([rendition] if rendition else self.renditions()):
                playlist = self.playlist(one, "chunklist_dvr.m3u8")
                if playlist and len(playlist["segments"]) >= count:
                    return playlist
            return None
        return klive.wait_for(lambda: f"{count} segments; {self.renditions()}\n{self.process.tail()}", found, timeout)

    def packets(self, rendition):
        """All packets of all segments in the DVR list, in order."""
        playlist = self.playlist(rendition, "chunklist_dvr.m3u8")
        return [packet for segment in playlist["segments"]
                for packet in klive.probe_packets(self.hls / rendition / segment["uri"])]

    def events(self, event):
        return [e for e in map(klive.parse_logfmt, self.process.text().splitlines()) if e.get("event") == event]

    def wait_event(self, event, count=1, timeout=10.0):
        return klive.wait_for(lambda: f"event={event}\n{self.process.tail()}", lambda: len(self.events(event)) >= count
                              and self.events(event)[count - 1], timeout)

    def close(self):
        for encoder in self.encoders:
            encoder.stop(timeout=3)
        self.process.stop(timeout=10)
        self.script.close()
        self.rtmp.stop(timeout=5)


def make_ks(sandbox):
    """A session string of partner -5, made as the API makes them (v1: sha1 over secret and fields)."""
    import base64
    import hashlib
    info = ";".join(["-5", "-5", str(int(time.time()) + 3600), "2", "1234", "MediaServer", "disableentitlement"])
    return base64.b64encode(
        (hashlib.sha1((klive.admin_secret(sandbox.data) + info).encode()).hexdigest() + "|" + info).encode()).decode()
