#!/usr/bin/env python3
"""server.py FOLDER [CERTIFICATE KEY] - a web server that behaves as the path says, well or badly.

Serves FOLDER's files under /plain/<name>; the other first parts of a path are behaviours, below.
Prints its port; then a line for each request: method, path, Range and If-Range ("-" for none).
Ends when its standard input does.
"""
import gzip
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

FOLDER = sys.argv[1]
SEEN = {}  # path: how often it was asked for
LOCK = threading.Lock()
PATIENCE = 120  # seconds that one answer may take; tests are over long before


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        url = urlparse(self.path)
        wanted, condition = self.headers.get("Range", "-"), self.headers.get("If-Range", "-")
        with LOCK:
            print("GET", self.path, wanted.replace(" ", ""), condition, flush=True)
            self.times = SEEN[self.path] = SEEN.get(self.path, 0) + 1
        _, behaviour, *rest = url.path.split("/")
        self.query = parse_qs(url.query)
        self.name = unquote("/".join(rest))
        self.close_connection = True
        self.deadline = time.monotonic() + PATIENCE
        try:
            getattr(self, "do_" + behaviour.replace("-", "_"), self.nothing)()
        except FileNotFoundError:
            self.nothing()
        except (BrokenPipeError, ConnectionResetError):
            pass

    def nothing(self):
        self.answer(404, b"nothing here")

    def content(self):
        with open(os.path.join(FOLDER, self.name), "rb") as f:
            return f.read()

    def start(self, wanted):
        """Of "bytes=N-", else None."""
        text = self.headers.get("Range", "")
        return int(text[6:-1]) if text.startswith("bytes=") and text.endswith("-") else None

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def part(self, body, start, etag, at=None, total=None):
        at = start if at is None else at
        self.answer(206, body[start:], ETag=etag, Content_Range="bytes %d-%d/%s" % (
            at, at + len(body) - start - 1, len(body) if total is None else total))

    def do_as_told(self):
        """As the file "behaviour" in the folder says by now, else well."""
        try:
            with open(os.path.join(FOLDER, "behaviour")) as f:
                behaviour, _, argument = f.read().strip().partition(" ")
        except FileNotFoundError:
            behaviour, argument = "plain", ""
        if argument:
            self.name = argument
            self.query = {"to": [argument]}
        getattr(self, "do_" + behaviour.replace("-", "_"))()

    # --- as it should be

    def do_plain(self, etag='"one"'):
        body, start = self.content(), self.start(None)
        if start is None or self.headers.get("If-Range", etag) != etag:
            return self.answer(200, body, ETag=etag)
        if start >= len(body):
            return self.answer(416, Content_Range="bytes */%d" % len(body))
        return self.part(body, start, etag)

    def do_weak(self):
        self.do_plain('W/"one"')

    def do_other_etag(self):
        """The file has become another since."""
        self.do_plain('"two"')

    def do_chunked(self):
        self.chunks([self.content()])

    # --- bodies

    def chunks(self, pieces, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def do_endless(self):
        def forever():
            while True:
                yield bytes(65536)
        self.chunks(forever())

    def do_endless_untold(self):
        """HTTP/1.0 style: until the connection ends, which it does not."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(bytes(65536))

    def do_tenfold(self):
        self.answer(200, self.content() * 10)

    def do_tenfold_untold(self):
        self.chunks([self.content()] * 10)

    def do_drip(self):
        body = self.content()
        self.answer(200, b"", length=len(body))
        for i in range(len(body)):
            self.wfile.write(body[i:i + 1])
            time.sleep(0.02)

    def do_hang(self):
        time.sleep(600)

    def do_hang_after_head(self):
        self.answer(200, b"x", length=1000)
        time.sleep(600)

    def do_truncated(self):
        body = self.content()
        self.answer(200, body[:len(body) // 2], length=len(body), ETag='"one"')

    def do_truncated_once(self):
        if self.times == 1:
            return self.do_truncated()
        return self.do_plain()

    def do_truncated_untold(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"10\r\n0123")

    def do_gzip(self):
        self.answer(200, gzip.compress(bytes(50 << 20)), Content_Encoding="gzip")

    def do_gzip_transfer(self):
        """Transfer-Encoding is undone by the library, whoever asked for it."""
        body = gzip.compress(bytes(50 << 20))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "gzip, chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def do_garbage(self):
        self.wfile.write(b"\x00\xff\x1b[2J no HTTP\r\n\r\n")

    def do_headers(self):
        self.send_response(200)
        for i in range(5000):
            self.send_header("X-%d" % i, "x" * 1000)
        self.end_headers()

    # --- ranges

    def do_ignore_range(self):
        self.answer(200, self.content(), ETag='"one"')

    def do_wrong_range(self):
        """Once another part than was asked for; without a range all is well."""
        body, start = self.content(), self.start(None)
        if start is None:
            return self.answer(200, body, ETag='"one"')
        return self.part(body, start, '"one"', at=start + 1)

    def do_always_wrong_range(self):
        body = self.content()
        self.part(body, 0, '"one"', at=7)

    def do_bad_range(self):
        body, start = self.content(), self.start(None)
        if start is None:
            return self.answer(200, body)
        return self.answer(206, body[start:], Content_Range="bytes whatever")

    def do_range_of_other(self):
        """A part, but of another file."""
        body, start = self.content(), self.start(None)
        if start is None:
            return self.answer(200, body, ETag='"two"')
        return self.part(body, start, '"two"')

    def do_range_total(self):
        body, start = self.content(), self.start(None) or 0
        self.part(body, start, '"one"', total=len(body) + 1)

    def do_416(self):
        if self.start(None) is None:
            return self.answer(200, self.content(), ETag='"one"')
        return self.answer(416)

    def do_stumble(self):
        """A line that breaks, a server that is gone, and then as the next part of the path says."""
        behaviour, _, self.name = self.name.partition("/")
        if self.times == 1:
            return self.do_truncated()
        if self.times == 2:
            return self.answer(503)
        return getattr(self, "do_" + behaviour.replace("-", "_"))()

    def gate_is_open(self):
        """There is a file "gate" in the folder; whoever never makes it does not keep us for ever."""
        if time.monotonic() > self.deadline:
            raise ConnectionResetError
        return os.path.exists(os.path.join(FOLDER, "gate"))

    def do_gate(self):
        """Well, but not before the gate is open."""
        while not self.gate_is_open():
            time.sleep(0.01)
        self.do_plain()

    def do_half(self):
        """Half of it, then byte by byte, and the rest once the gate is open."""
        body = self.content()
        at = len(body) // 2
        self.answer(200, body[:at], length=len(body), ETag='"one"')
        while not self.gate_is_open() and at < len(body):
            self.wfile.write(body[at:at + 1])
            at += 1
            time.sleep(0.02)
        self.wfile.write(body[at:])

    def do_cut(self):
        """So many sixteenths of it; 16: all but a byte. As if that were the whole."""
        body, n = self.content(), int(self.query["n"][0])
        self.answer(200, body[:-1] if n == 16 else body[:len(body) * n // 16])

    # --- elsewhere

    def do_status(self):
        self.answer(int(self.name), b"sorry")

    def do_redirect(self):
        self.answer(302, b"elsewhere", Location=self.query["to"][0])

    def do_loop(self):
        self.answer(302, Location="/loop/" + str(self.times))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
