# SPDX-License-Identifier: LGPL-2.1-or-later
"""nginx as klive-launcher configures it: URLs, types, caching, CORS, ranges, and who may do what. No launcher runs:
nginx gets what `klive-launcher nginx-config` prints and files that the test lays; a small server answers the hooks."""

import gzip
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import urllib.parse

import pytest

import klive

E = "0_rkij47dr"
MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n33/chunklist.m3u8\n"


class Hooks:
    """Answers like the launcher's control port and remembers the calls."""

    def __init__(self):
        self.calls, self.answers = [], {}
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                hooks.calls.append((self.path, body))
                status, location = hooks.answers.get(self.path, (200, None))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()

            def do_GET(self):
                hooks.calls.append((self.path, ""))
                text = f"#EXTM3U\n# {self.path}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.apple.mpegurl")
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Cache-Control", "max-age=3")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self, path):
        return [dict(urllib.parse.parse_qsl(body)) for where, body in self.calls if where == path]


class Nginx:
    """The private instance alone."""

    def __init__(self, folder, settings=None, ports=None):
        self.folder = folder
        self.state = folder / "s"
        (self.state / "nginx" / "temp").mkdir(parents=True)
        (self.state / "hls").mkdir()
        self.state.chmod(0o700)
        self.hooks = Hooks()
        self.rtmp, self.http = ports or klive.free_ports(2)
        nginx = {"rtmp-listen": f"127.0.0.1:{self.rtmp}", "http-listen": f"127.0.0.1:{self.http}", **(settings or {})}
        (folder / "klive.conf").write_text(
            "[kaltura]\nservice-url=http://127.0.0.1:9\nadmin-secret=0123456789abcdef0123456789abcdef\n"
            f"[server]\nstate-dir={self.state}\ncontrol-listen=127.0.0.1:{self.hooks.port}\n"
            "[nginx]\n" + "".join(f"{k}={v}\n" for k, v in nginx.items()))
        config = subprocess.run([klive.LAUNCHER, "nginx-config", "--config", folder / "klive.conf"], check=True,
                                capture_output=True, env=klive.environment()).stdout
        (self.state / "nginx" / "nginx.conf").write_bytes(config)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = klive.Process([program, "-e", "stderr", "-p", self.state / "nginx", "-c",
                                      self.state / "nginx" / "nginx.conf"], folder / "nginx.log",
                                     cwd=self.state / "nginx")
        klive.wait_for(self.process.tail, lambda: klive.port_open(self.http) and klive.port_open(self.rtmp))

    def lay(self, path, content):
        file = self.state / "hls" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def get(self, path, **headers):
        return klive.get(f"http://127.0.0.1:{self.http}{path}", headers=headers)

    def body(self, path):
        status, _, body = self.get(path)
        return body.decode() if status == 200 else status

    def control(self, path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.state / "nginx" / "sock"))
            sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while data := sock.recv(65536):
                answer += data
        return answer.decode()

    def error_log(self):
        return (self.state / "nginx" / "error.log").read_text()

    def stop(self):
        self.process.stop(signal.SIGTERM)
        self.hooks.server.shutdown()


def entry_files(nginx):
    for index in "01":
        nginx.lay(f"{E}/{index}/all.m3u8", MASTER + f"# {index} all\n")
        nginx.lay(f"{E}/{index}/mbr.m3u8", MASTER + f"# {index} mbr\n")
        nginx.lay(f"{E}/{index}/33/playlist.m3u8", f"#EXTM3U\n# {index} one\n")
        nginx.lay(f"{E}/{index}/33/chunklist.m3u8", f"#EXTM3U\n# {index} list\n")
        nginx.lay(f"{E}/{index}/33/{index}-1763812345678-7.ts", f"{index} segment".encode())
    nginx.lay(f"{E}/0/my tag+1.m3u8", MASTER + "# 0 tag\n")
    nginx.lay(f"{E}/0/main-2/chunklist.m3u8", "#EXTM3U\n# 0 main\n")
    nginx.lay(f"{E}/0/all_dvr.m3u8", "#EXTM3U\n# 0 all dvr\n")
    nginx.lay(f"{E}/0/33/playlist_dvr.m3u8", "#EXTM3U\n# 0 one dvr\n")
    nginx.lay(f"{E}/0/33/chunklist_dvr.m3u8", "#EXTM3U\n# 0 list dvr\n")
    os.symlink("0", nginx.state / "hls" / E / "live")
    os.symlink("33", nginx.state / "hls" / E / "0" / "1")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    server = Nginx(tmp_path_factory.mktemp("n"))
    entry_files(server)
    yield server
    server.stop()


