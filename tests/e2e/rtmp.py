# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small RTMP publisher that sends exactly the FLV tags that a test wants, when it wants.

Encoders that misbehave (silence, jumps, a missing track) and exact send times need this; everything else uses ffmpeg.
"""

import os
import socket
import struct
import time

AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20
CHUNK = 60000


def amf(value):
    """AMF0."""
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return bytes([1, value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\x02" + struct.pack(">H", len(data)) + data
    return b"\x03" + b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items()) + b"\0\0\x09"


def flv_tags(path):
    """[(type, timestamp in ms, payload)] of an FLV file."""
    data = open(path, "rb").read()
    tags, at = [], 13
    while at + 11 <= len(data):
        kind = data[at]
        size = int.from_bytes(data[at + 1:at + 4], "big")
        stamp = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        tags.append((kind & 0x1F, stamp, data[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return tags


def is_header(tag):
    """Whether a tag is a codec header."""
    kind, _, payload = tag
    return (kind == VIDEO and payload[0] & 0x0F == 7 and payload[1] == 0) or \
        (kind == AUDIO and payload[0] >> 4 == 10 and payload[1] == 0)


def is_key(tag):
    return tag[0] == VIDEO and tag[2][0] >> 4 == 1 and tag[2][1] == 1


class Refused(Exception):
    """The server closed the connection or did not let the publish start."""


class Publisher:
    """Connects and publishes at once."""

    def __init__(self, port, query, name, app="kLive/", timeout=12.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.handshake()
        self.message(2, 1, 0, struct.pack(">I", CHUNK))     # Set Chunk Size
        url = f"rtmp://127.0.0.1:{port}/{app}?{query}"
        self.command("connect", 1, {"app": f"{app}?{query}", "type": "nonprivate", "flashVer": "FMLE/3.0",
                                    "tcUrl": url, "swfUrl": url})
        self.expect(b"_result", timeout)
        self.command("releaseStream", 2, None, name)
        self.command("FCPublish", 3, None, name)
        self.received = b""
        self.command("createStream", 4, None)
        self.expect(b"_result", timeout)
        self.command("publish", 5, None, name, "live", stream=1)
        self.expect(b"NetStream.Publish.Start", timeout)
        self.published = time.time()

    def handshake(self):
        self.socket.sendall(b"\x03" + struct.pack(">II", 0, 0) + os.urandom(1528))
        reply = self.read_exactly(1 + 1536 + 1536)
        self.socket.sendall(reply[1:1537])

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise Refused("closed in the handshake")
            data += more
        return data

    def expect(self, what, timeout):
        end = time.monotonic() + timeout
        while what not in self.received:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Refused(f"no {what.decode()}") from None
            except ConnectionError:
                more = b""
            if not more:
                raise Refused(f"closed instead of {what.decode()}")
            self.received += more

    def message(self, chunk_stream, kind, stamp, payload, stream=0):
        """One message as a type 0 chunk and its continuations."""
        short = min(stamp, 0xFFFFFF)
        extended = struct.pack(">I", stamp) if stamp >= 0xFFFFFF else b""
        data = bytes([chunk_stream]) + short.to_bytes(3, "big") + len(payload).to_bytes(3, "big") + bytes([kind]) + \
            struct.pack("<I", stream) + extended + payload[:CHUNK]
        for at in range(CHUNK, len(payload), CHUNK):
            data += bytes([0xC0 | chunk_stream]) + extended + payload[at:at + CHUNK]
        self.socket.settimeout(10)
        self.socket.sendall(data)

    def command(self, *values, stream=0):
        self.message(3, COMMAND, 0, b"".join(amf(v) for v in values), stream)

    def tag(self, kind, stamp, payload):
        """One FLV tag; script data gets the @setDataFrame in front that encoders send."""
        if kind == DATA and not payload.startswith(amf("@setDataFrame")):
            payload = amf("@setDataFrame") + payload
        self.message({AUDIO: 4, VIDEO: 6}.get(kind, 5), kind, stamp & 0xFFFFFFFF, payload, 1)

    def play(self, tags, offset=0, origin=None, sent=None, stop=None):
        """Sends tags in real time, stamps moved by offset (ms). sent(tag, time) hears of each. Returns the origin (the
        time of stamp 0), to go on with."""
        origin = origin or time.time() - (tags[0][1] + offset) / 1000
        for tag in tags:
            wait = origin + (tag[1] + offset) / 1000 - time.time()
            if wait > 0:
                time.sleep(wait)
            if stop and stop():
                break
            self.tag(tag[0], tag[1] + offset, tag[2])
            if sent:
                sent(tag, time.time())
        return origin

    def unpublish(self):
        """The deliberate stop of an encoder."""
        self.command("FCUnpublish", 6, None, "x")
        self.command("deleteStream", 7, None, 1)
        self.close()

    def close(self):
        """Just the end of the connection."""
        self.socket.close()

    def dropped(self):
        """Whether the server has closed the connection."""
        self.socket.settimeout(0)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except (BlockingIOError, socket.timeout):
            return False
        except ConnectionError:
            return True
