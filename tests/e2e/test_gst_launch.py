# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launch line of README.md, as it stands there, puts a stream on air against the sandbox."""

import re
import shlex
import signal

import pytest

import klive
from klive import ENTRY, wait_for

NGINX = """\
load_module {modules}/ngx_rtmp_module.so;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
"""


def readme_line():
    text = (klive.ROOT / "README.md").read_text()
    block = re.search(r"^    gst-launch-1\.0 (?:.*\\\n)*.*$", text, re.M)[0]
    return shlex.split(block.replace("\\\n", " "))[1:]


@pytest.fixture
def rtmp_server(folder):
    """The port of a plain nginx."""
    port = klive.free_ports(1)[0]
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(modules="/usr/lib/nginx/modules", folder=folder, port=port))
    nginx = klive.Process(["nginx", "-c", config, "-p", folder, "-g", "user root;" if klive.is_root() else ""],
                          folder / "nginx.out.log")
    wait_for(lambda: f"nginx\n{nginx.tail()}", lambda: klive.port_open(port))
    yield port
    nginx.stop()


@pytest.fixture
def sandbox(folder):
    sandbox = klive.Sandbox(folder)
    yield sandbox
    sandbox.stop()


def launch(folder, sandbox, port, line, token=klive.TOKEN):
    secret = folder / "secret"
    secret.write_text(klive.admin_secret() + "\n")
    (folder / "klive.conf").write_text(f"[kaltura]\nservice-url={sandbox.url}\npartner-id=-5\n"
                                       f"admin-secret-file={secret}\nhostname={klive.hostname()}\n")
    line = [w.replace("127.0.0.1:1936", f"127.0.0.1:{port}").replace("t=12ab34cd", f"t={token}") for w in line]
    return klive.Process(["gst-launch-1.0", *line], folder / "gst.log", cwd=folder)


def end(pipeline):
    """Stock hlssink2 now and then never posts EOS though all that it writes is complete; then Ctrl-C ends gst-launch."""
    for _ in range(3):
        try:
            return pipeline.wait(8)
        except klive.Timeout:
            pipeline.send(signal.SIGINT)
    return pipeline.wait(8)


def test_readme_line(folder, sandbox, rtmp_server, card):
    encoder = klive.Encoder(folder, f"rtmp://127.0.0.1:{rtmp_server}/live/test", card)
    wait_for("it publishes", lambda: encoder.running() and "Output #0" in encoder.text())
    pipeline = launch(folder, sandbox, rtmp_server, readme_line())
    try:
        wait_for(lambda: f"registered\n{pipeline.tail()}", lambda: sandbox.registered() or not pipeline.running(), 20)
        assert sandbox.registered() == klive.hostname(), pipeline.tail()
        wait_for("a segment", lambda: (folder / "playlist.m3u8").exists(), 15)
        encoder.stop()
        wait_for("ENDLIST", lambda: "#EXT-X-ENDLIST" in (folder / "playlist.m3u8").read_text(), 15)
        end(pipeline)
    finally:
        encoder.kill()
        pipeline.kill()
    items = klive.parse_playlist((folder / "playlist.m3u8").read_text())
    assert klive.decode(folder / items["segments"][0]["uri"], folder, seconds=None)["video"] > 10
    wait_for("unregistered", lambda: sandbox.registered() is None)
    assert [c["action"].lower() for c in sandbox.calls(entry=ENTRY)][0] == "authenticate"


def test_wrong_token_is_an_error(folder, sandbox, rtmp_server, card):
    encoder = klive.Encoder(folder, f"rtmp://127.0.0.1:{rtmp_server}/live/test", card)
    wait_for("it publishes", lambda: encoder.running() and "Output #0" in encoder.text())
    pipeline = launch(folder, sandbox, rtmp_server, readme_line(), token="wrong")
    try:
        assert pipeline.wait(20) != 0
    finally:
        encoder.stop()
        pipeline.kill()
    assert "LIVE_STREAM_INVALID_TOKEN" in pipeline.text()
    assert not list(folder.glob("*.ts")) and sandbox.registered() is None
