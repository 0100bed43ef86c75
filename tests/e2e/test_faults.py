# SPDX-License-Identifier: LGPL-2.1-or-later
"""Input and surroundings that break: no media, bad profiles, unwritable directories, missing encoders."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

import klive
import rtmp
from conftest import server_in_short_path
from klive import ENTRY, wait_for

SYSTEM_PLUGINS = subprocess.run(["pkg-config", "--variable=pluginsdir", "gstreamer-1.0"], capture_output=True,
                                text=True).stdout.strip()
QUICK = {"hls": {"segment-duration": 1, "playlist-length": 10}}


@pytest.mark.parametrize("headers", [False, True])
def test_publisher_without_media(server, card, headers):
    """Connected, but no frame comes, at most codec headers: not registered, and no worker stays for ever."""
    server.start(QUICK, data=klive.passthrough_data())
    publisher = rtmp.Publisher(server.launcher.rtmp, f"p={klive.PARTNER}&e={ENTRY}&i=0&t={klive.TOKEN}", f"{ENTRY}_1")
    if headers:
        for tag in rtmp.flv_tags(card)[:4]:
            if rtmp.is_header(tag):
                publisher.tag(*tag)
    time.sleep(4)
    assert server.sandbox.registered() is None
    assert klive.get(server.launcher.master_url())[0] == 404
    publisher.close()
    wait_for("no worker is left", lambda: not server.launcher.workers(), 30)
    assert not server.sandbox.calls("registerMediaServer")
    assert server.launcher.running()


def test_encoder_killed(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    encoder = server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    encoder.stop(signal.SIGKILL)
    wait_for("the broadcast ends after the grace", lambda: klive.playlist(url)["ended"], 15)
    wait_for("unregistered", lambda: server.sandbox.registered() is None, 10)
    wait_for("no worker is left", lambda: not server.launcher.workers(), 10)


BAD_PROFILES = {
    "10-MB": "<Root>" + "x" * 10_000_000 + "</Root>",
    "entities": '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Root>&b;</Root>',
    "external-entity": '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><Root>&a;</Root>',
    "no-encodes": "<Root><Transcode><Encodes/></Transcode></Root>",
    "empty": "",
    "broken": "<Root><Transcode><Encodes><Encode>",
    "html": "<html><body>Bad gateway</body></html>",
}


@pytest.fixture(scope="module")
def proxied():
    """A server whose API is behind a proxy that can answer in the sandbox's place."""
    with server_in_short_path() as server:
        server.sandbox = klive.Sandbox(server.folder, klive.many_entries())
        server.proxy = klive.ApiProxy(server.sandbox.url)
        server.launcher = klive.Launcher(server.folder, server.sandbox, QUICK, service_url=server.proxy.url)
        yield server
        server.proxy.close()


def plays_passed_through(server, card, folder, entry):
    """Publishes; the source alone plays, and a warning has said why."""
    launcher = server.launcher
    encoder = klive.Encoder(folder, launcher.rtmp_url(entry=entry), card)
    try:
        text = launcher.wait_master(entry=entry)
        assert len(klive.parse_master(text)) == 1
        assert klive.decode(klive.variant_urls(launcher.master_url(entry=entry), text)[0], folder,
                            seconds=1)["video"] > 5
        assert [e for e in launcher.events(entry=entry) if e["level"] in ("warning", "error")], launcher.tail()
        assert "root:" not in launcher.text()
    finally:
        encoder.stop()


@pytest.mark.parametrize("case", BAD_PROFILES)
def test_profile_that_cannot_be_used(proxied, card, folder, case):
    """The show goes on with the source passed through."""
    proxied.proxy.answers = {"serve": BAD_PROFILES[case].encode()}
    plays_passed_through(proxied, card, folder, f"0_prof{list(BAD_PROFILES).index(case):04d}")