@pytest.mark.parametrize("path, expected", [
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8", "# 0 all"),
    (f"/kLive/smil%3A{E}_all.smil/playlist.m3u8", "# 0 all"),
    (f"/kLive/smil:{E}_mbr.smil/playlist.m3u8", "# 0 mbr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?DVR", "# 0 all dvr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?dvr", "# 0 all dvr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?DVR&flavorIds=33,35", "# 0 all dvr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?flavorIds=33,35&DVR", "# 0 all dvr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?DVR=1&a=b", "# 0 all dvr"),
    (f"/kLive/smil:{E}_all.smil/playlist.m3u8?noDVR", "# 0 all"),
    (f"/kLive/smil:{E}_mbr.smil/playlist.m3u8?DVR", "# 0 mbr"),         # no DVR of that: the plain one
    (f"/kLive/smil:{E}_all.smil/33/chunklist.m3u8", "# 0 list"),
    (f"/kLive/smil:{E}_all.smil/33/chunklist_dvr.m3u8", "# 0 list dvr"),
    (f"/kLive/smil:{E}_all.smil/33/0-1763812345678-7.ts", "0 segment"),
    (f"/kLive/{E}_33/playlist.m3u8", "# 0 one"),
    (f"/kLive/{E}_1/playlist.m3u8", "# 0 one"),
    (f"/kLive/{E}_33/playlist.m3u8?DVR", "# 0 one dvr"),
    (f"/kLive/{E}_33/chunklist.m3u8", "# 0 list"),
    (f"/kLive/{E}_33/chunklist_dvr.m3u8", "# 0 list dvr"),
    (f"/kLive/{E}_1/chunklist.m3u8", "# 0 list"),
    (f"/kLive/{E}_33/0-1763812345678-7.ts", "0 segment"),
    (f"/kLive/{E}_33/1-1763812345678-7.ts", "1 segment"),       # after the link has moved
    (f"/kLive/backup/smil:{E}_all.smil/playlist.m3u8", "# 1 all"),
    (f"/kLive/backup/smil:{E}_all.smil/playlist.m3u8?DVR", "# 1 all"),
    (f"/kLive/backup/smil:{E}_all.smil/33/chunklist.m3u8", "# 1 list"),
    (f"/kLive/backup/smil:{E}_all.smil/33/1-1763812345678-7.ts", "1 segment"),
    (f"/kLive/backup/{E}_33/playlist.m3u8", "# 1 one"),
    (f"/kLive/backup/{E}_33/chunklist.m3u8", "# 1 list"),
    (f"/kLive/smil:{E}_my%20tag%2B1.smil/playlist.m3u8", "# 0 tag"),
    (f"/kLive/smil:{E}_all.smil/main-2/chunklist.m3u8", "# 0 main"),
    (f"/kLive/{E}_main-2/chunklist.m3u8", "# 0 main"),
])
def test_url(nginx, path, expected):
    body = nginx.body(path)
    assert body != 404, path
    assert body.split("\n")[-2 if body.endswith("\n") else -1] == expected


