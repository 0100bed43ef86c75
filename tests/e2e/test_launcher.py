# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launcher's own business: nginx and its death, a system nginx, adoption with a publisher, folders of ended
broadcasts, the plain URLs, limits, and what must never be seen."""

import http.client
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

import klive
from klive import ENTRY, wait_for

QUICK = {"hls": {"segment-duration": 1, "playlist-length": 4}}


def without_dvr(data):
    for entry in data["entries"]:
        entry["dvrStatus"] = 0
    return data


def nginx_of(launcher):
    """Pids of nginx processes that run in the state directory: (master, workers)."""
    folder = str(launcher.state_dir / "nginx")
    found = []
    for pid, (parent, _) in klive.processes().items():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "nginx" and os.readlink(f"/proc/{pid}/cwd") == folder:
                found.append((pid, parent))
        except OSError:
            continue
    pids = {pid for pid, _ in found}
    return [p for p, up in found if up not in pids], [p for p, up in found if up in pids]


def playlist_of(server, index=0):
    lists = sorted((server.launcher.state_dir / "hls" / ENTRY / str(index)).glob("[0-9]*/chunklist.m3u8"))
    return klive.parse_playlist(lists[0].read_text()) if lists else None


# --- the private nginx ---

def test_killed_nginx_is_started_again(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    first = server.publish(card)
    server.launcher.wait_master()
    (master,), _ = nginx_of(server.launcher)
    os.kill(master, signal.SIGKILL)
    server.launcher.wait_event("nginx-ready-again", 10)
    wait_for("its publisher is lost", lambda: server.launcher.events("publish-ended", cause="lost"), 5)
    wait_for("the encoder has ended", lambda: not first.running(), 10)
    last = playlist_of(server)["segments"][-1]["sequence"]
    server.publish(card)
    wait_for("the same playlists go on", lambda: playlist_of(server)["segments"][-1]["sequence"] > last + 2, 15)
    assert server.launcher.status()["nginx"]["restarts"] == 1


def test_crashed_nginx_worker(server, card):
    """The master starts another one at once, and no hook tells: the launcher sees that the stream is not there."""
    server.start({**QUICK, "server": {"grace": 30}}, data=klive.passthrough_data())
    launcher = server.launcher
    encoder = server.publish(card)
    launcher.wait_master()
    time.sleep(5)               # a publisher may be on its way into nginx for so long
    _, workers = nginx_of(launcher)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_for("the encoder has ended", lambda: not encoder.running(), 10)
    launcher.wait_event("publish-ended", 20, cause="lost")
    server.publish(card)
    launcher.wait_event("publish-live", 10, count=2)


def test_orphaned_nginx_worker_is_cleared_away(server):
    """Launcher and master killed at once: the nginx worker that stays has the ports, until the next launcher."""
    server.start(QUICK)
    (master,), workers = nginx_of(server.launcher)
    server.launcher.send(signal.SIGSTOP)    # so that it does not see its nginx die
    os.kill(master, signal.SIGKILL)
    server.launcher.send(signal.SIGKILL)
    server.launcher.wait(5)
    assert [w for w in workers if klive.alive(w)]
    server.launcher.again()
    assert not any(klive.alive(w) for w in workers)
    code, left = server.launcher.end()
    assert code == 0 and not left


def test_own_user_can_be_shut_in(server, card, folder):
    """A state directory of mode 0700 below a closed one is served all the same."""
    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(0o700)
    server.start(QUICK, data=klive.passthrough_data(), state_dir=closed / "state")
    (closed / "state").chmod(0o700)
    server.publish(card)
    text = server.launcher.wait_master()
    assert klive.playlist(klive.variant_urls(server.launcher.master_url(), text)[0])["segments"]


# --- a system nginx ---

@pytest.fixture
def beside(server, folder):
    """Launcher with managed=false, and an nginx that includes what it prints."""
    settings = {**QUICK, "nginx": {"managed": "false"}, "server": {"grace": 4, "orphan-timeout": 20}}
    launcher = server.start(settings, data=klive.passthrough_data(), wait=False).launcher
    launcher.wait_event("ready", 10)
    nginx = klive.SystemNginx(folder, launcher)
    launcher.nginx = nginx
    yield server
    for encoder in server.encoders:
        encoder.stop(timeout=5)
    nginx.stop()


def test_system_nginx_keeps_its_publisher_over_a_restart(beside, card):
    launcher = beside.launcher
    encoder = beside.publish(card)
    launcher.wait_master()
    (worker,) = launcher.workers()
    launcher.send(signal.SIGKILL)
    launcher.wait(5)
    before = playlist_of(beside)["segments"][-1]["sequence"]
    launcher.again(wait=False)
    launcher.wait_event("worker-adopted", 10)
    wait_for("segments go on", lambda: playlist_of(beside)["segments"][-1]["sequence"] > before + 3, 15)
    assert encoder.running() and launcher.workers() == [worker]
    assert not launcher.events("publish-ended")
    status = launcher.status()["entries"][0]
    assert [p["stream"] for p in status["publishers"]] == [f"{ENTRY}_1"]
    encoder.stop()      # its hooks find the new launcher
    launcher.wait_event("publish-ended", 5, cause="stop")
    wait_for("the broadcast ends", lambda: playlist_of(beside)["ended"] and not launcher.workers(), 10)


def test_publisher_that_left_while_no_launcher_was_there(beside, card):
    launcher = beside.launcher
    encoder = beside.publish(card)
    launcher.wait_master()
    launcher.stop(signal.SIGUSR2)
    assert encoder.running() and len(launcher.workers()) == 1
    encoder.stop()
    launcher.again(wait=False)
    launcher.wait_event("worker-adopted", 10)
    wait_for("the broadcast ends", lambda: playlist_of(beside)["ended"] and not launcher.workers(), 15)
    wait_for("nobody is on the list", lambda: launcher.status()["entries"] == [], 5)
    assert beside.sandbox.registered() is None


def test_system_nginx_refuses_while_no_launcher_is_there(beside, card):
    beside.launcher.send(signal.SIGKILL)
    beside.launcher.wait(5)
    encoder = beside.publish(card)
    assert encoder.wait(10) != 0


def test_worker_and_encoder_killed_at_once(server, card):
    """Nobody is left who could end the broadcast: another worker waits for the grace, ends the playlists, and the
    launcher takes the registration back."""
    server.start({"hls": {"segment-duration": 1, "playlist-length": 30}}, data=klive.passthrough_data())
    launcher = server.launcher
    encoder = server.publish(card)
    launcher.wait_master()
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    (worker,) = launcher.workers()
    os.kill(worker, signal.SIGSTOP)         # so that it does not hear of its publisher's end
    encoder.stop(signal.SIGKILL)
    launcher.wait_event("publish-ended", 5, cause="lost")
    os.kill(worker, signal.SIGKILL)
    launcher.wait_event("broadcast-ended", 20)
    assert playlist_of(server)["ended"]
    wait_for("unregistered", lambda: server.sandbox.registered() is None, 5)
    assert launcher.status()["entries"] == [] and not launcher.workers()


def test_worker_that_is_late(server, card):
    """The encoder gets its answer in time all the same, and its stream is read as soon as the worker can."""
    server.start({**QUICK, "server": {"grace": 30}}, data=klive.passthrough_data())
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    server.encoders[0].stop(signal.SIGKILL)
    launcher.wait_event("publish-ended", 5)
    (worker,) = launcher.workers()
    os.kill(worker, signal.SIGSTOP)
    begin = time.monotonic()
    encoder = server.publish(card)
    line = launcher.wait_event("publish-accepted", 9, count=2)
    assert time.monotonic() - begin < 8 * klive.SLOW and line["level"] == "warning" and "late" in line["message"]
    os.kill(worker, signal.SIGCONT)
    launcher.wait_event("publish-live", 10, count=2)
    assert encoder.running()


def test_adopted_worker_that_dies(server, card):
    """It is no child of this launcher, so only its silence tells that it did not end in order."""
    server.start({"hls": {"segment-duration": 1, "playlist-length": 30}, "server": {"grace": 5}},
                 data=klive.passthrough_data())
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    launcher.send(signal.SIGKILL)
    launcher.wait(5)
    launcher.again()
    launcher.wait_event("worker-adopted", 10)
    (worker,) = launcher.workers()
    os.kill(worker, signal.SIGKILL)
    launcher.wait_event("broadcast-ended", 20)
    assert playlist_of(server)["ended"]
    wait_for("unregistered", lambda: server.sandbox.registered() is None, 5)


def test_encoder_that_leaves_while_the_api_is_asked(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    launcher = server.launcher
    server.sandbox.fault("authenticate", "delay", seconds=1.5, times=1)
    encoder = server.publish(card)
    wait_for("the question", lambda: launcher.status()["publishes"]["pending"], 5)
    encoder.stop(signal.SIGKILL)
    launcher.wait_event("publish-refused", 5, code="PUBLISHER_GONE")
    assert not launcher.workers() and launcher.status()["entries"] == []


def hook_body(call, client):
    tcurl = f"rtmp://h/kLive/%3Fp={klive.PARTNER}%26e={ENTRY}%26i=0%26t={klive.TOKEN}"
    return f"app=kLive/&tcurl={tcurl}&addr=10.0.0.9&clientid={client}&call={call}&name={ENTRY}_1&type=live"


@pytest.mark.parametrize("first, cause", [("disconnect", "lost"), ("publish_done", "stop")])
def test_hooks_count_in_the_order_of_their_connections(server, first, cause):
    """nginx connects twice, one millisecond apart; a launcher under load reads the second request first."""
    server.start(QUICK, data=klive.passthrough_data())
    launcher = server.launcher
    connection = http.client.HTTPConnection("127.0.0.1", launcher.control, timeout=10)
    connection.request("POST", "/hook/publish", hook_body("publish", 999))
    assert connection.getresponse().status == 302
    connection.close()
    calls = [first, "disconnect" if first == "publish_done" else "publish_done"]
    sockets = [socket.create_connection(("127.0.0.1", launcher.control)) for _ in calls]
    for call, sock in reversed(list(zip(calls, sockets))):
        body = hook_body(call, 999)
        sock.sendall(f"POST /hook/{call} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.02)
    for sock in sockets:
        assert sock.recv(100).startswith(b"HTTP/1.0 200")
        sock.close()
    assert [e["cause"] for e in launcher.events("publish-ended")] == [cause]


def test_hook_that_nobody_waits_for(server, card):
    """The launcher says yes to a connection that nginx does not have: found and forgotten."""
    server.start(QUICK, data=klive.passthrough_data())
    launcher = server.launcher
    body = hook_body("publish", 999)
    connection = http.client.HTTPConnection("127.0.0.1", launcher.control, timeout=10)
    connection.request("POST", "/hook/publish", body)
    reply = connection.getresponse()
    assert reply.status == 302 and reply.headers["Location"].startswith(f"{ENTRY}_1@0-")
    connection.request("POST", "/hook/publish", body.replace("clientid=999", "clientid=998"))
    connection.close()          # does not wait for the answer
    launcher.wait_event("publish-accepted", 10, count=2)
    wait_for("both are forgotten", lambda: len(launcher.events("publish-ended", cause="lost")) == 2, 45)
    wait_for("no worker is left", lambda: not launcher.workers(), 40)


# --- folders and links ---

def test_folder_goes_when_its_window_has_passed(server, card):
    server.start(QUICK, data=without_dvr(klive.passthrough_data()))
    launcher = server.launcher
    encoder = server.publish(card)
    launcher.wait_master()
    encoder.stop()
    launcher.wait_event("broadcast-ended", 10)
    folder = launcher.state_dir / "hls" / ENTRY
    assert playlist_of(server)["ended"] and klive.get(launcher.master_url())[0] == 200
    wait_for("the folder is removed", lambda: not folder.exists(), 4 + 5)
    wait_for("nothing is left", lambda: not list((launcher.state_dir / "hls").iterdir()), 5)
    assert not list((launcher.state_dir / "workers").iterdir())
    assert klive.get(launcher.master_url())[0] == 404


def test_folder_goes_also_after_a_restart(server, card):
    server.start(QUICK, data=without_dvr(klive.passthrough_data()))
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    assert launcher.stop(signal.SIGTERM, 12) == 0
    folder = launcher.state_dir / "hls" / ENTRY
    assert folder.exists()
    launcher.again()
    wait_for("the folder is removed", lambda: not folder.exists(), 4 + 5)


def test_folder_of_a_broadcast_that_came_back_stays(server, card):
    server.start({"hls": {"segment-duration": 1, "playlist-length": 5}}, data=without_dvr(klive.passthrough_data()))
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    server.encoders[0].stop()
    launcher.wait_event("broadcast-ended", 10)
    server.publish(card)
    wait_for("on air again", lambda: (p := playlist_of(server)) and not p["ended"], 10)
    time.sleep(6)
    assert (launcher.state_dir / "hls" / ENTRY / "0").is_dir()
    assert not launcher.events("folder-removed")


def test_plain_url_follows_the_index_that_is_on_air(server, card):
    server.start({"hls": {"segment-duration": 1, "playlist-length": 30}, "server": {"grace": 6}},
                 data=klive.passthrough_data())
    launcher = server.launcher
    link = launcher.state_dir / "hls" / ENTRY / "live"
    primary = server.publish(card)
    launcher.wait_master()
    server.publish(card, launcher.rtmp_url(index=1))
    launcher.wait_master(backup=True)
    wait_for("the backup plays", lambda: klive.variant_urls(launcher.master_url(backup=True)), 10)
    assert os.readlink(link) == "0" and len(launcher.workers()) == 2
    primary.stop(signal.SIGKILL)
    wait_for("the backup takes over", lambda: os.readlink(link) == "1", 8)
    wait_for("the primary is over", lambda: playlist_of(server, 0)["ended"], 15)
    assert not klive.playlist(klive.variant_urls(launcher.master_url())[0])["ended"]
    server.publish(card)
    wait_for("the primary takes over", lambda: os.readlink(link) == "0", 15)
    indexes = {(e["entry"], e["index"]): e["plainUrl"] for e in launcher.status()["entries"]}
    assert indexes == {(ENTRY, 0): True, (ENTRY, 1): False}


def test_chosen_renditions(server, card):
    server.start(QUICK, data=klive.small_ladder_data())
    server.publish(card)
    launcher = server.launcher
    text = launcher.wait_master()
    assert len(klive.parse_master(text)) == 2
    status, headers, body = klive.get(launcher.url(f"/kLive/smil:{ENTRY}_33.smil/playlist.m3u8?flavorIds=33"))
    assert status == 200 and headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert [v["uri"] for v in klive.parse_master(body.decode())] == ["33/chunklist.m3u8"]
    status, _, body = klive.get(launcher.url(f"/kLive/smil:{ENTRY}_33.smil/playlist.m3u8?DVR&flavorIds=33"))
    assert [v["uri"] for v in klive.parse_master(body.decode())] == ["33/chunklist_dvr.m3u8"]
    assert klive.get(launcher.url(f"/kLive/smil:{ENTRY}_33.smil/33/chunklist.m3u8"))[0] == 200
    assert klive.get(launcher.url(f"/kLive/smil:{ENTRY}_98_99.smil/playlist.m3u8"))[0] == 404


# --- limits ---

def test_content_blocked_in_mid_broadcast(server, card):
    server.start({**QUICK, "kaltura": {"keep-alive-interval": 1}}, data=klive.passthrough_data())
    launcher = server.launcher
    encoder = server.publish(card)
    wait_for("registration", lambda: server.sandbox.registered(), 15)
    server.sandbox.fault("registerMediaServer", "error", code="SERVICE_FORBIDDEN_CONTENT_BLOCKED", times=1)
    wait_for("the encoder is thrown out", lambda: not encoder.running(), 15)
    launcher.wait_event("publish-ended", 5, cause="kick")
    again = server.publish(card)
    assert again.wait(10) != 0
    launcher.wait_event("publish-refused", 5, code="SERVICE_FORBIDDEN_CONTENT_BLOCKED", entry=ENTRY)


def test_max_entries(server, card):
    data = klive.many_entries()
    server.start({**QUICK, "server": {"max-entries": 1}}, data=data)
    launcher = server.launcher
    server.publish(card, launcher.rtmp_url(entry="0_form0000"))
    launcher.wait_event("publish-accepted")
    second = server.publish(card, launcher.rtmp_url(entry="0_form0001"))
    assert second.wait(10) != 0
    launcher.wait_event("publish-refused", 5, code="TOO_MANY_ENTRIES", entry="0_form0001")
    assert not server.sandbox.calls("authenticate", "0_form0001")


@pytest.mark.deadline(90)
def test_two_encoders_that_throw_each_other_out(server, card):
    server.start({**QUICK, "server": {"grace": 10}}, data=klive.passthrough_data())
    launcher = server.launcher
    for n in range(5):
        server.publish(card)
        launcher.wait_event("publish-live", 15, count=n + 1)
        if n:
            wait_for("the older one is dropped", lambda: not server.encoders[-2].running(), 10)
    late = server.publish(card)
    assert late.wait(10) != 0
    launcher.wait_event("publish-refused", 5, code="TWO_PUBLISHERS")
    assert server.encoders[-2].running()


# --- what must never be seen ---

def test_secrets_are_nowhere(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    secrets = [klive.TOKEN, klive.admin_secret(server.sandbox.data)]
    seen = launcher.text() + str(launcher.status()) + klive.get(launcher.http_url("/metrics"))[2].decode()
    for pid in launcher.family():
        for name in ("cmdline", "environ"):
            seen += Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    for file in launcher.state_dir.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.suffix != ".ts":
            seen += file.read_bytes().decode(errors="replace")
    for secret in secrets:
        assert secret not in seen
    assert "djJ8" not in seen           # a session string of version 2 begins so
    for path in ("launcher.sock", "nginx", "workers"):
        assert stat.S_IMODE((launcher.state_dir / path).stat().st_mode) & 0o077 == 0, path
    for file in launcher.state_dir.glob("*"):   # who may ask nginx's control socket sees tokens, drops publishers
        assert not file.is_socket() or stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_huge_requests_to_the_control_port(server):
    server.start(QUICK)
    launcher = server.launcher
    for path, method, size in (("/hook/publish", "POST", 10_000_000), ("/status", "PUT", 10_000_000)):
        connection = http.client.HTTPConnection("127.0.0.1", launcher.control, timeout=10)
        try:
            connection.request(method, path, body=b"a" * size)
            assert connection.getresponse().status in (403, 405, 413)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            connection.close()
    assert klive.get(launcher.http_url("/healthz"))[0] == 200
    memory = int(next(line.split()[1] for line in Path(f"/proc/{launcher.pid}/status").read_text().splitlines()
                      if line.startswith("VmRSS")))
    assert memory < 60_000


def test_status_command(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    launcher = server.launcher
    server.publish(card)
    launcher.wait_master()
    launcher.wait_event("registered", 10)

    def table():
        return subprocess.run([klive.LAUNCHER, "status", "--config", launcher.config], capture_output=True, text=True,
                              timeout=10, check=True).stdout
    wait_for(table, lambda: f"{ENTRY} index 0  on-air, registered, plain URL" in table(), 8)
    assert "live" in table() and "127.0.0.1" in table()
    launcher.end()
    done = subprocess.run([klive.LAUNCHER, "status", "--config", launcher.config], capture_output=True, text=True)
    assert done.returncode == 1 and str(launcher.control) in done.stderr
