"""The dashboard's own server for a test, and a client that speaks its protocol without a browser."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from solara.server.kernel import deserialize_binary_message
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
PATIENCE = 600.0  # seconds; a busy machine is no failure


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def served(log: Path, environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen]]:
    """The page's address and its server's process; no traceback of the project's own may be in its ``log``."""
    port = free_port()
    command = [sys.executable, "-m", "solara", "run", "app.py", "--port", str(port), "--no-open", "--production"]
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.terminate()
            server.wait(90)
    # a browser that leaves twice makes the server complain of itself; no traceback may come from here
    assert f'File "{ROOT}{os.sep}' not in log.read_text().replace(f"{ROOT}{os.sep}.venv", "")


def wait_until_ready(address: str, server: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server did not come up"
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return


class Client:
    """One session: the widgets that the server describes, and what is sent to them, allowed or not.

    ``queue`` messages are taken in before anybody listens, all of them by default; beyond that the line stands still
    and the server's pings go unanswered.
    """

    def __init__(self, address: str, queue: int | None = None) -> None:
        self.address, self.kernel, self.page, self._queue = address, str(uuid4()), str(uuid4()), queue
        self.widgets: dict[str, dict[str, Any]] = {}
        self._ready = False
        self._cookie = f"solara-session-id={uuid4()}"
        self._connect()
        self._control = str(uuid4())
        self.send("comm_open", {"comm_id": self._control, "target_name": "solara.control", "data": {}})

    def _connect(self) -> None:
        self._line = connect(
            f"{self.address.replace('http', 'ws')}/jupyter/api/kernels/{self.kernel}/channels?session_id={self.page}",
            additional_headers={"Cookie": self._cookie}, max_size=None, open_timeout=PATIENCE,
            ping_interval=None, max_queue=self._queue,
        )  # fmt: skip
        self.socket = self._line.__enter__()

    def open(self) -> "Client":
        """Let the server build the page."""
        self.start()
        return self.opened()

    def opened(self) -> "Client":
        """Wait for the page."""
        self.wait_for(lambda: self._ready and self.month() == "Month 0")
        return self

    def start(self) -> None:
        """Ask for the page without waiting for it."""
        self.send("comm_msg", {"comm_id": self._control, "data": {"method": "run", "args": {"path": "/"}}})

    def leave(self) -> None:
        """Cut the line, saying nothing."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)

    # --- what is sent
    def send(self, kind: str, content: dict[str, Any]) -> None:
        header = {"msg_id": uuid4().hex, "msg_type": kind, "session": self.page, "username": "", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content,
                   "channel": "shell", "buffers": []}  # fmt: skip
        self.socket.send(json.dumps(message))

    def click(self, label: str) -> None:
        widget = self.find("BtnModel", lambda state: label in state.get("children", ()))
        self.send("comm_msg", {"comm_id": widget, "data": {"method": "custom", "content": {"event": "click"}}})

    def write(self, label: str, value: Any) -> None:
        """Type into a field and leave it."""
        widget = self.labelled("TextFieldModel", label)
        self.set(widget, value)
        self.send("comm_msg", {"comm_id": widget, "data": {"method": "custom", "content": {"event": "focusout"}}})

    def set(self, widget: str, value: Any) -> None:
        """Claim that a widget holds this value, whatever it offers."""
        self.widgets[widget]["v_model"] = value
        self.send("comm_msg", {"comm_id": widget, "data": {
            "method": "update", "state": {"v_model": value}, "buffer_paths": [],
        }})  # fmt: skip

    # --- what is shown
    def find(self, model: str, fits: Callable[[dict[str, Any]], bool]) -> str:
        return next(key for key, state in self.widgets.items() if state.get("_model_name") == model and fits(state))

    def labelled(self, model: str, label: str) -> str:
        return self.find(model, lambda state: str(state.get("label")).startswith(label))

    def month(self) -> str | None:
        shown = [state.get("unsafe_innerHTML") for state in self.widgets.values() if state.get("tag") == "h1"]
        return shown[-1] if shown else None

    def shows(self, words: str) -> bool:
        return any(words in text for state in self.widgets.values() for text in _texts(state))

    def wait_for(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Hear the server until the page is as expected."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain at {self.month()}"
            self.hear(1.0)

    def hear(self, seconds: float) -> None:
        """Take in one message, if one comes."""
        try:
            message = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return
        heard = json.loads(message) if isinstance(message, str) else deserialize_binary_message(message)
        content = heard["content"]
        kind, widget, data = heard["header"]["msg_type"], content.get("comm_id"), content.get("data", {})
        if kind == "comm_open":
            self.widgets[widget] = data.get("state", {})
        elif kind == "comm_close":
            self.widgets.pop(widget, None)
        elif kind == "comm_msg" and data.get("method") == "update":
            self.widgets.setdefault(widget, {}).update(data["state"])
        elif kind == "comm_msg" and widget == self._control and data.get("method") == "finished":
            self._ready = True


def _texts(state: dict[str, Any]) -> Iterator[str]:
    """Every text that a widget holds."""
    for value in state.values():
        for entry in value if isinstance(value, list | tuple) else (value,):
            if isinstance(entry, str):
                yield entry
