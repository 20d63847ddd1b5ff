"""The service that the README shows, in a process of its own: many callers, one that is killed, and its end."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the service needs fastapi and uvicorn: pip install edgekit-onnx[dev]")
pytest.importorskip("uvicorn")

README = Path(__file__).parents[2] / "README.md"
# The answer is the softmax; the product beside it makes a run of any batch last some hundredths of a second.
SLOW = """(float[N,2] x) => (float[N,2] probabilities) <int64[2] form = {900, 900}, float zero = {0.0}> {
    some = ReduceMax<keepdims = 0>(x) large = Expand(some, form) product = MatMul(large, large)
    most = ReduceMax<keepdims = 0>(product) nothing = Mul(most, zero) same = Add(x, nothing)
    probabilities = Softmax<axis = 1>(same) }"""


class Service:
    """The running service."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (block,) = re.findall(r"^```python\n([^`]*FastAPI\([^`]*)^```", README.read_text("utf-8"), re.M)
        text, paths = re.subn(r'edgekit\.load\(".+?"\)', f"edgekit.load({str(bundle)!r}, threads=1)", block)
        text, ports = re.subn("port=8000", f"port={self.port}", text)
        assert (paths, ports) == (1, 1)
        (folder / "serve.py").write_text(text, "utf-8")
        self.log = folder / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, folder / "serve.py"], stdout=log, stderr=log)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def line(self) -> http.client.HTTPConnection:
        """Return a connection that stays open for more than one request."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, x: Any) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer of a request on a line of its own."""
        with contextlib.closing(self.line()) as line:
            send(line, x)
            return receive(line)

    def ask_and_die(self, share: float) -> None:
        """Send a share of a request and break the line, as the system does for a client that was killed."""
        body = b'{"x": [[1, 2]]}'
        head = f"POST /run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.sendall(request[: int(share * len(request))])
            time.sleep(0.02)


def send(line: http.client.HTTPConnection, x: Any) -> None:
    line.request("POST", "/run", json.dumps({"x": x}), {"Content-Type": "application/json"})


def receive(line: http.client.HTTPConnection) -> tuple[int, dict[str, Any]]:
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture
def service(bundle: Callable[..., Path], tmp_path: Path) -> Iterator[Service]:
    made = bundle(SLOW, "classification", ["x: float32[N,2]"], ["probabilities: float32[N,2]"])
    service = Service(tmp_path, made)
    yield service
    service.process.kill()
    service.process.wait()


def expected(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


def test_the_readmes_service_answers_many_and_survives_a_killed_client(service: Service) -> None:
    questions = np.random.default_rng(0).normal(size=(48, 1, 2))
    with ThreadPoolExecutor(24) as pool:
        good = [pool.submit(service.ask, question.tolist()) for question in questions]
        bad = pool.submit(service.ask, [1, 2])
        for share in (0.5, 0.95, 1.0, 1.0):
            service.ask_and_die(share)
        for question, future in zip(questions, good, strict=True):
            status, answer = future.result()
            assert status == 200
            np.testing.assert_allclose(answer["probabilities"], expected(question), rtol=1e-5)
        status, answer = bad.result()
        assert status == 422 and "expected float32[N,2]" in answer["detail"]
    assert "Traceback" not in service.log.read_text()


def test_the_readmes_service_answers_what_it_took_before_it_ends(service: Service) -> None:
    lines = [service.line() for _ in range(16)]
    for line in lines:  # a line that is not yet open when the service ends would not be answered
        line.connect()
    send(lines[0], [[1, 2]])
    receive(lines[0])
    for line in lines:
        send(line, [[1, 2]])
    assert receive(lines[0])[0] == 200
    service.process.send_signal(signal.SIGTERM)
    assert [receive(line)[0] for line in lines[1:]] == [200] * 15
    for line in lines:
        line.close()
    assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text()
    with pytest.raises(ConnectionRefusedError):
        service.ask([[1, 2]])