@pytest.mark.parametrize("case", ["status", "delay"])
def test_profile_that_cannot_be_had(proxied, card, folder, case):
    proxied.proxy.answers = {}
    proxied.sandbox.fault("serve", case, seconds=12 if case == "delay" else 0)
    try:
        plays_passed_through(proxied, card, folder, "0_prof0010" if case == "delay" else "0_prof0011")
    finally:
        proxied.sandbox.no_faults()


def test_registration_that_fails_is_retried(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    server.sandbox.fault("registerMediaServer", "status", status=500)
    server.publish(card)
    server.launcher.wait_master()
    wait_for("a failed registration", lambda: server.sandbox.calls("registerMediaServer"), 10)
    server.sandbox.no_faults()
    wait_for("registration", lambda: server.sandbox.registered(), 15)


def test_api_outage_in_mid_broadcast(server, card):
    """Live goes on while the API is away, and the API is told again when it is back."""
    server.start({**QUICK, "kaltura": {"keep-alive-interval": 2}}, data=klive.passthrough_data())
    encoder = server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    server.sandbox.fault("registerMediaServer", "status", status=500)
    failed = len(server.sandbox.calls("registerMediaServer"))
    wait_for("keep-alives fail", lambda: len(server.sandbox.calls("registerMediaServer")) >= failed + 2, 15)
    last = klive.playlist(url)["segments"][-1]["sequence"]
    wait_for("segments go on", lambda: klive.playlist(url)["segments"][-1]["sequence"] >= last + 2, 10)
    assert encoder.running()
    server.sandbox.no_faults()
    encoder.stop()
    wait_for("unregistered", lambda: server.sandbox.registered() is None, 15)


def test_invalid_ks_is_renewed(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    server.sandbox.fault("authenticate", "error", code="INVALID_KS", times=1)
    server.publish(card)
    server.launcher.wait_master()
    assert len(server.sandbox.calls("authenticate")) == 2


def test_media_server_not_found_reports_status(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    wait_for("the status report of the start",
             lambda: server.sandbox.calls("reportStatus"), 10)
    reports = len(server.sandbox.calls("reportStatus"))
    server.sandbox.fault("registerMediaServer", "error", code="MEDIA_SERVER_NOT_FOUND", times=1)
    server.publish(card)
    server.launcher.wait_master()
    wait_for("another status report", lambda: len(server.sandbox.calls("reportStatus")) > reports, 15)
    wait_for("registration", lambda: server.sandbox.registered(), 15)


def run_launcher(folder, *arguments, config=None, env=None):
    return subprocess.run([klive.LAUNCHER, *arguments, *(["--config", config] if config else [])],
                          capture_output=True, text=True, timeout=20 * klive.SLOW, env=env or klive.environment(),
                          stdin=subprocess.DEVNULL, cwd=folder)


def config_file(folder, **groups):
    secret = folder / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    rtmp, http, control = klive.free_ports(3)
    values = {"kaltura": {"service-url": "http://127.0.0.1:9", "admin-secret-file": secret, "hostname": "h"},
              "server": {"state-dir": folder / "state", "control-listen": f"127.0.0.1:{control}"},
              "nginx": {"rtmp-listen": rtmp, "http-listen": http}}
    for group, keys in groups.items():
        values.setdefault(group, {}).update({k.replace("_", "-"): v for k, v in keys.items()})
    path = folder / "klive.conf"
    path.write_text("\n".join(f"[{g}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())
                              for g, keys in values.items()))
    return path


def test_state_directory_that_cannot_be_written(folder):
    (folder / "file").write_text("")
    done = run_launcher(folder, "serve", config=config_file(folder, server={"state_dir": folder / "file" / "state"}))
    assert done.returncode != 0 and "file" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_state_directory_without_permission(folder):
    if os.geteuid() == 0:
        # root writes everywhere but into /proc
        directory = "/proc/klive"
    else:
        directory = folder / "closed"
        directory.mkdir()
        directory.chmod(stat.S_IRUSR | stat.S_IXUSR)
        directory = directory / "state"
    done = run_launcher(folder, "serve", config=config_file(folder, server={"state_dir": directory}))
    assert done.returncode != 0 and str(directory) in done.stderr, done.stderr


@pytest.mark.parametrize("which", ["rtmp", "http", "control"])
def test_port_in_use(folder, which):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        groups = {"rtmp": {"nginx": {"rtmp_listen": port}}, "http": {"nginx": {"http_listen": port}},
                  "control": {"server": {"control_listen": f"127.0.0.1:{port}"}}}[which]
        done = run_launcher(folder, "serve", config=config_file(folder, **groups))
    assert done.returncode != 0 and str(port) in done.stderr, done.stderr
    assert not [p for p, (_, argv) in klive.processes().items() if any(str(folder) in a for a in argv)]


def plugins_without(folder, *names):
    """The environment of a machine on which these plugins of GStreamer are not installed."""
    plugins = folder / "plugins"
    plugins.mkdir()
    for library in Path(SYSTEM_PLUGINS).glob("*.so"):
        if library.name not in names:
            (plugins / library.name).symlink_to(library)
    return {"GST_PLUGIN_SYSTEM_PATH": str(plugins), "GST_REGISTRY": str(folder / "registry.bin")}


@pytest.mark.parametrize("missing, package", [
    (["libgstx264.so", "libgstopenh264.so"], "gstreamer1.0-plugins-ugly"),
    (["libgstvoaacenc.so", "libgstfdkaac.so", "libgstfaac.so", "libgstlibav.so"], "gstreamer1.0-")])
def test_missing_encoder_names_its_package(server, card, folder, missing, package):
    """The ladder cannot be made: the message names the Debian package, and the source is passed through."""
    server.start(QUICK, data=klive.small_ladder_data(), env=plugins_without(folder, *missing))
    server.publish(card)
    text = server.launcher.wait_master()
    assert len(klive.parse_master(text)) == 1
    assert klive.decode(klive.variant_urls(server.launcher.master_url(), text)[0], folder, seconds=1)["video"] > 5
    assert package in server.launcher.text(), server.launcher.tail(60)


def test_unknown_configuration_key(folder):
    config = config_file(folder, hls={"segment_lenght": 6})
    for command in ("check-config", "serve"):
        done = run_launcher(folder, command, config=config)
        assert done.returncode == 3
        assert "klive.conf:" in done.stderr and "segment-lenght" in done.stderr, done.stderr


def test_check_config_asks_kaltura(folder):
    """0: it takes the secret; 4: it refuses it; 1: it is not there."""
    sandbox = klive.Sandbox(folder)
    own = {"partner_id": -5, "hostname": klive.hostname()}
    try:
        for service_url, secret, code in ((sandbox.url, klive.admin_secret(), 0), (sandbox.url, "0" * 32, 4),
                                          ("http://127.0.0.1:9", "0" * 32, 1)):
            config = config_file(folder, kaltura={"service_url": service_url, **own})
            (folder / "secret").write_text(secret)
            assert run_launcher(folder, "check-config", config=config).returncode == 0
            done = run_launcher(folder, "check-config", "--ask-kaltura", config=config)
            assert done.returncode == code, (done.stdout, done.stderr)
            assert service_url in (done.stderr if code else done.stdout) and secret not in done.stderr
    finally:
        sandbox.stop()


def test_check_config(folder):
    assert run_launcher(folder, "check-config", config=config_file(folder)).returncode == 0
    assert run_launcher(folder, "check-config", config=folder / "none.conf").returncode == 3
    late = config_file(folder, nginx={"https_listen": 8443, "tls_certificate": "/etc/passwd", "tls_key": "/none"})
    line = late.read_text().splitlines().index("tls-key=/none") + 1
    assert f"{late}:{line}: [nginx] tls-key" in run_launcher(folder, "check-config", config=late).stderr
    own = folder / "own"
    own.mkdir()
    (own / "copy-video.gst").write_text("# mine\nv. ! hls_${idd}.video\n")
    for key, value, message in (("video_encoder", "x265enc", '"x265enc" is none of auto, '),
                                ("audio_encoder", "lame", '"lame" is none of auto, '),
                                ("templates", own, f"{own}/copy-video.gst, line 2: unknown variable ${{idd}}"),
                                ("templates", folder / "nowhere", f"{folder}/nowhere")):
        config = config_file(folder, transcode={key: value})
        done = run_launcher(folder, "check-config", config=config)
        line = config.read_text().splitlines().index(f"{key.replace('_', '-')}={value}") + 1
        assert done.returncode == 3 and message in done.stderr, done.stderr
        assert f"{config}:{line}: [transcode] {key.replace('_', '-')}: " in done.stderr, done.stderr
    (own / "copy-video.gst").write_text("v. ! queue ! hls_${id}.video\n")
    config = config_file(folder, transcode={"templates": own})
    assert run_launcher(folder, "check-config", config=config).returncode == 0
    for text, message in (("v. ! ! queue ! hls_${id}.video\n", "syntax error"),
                          ("v. ! nosuchelement ! hls_${id}.video\n", "nosuchelement")):
        (own / "copy-video.gst").write_text(text)
        done = run_launcher(folder, "check-config", config=config)
        assert done.returncode == 3 and "[transcode] templates: " in done.stderr, done.stderr
        assert str(own) in done.stderr and message in done.stderr, done.stderr
    (own / "copy-video.gst").unlink()
    # each is what one of the things that a worker does is made of: records, encodes with this element, and so on
    for name, text in (("record.gst", "nosuchelement name=rec_${id}\n"),
                       ("record-encoded-video.gst", "nosuchelement\n"), ("encoded-video.gst", "nosuchelement\n"),
                       ("encode-x264enc.gst", "nosuchelement name=enc_${id} !\n"),
                       ("encode-openh264enc.gst", "nosuchelement name=enc_${id} !\n"),
                       ("encode-audio.gst", "nosuchelement\n"), ("scale-unknown.gst", "nosuchelement !\n"),
                       ("decode-h264-deinterlace.gst", "nosuchelement\n"), ("decode-video.gst", "nosuchelement\n")):
        (own / name).write_text(text)
        done = run_launcher(folder, "check-config", config=config)
        assert done.returncode == 3 and "nosuchelement" in done.stderr, (name, done.stderr)
        shutil.copy(klive.ROOT / "pipelines" / name, own)
    done = run_launcher(folder, "check-config", config=config)
    assert done.returncode == 0, done.stderr
    assert run_launcher(folder, "nonsense").returncode == 2
    assert run_launcher(folder, "--version").stdout.strip()
    assert "serve" in run_launcher(folder, "--help").stdout


def test_unwritable_hls_directory_is_survived(server, card):
    """Segments that cannot be written are lost with a warning; the broadcast goes on when there is room again."""
    server.start(QUICK, data=klive.passthrough_data())
    encoder = server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    rendition = next((server.launcher.state_dir / "hls" / ENTRY / "0").glob("[0-9]*/chunklist.m3u8")).parent
    moved = rendition.with_name("moved")
    last = klive.playlist(url)["segments"][-1]["sequence"]
    rendition.rename(moved)
    wait_for("a warning", lambda: [e for e in server.launcher.events() if e["level"] in ("warning", "error")
                                   and "segment" in str(e)], 10)
    moved.rename(rendition) if not rendition.exists() else None
    assert encoder.running() and len(server.launcher.workers()) == 1
    wait_for("segments again", lambda: (lambda p: p and p["segments"][-1]["sequence"] > last + 4)(
        klive.playlist(url)), 20)
