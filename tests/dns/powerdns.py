"""A PowerDNS API in memory, as far as dns-lexicon speaks it: one zone whose record sets are replaced as wholes."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

KEY: Final = "a-key-of-the-vendor"


class Vendor:
    """What the API holds. `status` is answered instead, when it is set; `asked` are the requests so far."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.sets: dict[str, list[str]] = defaultdict(list)
        self.status: int | None = None
        self.hanging = threading.Event()
        self.hanging.set()
        self.asked: list[str] = []
        self.url = ""

    def texts(self, name: str) -> set[str]:
        return {content.strip('"') for content in self.sets[f"{name}."]}


@contextmanager
def serving(zone: str) -> Iterator[Vendor]:
    vendor = Vendor(zone)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self._refused():
                return
            sets = [
                {
                    "name": name,
                    "type": "TXT",
                    "ttl": 60,
                    "records": [{"content": one, "disabled": False} for one in contents],
                }
                for name, contents in vendor.sets.items()
                if contents
            ]
            self._answer(200, {"name": f"{zone}.", "kind": "Native", "rrsets": sets})

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self._refused():
                return
            for one in body["rrsets"]:
                kept = [] if one["changetype"] == "DELETE" else [record["content"] for record in one["records"]]
                vendor.sets[one["name"]] = kept
            self._answer(204, None)

        def _refused(self) -> bool:
            vendor.hanging.wait()
            vendor.asked.append(f"{self.command} {self.path}")
            status = vendor.status or (None if self.headers["X-API-Key"] == KEY else 401)
            if status:
                self._answer(status, {"error": "no"})
            return bool(status)

        def _answer(self, status: int, body: Any) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        vendor.hanging.set()
        server.shutdown()
        server.server_close()
        thread.join()
