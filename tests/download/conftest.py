"""A server on this machine that has an archive as PhysioNet has it, and whose moods a test may choose."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import numpy as np
import pytest


class Mirror(ThreadingHTTPServer):
    """Holds files in memory.

    Attributes:
        files: Content by path ("/ptbdb/1.0.0/RECORDS").
        cut: Path -> how many bytes it sends, once, before it hangs up.
        busy: Path -> how often it answers 503 first.
        ranges: Whether it can go on within a file.
        asked: Path and Range of each request, in order.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.cut, self.busy, self.ranges, self.asked = {}, {}, {}, True, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, folder, files):
        """Put files below `folder`, with their list of hashes."""
        sums = "".join(f"{hashlib.sha256(content).hexdigest()} {path}\n" for path, content in files.items())
        for path, content in {**files, "SHA256SUMS.txt": sums.encode()}.items():
            self.files[f"{folder}/{path}"] = content


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        mirror, wanted = self.server, self.headers.get("Range")
        self.path = unquote(self.path)
        mirror.asked.append((self.path, wanted))
        if mirror.busy.get(self.path, 0) > 0:
            mirror.busy[self.path] -= 1
            return self._answer(503, b"")
        if self.path not in mirror.files:
            return self._answer(404, b"")
        content = mirror.files[self.path]
        if wanted is None or not mirror.ranges:
            return self._answer(200, content)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return self._answer(416, b"")
        where = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, content[start:], {"Content-Range": where})

    def _answer(self, status, content, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        sent = self.server.cut.pop(self.path, len(content)) if status in (200, 206) else len(content)
        self.wfile.write(content[:sent])
        if sent < len(content):
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """A running server with a small PTB-XL."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.publish("/ptb-xl/1.0.3", archive())
        yield server
        server.shutdown()
        thread.join()


def archive():
    """Files by path; the samples are long enough for several pieces."""
    rng = np.random.default_rng(7)
    files = {f"records500/00000/0000{n}_hr.dat": rng.bytes(200_000) for n in range(1, 4)}
    files |= {f"records500/00000/0000{n}_hr.hea": f"0000{n}_hr 12 500 5000\n".encode() for n in range(1, 4)}
    files |= {"records100/00000/00001_lr.dat": rng.bytes(1000), "ptbxl_database.csv": b"ecg_id\n", "RECORDS": b"r\n"}
    return files | {"LICENSE.txt": b"CC BY\n", "a name with spaces & signs.txt": b"x"}


@pytest.fixture
def files():
    """What the server's PTB-XL holds."""
    return archive()