@pytest.mark.parametrize("path", [
    "/", "/kLive/", "/kLive/backup/", f"/kLive/{E}/", f"/{E}/0/all.m3u8", f"/hls/{E}/0/all.m3u8",
    f"/kLive/smil:{E}_none.smil/playlist.m3u8", "/kLive/smil:0_nothere0_all.smil/playlist.m3u8",
    f"/kLive/smil:{E}_all.smil/../../nginx/nginx.conf", "/kLive/..%2f..%2fnginx%2fnginx.conf",
    f"/kLive/smil:{E}_..%2Fall.smil/playlist.m3u8", f"/kLive/{E}_33/state.json", f"/kLive/smil:{E}_all.smil/33/",
    f"/kLive/{E}_33/2-1-1.ts", f"/kLive/{E}_33/0-1-1.ts.tmp", "/control", "/control/drop/publisher?app=kLive&name=x",
    "/stat", "/ready", "/hook/publish", "/nginx.conf",
])
def test_not_found(nginx, path):
    status, headers, body = nginx.get(path)
    assert status in (400, 404), path
    assert b"Index of" not in body


def test_directory_is_not_listed(nginx):
    assert nginx.get(f"/kLive/smil:{E}_all.smil/33/")[0] == 404


def test_headers_of_a_playlist(nginx):
    for path in (f"/kLive/smil:{E}_all.smil/playlist.m3u8", f"/kLive/{E}_33/chunklist.m3u8?DVR"):
        status, headers, body = nginx.get(path)
        assert status == 200 and body.startswith(b"#EXTM3U")
        assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert headers.get_all("Cache-Control") == ["max-age=3"]
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" not in headers


