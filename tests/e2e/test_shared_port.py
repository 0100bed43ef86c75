# SPDX-License-Identifier: LGPL-2.1-or-later
"""RTMP and HTTP on one port ([nginx] shared-port): who is told apart, whose address counts, who is slow."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import klive
from test_nginx import E, Nginx, entry_files, publish

FAR = "127.0.0.9"       # of this machine, but no address from which playing is allowed


class Relay:
    """Brings connections to the port, from another address."""

    def __init__(self, port, source):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target, self.source = ("127.0.0.1", port), (source, 0)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(self.target, source_address=self.source)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    port, = klive.free_ports(1)
    server = Nginx(tmp_path_factory.mktemp("s"), {"rtmp-listen": port, "http-listen": port, "shared-port": "true"},
                   (port, port))
    server.silent = socket.create_connection(("127.0.0.1", port))
    server.hooks.answers["/hook/publish"] = (302, f"{E}_1@0-1")
    entry_files(server)
    server.lay(f"{E}/0/33/0-1763812345678-8.ts", os.urandom(4_000_000))
    yield server
    server.stop()


def play(port):
    """ffmpeg's exit code and words when it plays an ingest by RTMP."""
    return subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-rw_timeout", "3000000", "-i",
                           f"rtmp://127.0.0.1:{port}/kLive/?play=1/{E}_1@0-1", "-t", "1", "-f", "null", "-"],
                          capture_output=True, timeout=30 * klive.SLOW)


def test_both_on_one_port(nginx):
    done = publish(nginx, f"rtmp://127.0.0.1:{nginx.rtmp}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1")
    assert done.returncode == 0, done.stderr
    assert nginx.hooks.bodies("/hook/publish")[-1]["addr"] == "127.0.0.1"
    assert nginx.body(f"/kLive/smil:{E}_all.smil/playlist.m3u8").endswith("# 0 all\n")
    assert nginx.get("/status")[0] == 200


def test_the_encoders_own_address_counts(nginx):
    relay = Relay(nginx.rtmp, FAR)
    encoder = threading.Thread(target=publish, args=(
        nginx, f"rtmp://127.0.0.1:{relay.port}/kLive/?p=102&e={E}&i=0&t=12ab34cd/{E}_1", 6))
    encoder.start()
    klive.wait_for("stream in /stat", lambda: f"<name>{E}_1@0-1</name>" in nginx.control("/stat"))
    assert nginx.hooks.bodies("/hook/publish")[-1]["addr"] == FAR
    assert play(nginx.rtmp).returncode == 0         # from this machine, as the workers
    assert play(relay.port).returncode != 0
    assert f"access forbidden by rule, client: {FAR}" in nginx.error_log()
    encoder.join()


def test_status_is_not_for_everybody(nginx):
    """What the stream module would send for a viewer elsewhere."""
    def status(address):
        with socket.create_connection(("127.0.0.4", nginx.hooks.port), timeout=5) as inside:
            inside.sendall(f"PROXY TCP4 {address} 127.0.0.1 40000 1935\r\nGET /status HTTP/1.0\r\n\r\n".encode())
            return inside.recv(4096).split(b"\r\n")[0].decode()
    assert status("203.0.113.7").endswith(" 403 Forbidden")
    assert status("127.0.0.1").endswith(" 200 OK")


def test_slow_clients_are_served(nginx):
    request = f"GET /kLive/{E}_33/0-1763812345678-8.ts HTTP/1.0\r\n\r\n".encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.settimeout(20 * klive.SLOW)
        client.connect(("127.0.0.1", nginx.http))
        for byte in request:
            client.sendall(bytes([byte]))
            time.sleep(0.01)
        got = 0
        while data := client.recv(65536):
            got += len(data)
            if got < 400_000:
                time.sleep(0.02)
    assert got > 4_000_000


@pytest.mark.parametrize("rubbish", [b"\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n"])
def test_what_is_neither_is_refused(nginx, rubbish):
    with socket.create_connection(("127.0.0.1", nginx.http), timeout=20 * klive.SLOW) as client:
        client.sendall(rubbish)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400") or b"400 Bad Request" in answer


def test_who_says_nothing_is_let_go(nginx):
    nginx.silent.settimeout(20 * klive.SLOW)
    assert nginx.silent.recv(1) == b""


def test_broadcast(server, card):
    """In and out by one port; after nginx was killed, too."""
    server.start({"nginx": {"shared-port": "true"}}, data=klive.passthrough_data())
    launcher = server.launcher
    assert launcher.http == launcher.rtmp
    first = server.publish(card)
    launcher.wait_master()
    played = klive.decode(launcher.master_url(), server.folder)
    assert played["video"] > 25 and not played["errors"], played["text"]
    os.kill(launcher.status()["nginx"]["pid"], signal.SIGKILL)
    launcher.wait_event("nginx-ready-again", 20)
    first.stop()
    server.publish(card)
    launcher.wait_event("publish-live", 20, count=2)
