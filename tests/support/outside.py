"""Those whom syncd tells: a monitor or webhook, and a mail server, on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self


class Hook:
    """Takes calls. ``status`` is what it answers; while ``held`` is clear it answers nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.status = 200
        self.held = threading.Event()
        self.held.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._take(None)

            def do_POST(self) -> None:
                self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _take(self, body: Any) -> None:
                hook.calls.append((self.command, self.path, body))
                hook.held.wait(60)
                self.send_response(hook.status)
                self.send_header("Location", "https://other.example/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/s3cret-path"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.held.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.calls]

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.calls]


class MailServer:
    """Takes mails, without encryption. ``refuses``: says no to every receiver; ``unknown``: to those.

    ``extensions``: what it can do.
    """

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.receivers: list[str] = []
        self.refuses = False
        self.unknown: set[str] = set()
        self.extensions: list[str] = []
        server = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 here")
                while line := self.rfile.readline().decode().strip():
                    match line.upper().split()[0]:
                        case "EHLO" | "HELO":
                            words = ["here", *server.extensions]
                            for at, word in enumerate(words, start=1):
                                self._say(f"250{' ' if at == len(words) else '-'}{word}")
                        case "RCPT":
                            server.receivers.append(line)
                            unknown = any(each in line for each in server.unknown)
                            self._say("550 nobody" if server.refuses or unknown else "250 yes")
                        case "DATA":
                            self._say("354 go on")
                            server.mails.append(self._text())
                            self._say("250 taken")
                        case "QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 yes")

            def _text(self) -> str:
                lines = []
                while (line := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(line.removeprefix("."))
                return "".join(lines)

            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