@pytest.mark.parametrize("url", [f"/kLive/{E}_33/chunklist.m3u8?DVR",
                                 f"/kLive/smil:{E}_all.smil/33/chunklist_dvr.m3u8"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_long_list_is_put_together(nginx, url, encoding):
    """The parts that a DVR list names come in its place, compressed for who can, and are no URLs of their own."""
    segments = [f"#EXTINF:2.000000,\n0-1763812345678-{n}.ts\n" for n in range(4000)]
    names = []
    for n in range(1, 15):
        nginx.lay(f"{E}/0/33/dvr-{n}.part", "".join(segments[n * 256:(n + 1) * 256]).rstrip("\n"))
        names.append(f'<!--#include virtual="/{E}/0/33/dvr-{n}.part" -->\n')
    head, tail = "#EXTM3U\n" + "".join(segments[:256]), "".join(segments[15 * 256:])
    before = (nginx.state / "hls" / E / "0" / "33" / "chunklist_dvr.m3u8").read_bytes()
    nginx.lay(f"{E}/0/33/chunklist_dvr.m3u8", head + "".join(names) + tail)
    status, headers, body = nginx.get(url, **{"Accept-Encoding": encoding})
    nginx.lay(f"{E}/0/33/chunklist_dvr.m3u8", before)
    assert status == 200
    assert headers.get("Content-Encoding", "identity") == encoding
    if encoding == "gzip":
        assert len(body) < 0.2 * len("".join(segments))
        body = gzip.decompress(body)
    assert body.decode() == "#EXTM3U\n" + "".join(segments)
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl" and headers["Cache-Control"] == "max-age=3"
    for path in (f"/{E}/0/33/dvr-1.part", f"/kLive/{E}_33/dvr-1.part", f"/{E}/0/33/chunklist_dvr.m3u8"):
        assert nginx.get(path)[0] == 404, path


def test_headers_of_a_segment(nginx):
    status, headers, body = nginx.get(f"/kLive/{E}_33/0-1763812345678-7.ts")
    assert status == 200 and headers["Content-Type"] == "video/mp2t"
    assert headers.get_all("Cache-Control") == ["max-age=86400"]
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_absence_is_not_cached_for_long(nginx):
    status, headers, _ = nginx.get(f"/kLive/{E}_33/0-1763812345678-8.ts")
    assert status == 404 and headers.get_all("Cache-Control") == ["max-age=1"]
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_playlist_is_never_304(nginx):
    path = f"/kLive/smil:{E}_all.smil/playlist.m3u8"
    modified = nginx.get(path)[1]["Last-Modified"]
    assert nginx.get(path, **{"If-Modified-Since": modified})[0] == 200


def test_range(nginx):
    status, headers, body = nginx.get(f"/kLive/{E}_33/0-1763812345678-7.ts", Range="bytes=0-1")
    assert (status, body) == (206, b"0 ") and headers["Content-Range"] == "bytes 0-1/9"
    assert headers.get_all("Cache-Control") == ["max-age=86400"]


def test_preflight(nginx):
    import urllib.request
    request = urllib.request.Request(f"http://127.0.0.1:{nginx.http}/kLive/{E}_33/playlist.m3u8", method="OPTIONS",
                                     headers={"Origin": "http://a", "Access-Control-Request-Method": "GET"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as reply:
        assert reply.status == 204 and reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Range" in reply.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path, asked", [
    (f"/kLive/smil:{E}_33_35.smil/playlist.m3u8?flavorIds=33,35", None),
    (f"/kLive/smil:{E}_33.smil/playlist.m3u8", None),
    (f"/kLive/smil%3A{E}_33_36.smil/playlist.m3u8?DVR&flavorIds=33,36", None),
    (f"/kLive/backup/smil:{E}_33_35.smil/playlist.m3u8", None),
])
def test_chosen_renditions_come_from_the_launcher(nginx, path, asked):
    status, headers, body = nginx.get(path)
    assert status == 200 and path in body.decode()
    assert headers.get_all("Cache-Control") == ["max-age=3"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"


def test_chosen_renditions_are_cached(nginx):
    path = f"/kLive/smil:{E}_41_42.smil/playlist.m3u8"
    for _ in range(5):
        assert nginx.get(path)[0] == 200
    assert len([c for c in nginx.hooks.calls if c[0] == path]) == 1
    nginx.get(path + "?DVR")
    assert len([c for c in nginx.hooks.calls if c[0] == path + "?DVR"]) == 1


def test_status_is_passed_on_without_cors(nginx):
    for path in ("/status", "/metrics", "/healthz"):
        status, headers, body = nginx.get(path)
        assert status == 200 and path in body.decode()
        assert "Access-Control-Allow-Origin" not in headers


def publish(nginx, url, seconds=1):
    return subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i",
                           "sine=sample_rate=44100", "-c:a", "aac", "-t", str(seconds), "-f", "flv", url],
                          timeout=30 * klive.SLOW, capture_output=True)


@pytest.fixture
def own(tmp_path):
    server = Nginx(tmp_path)
    yield server
    server.stop()


def test_hooks_and_names(own):
    own.hooks.answers["/hook/publish"] = (302, f"{E}_1@0-1763812345678")
    done = publish(own, f"rtmp://127.0.0.1:{own.rtmp}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
    assert done.returncode == 0, done.stderr
    call = own.hooks.bodies("/hook/publish")[0]
    assert call["app"] == "kLive/" and call["name"] == f"{E}_1" and "t=12ab34cd" in call["tcurl"]

    def calls_of_client():
        return [path for path, body in own.hooks.calls if f"clientid={call['clientid']}&" in body + "&"]
    klive.wait_for(lambda: own.hooks.calls, lambda: len(calls_of_client()) == 3)
    assert calls_of_client() == ["/hook/publish", "/hook/publish_done", "/hook/disconnect"]


@pytest.mark.parametrize("answer", [403, 500])
def test_refusal(own, answer):
    own.hooks.answers["/hook/publish"] = (answer, None)
    done = publish(own, f"rtmp://127.0.0.1:{own.rtmp}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
    assert done.returncode != 0


def test_control_drops_by_the_new_name(own):
    own.hooks.answers["/hook/publish"] = (302, f"{E}_1@0-1763812345678")
    encoder = threading.Thread(target=publish, args=(
        own, f"rtmp://127.0.0.1:{own.rtmp}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1", 20))
    encoder.start()
    klive.wait_for("stream in /stat", lambda: f"<name>{E}_1@0-1763812345678</name>" in own.control("/stat"))
    assert own.control(f"/control/drop/publisher?app=kLive/&name={E}_1@0-1763812345678").endswith("\r\n1")
    klive.wait_for("publish_done", lambda: own.hooks.bodies("/hook/publish_done"))
    assert own.control(f"/control/drop/publisher?app=kLive/&name={E}_1@0-1763812345678").endswith("\r\n0")
    encoder.join()


def test_token_is_not_logged(own):
    own.hooks.server.shutdown()
    own.hooks.server.server_close()
    for form in (f"kLive/?p=102&e={E}&i=0&t=5ecre7ab/{E}_1", f"kLive/{E}_1?p=102&e={E}&i=0&t=5ecre7ab"):
        assert publish(own, f"rtmp://127.0.0.1:{own.rtmp}/{form}").returncode != 0
    assert "5ecre7ab" not in own.error_log() + own.process.text()
    for file in (own.state / "nginx").rglob("*"):
        assert not file.is_file() or b"5ecre7ab" not in file.read_bytes(), file


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="needs IPv6")
def test_every_address_of_both_families(tmp_path):
    rtmp, http = klive.free_ports(2)
    server = Nginx(tmp_path, {"rtmp-listen": f"[::]:{rtmp}", "http-listen": f"[::]:{http}"}, (rtmp, http))
    try:
        server.hooks.answers["/hook/publish"] = (302, f"{E}_1@0-1")
        for host in ("[::1]", "127.0.0.1"):
            done = publish(server, f"rtmp://{host}:{rtmp}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
            assert done.returncode == 0, done.stderr
            assert klive.get(f"http://{host}:{http}/kLive/x")[0] == 404
        assert [h["addr"] for h in server.hooks.bodies("/hook/publish")] == ["::1", "127.0.0.1"]
        play = subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-rw_timeout", "3000000", "-i",
                               f"rtmp://[::1]:{rtmp}/kLive/x", "-f", "null", "-"], capture_output=True,
                              timeout=20 * klive.SLOW)
        assert play.returncode != 0 and "access forbidden by rule" in server.error_log()
    finally:
        server.stop()


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return {"tls-certificate": folder / "cert.pem", "tls-key": folder / "key.pem"}


class Stranger:
    """Connects to the inner side of RTMPS, as nginx would for an encoder at 203.0.113.7."""

    def __init__(self, port):
        self.inner = ("127.0.0.2", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(self.inner)
            server.sendall(b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\n")
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl for a certificate")
def test_https_and_rtmps(tmp_path):
    https, rtmps = klive.free_ports(2)
    server = Nginx(tmp_path, {**make_certificate(tmp_path), "https-listen": f"127.0.0.1:{https}",
                              "rtmps-listen": f"127.0.0.1:{rtmps}"})
    try:
        entry_files(server)
        import ssl
        import urllib.request
        trusting = ssl._create_unverified_context()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=trusting))
        with opener.open(f"https://127.0.0.1:{https}/kLive/{E}_33/playlist.m3u8", timeout=5) as reply:
            assert reply.status == 200
        server.hooks.answers["/hook/publish"] = (302, f"{E}_1@0-1")
        done = publish(server, f"rtmps://127.0.0.1:{rtmps}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
        assert done.returncode == 0, done.stderr
        assert server.hooks.bodies("/hook/publish")[0]["addr"] == "127.0.0.1"
        stranger = Stranger(server.rtmp)
        done = publish(server, f"rtmp://127.0.0.1:{stranger.port}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
        assert done.returncode == 0, done.stderr
        assert server.hooks.bodies("/hook/publish")[1]["addr"] == "203.0.113.7"
        play = subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-rw_timeout", "3000000", "-i",
                               f"rtmp://127.0.0.1:{stranger.port}/kLive/x", "-f", "null", "-"], capture_output=True,
                              timeout=20 * klive.SLOW)
        assert play.returncode != 0 and "access forbidden by rule" in server.error_log()
    finally:
        server.stop()
