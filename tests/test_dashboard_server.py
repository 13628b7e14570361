"""The dashboard's server under hostile input: it serves on, sessions stay apart, nothing leaks out or in.

``make trust`` opens 50 sessions at once.
"""

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from live_server import ROOT, Client, served
from random_cases import FULL, tried

SESSIONS = 50 if FULL else 8
MAX_SHOWN = 700  # characters beside a field
PINGED = 20.0 + 20.0  # seconds after which uvicorn, left to itself, hangs up on who does not answer
pytestmark = [pytest.mark.slow, pytest.mark.trust]


class Outgoing(threading.Thread):
    """A proxy that lets nothing through and notes where the server wanted to go."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.wanted: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            line, _ = self._listener.accept()
            with line, contextlib.suppress(OSError):
                self.wanted.append(line.recv(1_000).split(b"\r\n")[0].decode())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The page's address and the server's process, which can reach nobody else."""
    outgoing = Outgoing()
    outgoing.start()
    proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), outgoing.address)
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    with served(tmp_path_factory.mktemp("server") / "log", proxies | direct) as (address, process):
        yield address, process
    # Solara's own command asks for a newer version as it starts, and for paths below /_solara/cdn that no asset has
    # (two of ``PATHS``); the page itself wants nothing
    assert {wanted.split()[1] for wanted in outgoing.wanted} <= {"pypi.org:443", "cdn.jsdelivr.net:443"}


@pytest.fixture(scope="module")
def address(server):
    return server[0]


@pytest.fixture(scope="module")
def bystander(address):
    """A session that does nothing unusual, and must be served whatever others do."""
    return Client(address).open()


@pytest.fixture(scope="module")
def silent(address):
    """A session that reads nothing, and when it began to."""
    session = Client(address, queue=1)
    session.start()
    return session, time.monotonic()


@pytest.fixture
def client(address, bystander, silent):
    """A session to do one's worst with."""
    yield Client(address).open()
    goes_on(bystander)


def goes_on(session):
    before = int(session.month().split()[1])
    session.click("Step")
    session.wait_for(lambda: session.month() == f"Month {before + 1}")


def megabytes(process):
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@tried(SESSIONS)
def test_many_sessions_at_once_each_have_their_own_economy(server):
    address, process = server
    before = megabytes(process)
    sessions = [Client(address) for _ in range(SESSIONS)]
    for session in sessions:
        session.start()
    for number, session in enumerate(sessions):
        session.opened()
        session.write("Seed", str(100 + number))
        session.click("Reset")
    for number, session in enumerate(sessions):
        for _ in range(1 + number % 3):
            session.click("Step")
    print(f"{SESSIONS} sessions at once: {(megabytes(process) - before) / SESSIONS:.1f} MB each")
    for number, session in enumerate(sessions):
        months = 1 + number % 3
        session.wait_for(lambda session=session, months=months: session.month() == f"Month {months}")
        assert session.shows(f"5 banks, seed {100 + number}")
        session.socket.close()


def test_a_session_cut_off_in_mid_play_harms_nobody(client):
    client.click("Play")
    client.wait_for(lambda: client.month() != "Month 0")
    client.leave()


NONSENSE = {
    "over-long": "x" * 100_000, "a number without end": "9" * 100_000, "many digits": "9" * 400, "a list": "[" * 400,
    "NaN": "NaN", "infinite": "1e999", "below zero": "-1", "no character": "\0", "an animal": "\N{DUCK}",
    "markup": "<img src=x onerror=alert(1)>", "a path": "../../../etc/passwd", "nothing": "",
    "no text": None, "a mapping": {"a": 1}, "a truth": True, "a number": 1e308,
}  # fmt: skip
FIELDS = ("Seed", "Number of households", "Size of shock 1", "From month of shock 1", "Months of shock 1")


def test_nonsense_in_every_field_is_refused_beside_it(client):
    client.click("Add a shock")
    client.wait_for(lambda: client.shows("Remove shock 1"))
    for label in FIELDS:
        for text in NONSENSE.values():
            client.write(label, text)
    client.write("Size of shock 1", "0.01")  # one of the sizes above was a size, and wrecks an economy
    goes_on(client)
    for state in client.widgets.values():
        if state.get("_model_name") == "TextFieldModel":
            shown = json.dumps([state.get("v_model"), state.get("messages"), state.get("error_messages")])
            assert len(shown) < MAX_SHOWN
    assert not client.shows("Traceback")
    for label, text in zip(FIELDS, ("7", "100", "0.01", "3", "2"), strict=True):
        client.write(label, text)
        goes_on(client)
        assert not client.widgets[client.labelled("TextFieldModel", label)].get("error"), label


def test_what_a_list_does_not_offer_is_refused(client):
    """The page's own lists can be made to send anything; a path would be a way out of the roots."""
    for label in ("Households", "All agents"):
        for choice in (str(ROOT / "policies" / "pretrained" / "1"), "/etc", "checkpoint:/etc", "pretrained:99", 7):
            client.set(client.labelled("SelectModel", label), choice)
    client.wait_for(lambda: client.shows("the policy must be one of"))
    goes_on(client)
    assert not client.shows("pretrained/1")


def test_a_list_s_nonsense_ends_no_session_but_its_own(client):
    for label in ("Compare with", "Scenario", "Group of parameters"):
        for choice in ("nonsense", None, 7):
            client.set(client.labelled("SelectModel", label), choice)
    client.set(client.find("SliderModel", lambda state: True), 10**9)
    client.set(client.find("TabsModel", lambda state: True), 99)


GARBAGE = ["no JSON", "{}", "[]", b"\0" * 100, json.dumps({"header": {"msg_type": 7}})]


@pytest.mark.parametrize("message", GARBAGE, ids=["text", "empty", "a list", "bytes", "no type"])
def test_garbage_on_the_line_ends_no_session_but_its_own(message, address, bystander):
    other = Client(address)
    other.socket.send(message)
    goes_on(bystander)


PATHS = [
    "/SECURITY.md", "/app.py", "/../SECURITY.md", "/static/../SECURITY.md", "/static/public/../SECURITY.md",
    "/static/public/../../../../../../../../etc/passwd", "/static/assets/..%2f..%2f..%2f..%2fetc/passwd",
    "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd", "/_solara/cdn/../../../../../../../../etc/passwd",
    "/_solara/cdn/%2fetc/passwd", "/jupyter/nbextensions/../../../../../../etc/passwd",
]  # fmt: skip


def asked(address, method, path, body=None):
    host = address.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=120)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("path", PATHS)
def test_no_file_is_readable_by_its_path(path, address):
    _, content = asked(address, "GET", path)
    assert b"root:" not in content
    for name in ("SECURITY.md", "app.py"):
        assert (ROOT / name).read_bytes()[:40] not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_uploaded(method, address, bystander):
    for path in ("/", "/static/public/planted", "/static/planted", "/_solara/api/upload/1", "/policies/planted"):
        status, _ = asked(address, method, path, b"x" * 2**20)
        assert status in (404, 405), path
    assert not any("File" in str(state.get("_model_name")) for state in bystander.widgets.values())
    goes_on(bystander)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_only_this_machine_is_served_unless_told_otherwise(address):
    port = f"{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {local.rpartition(":")[0] for _, local, _, state, *_ in rows if state == "0A" and local.endswith(port)}
    assert listening <= {"0100007F", "00000000000000000000000001000000"}
    assert listening


def test_a_session_that_does_not_answer_for_a_while_is_not_hung_up_on(silent):
    session, since = silent
    time.sleep(max(0.0, since + PINGED + 5.0 - time.monotonic()))
    goes_on(session.opened())
