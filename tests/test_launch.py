"""The front door: ports, passwords, and a real start of the real page."""

import ast
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

import launch
from components.theme import launch_options

ROOT = Path(launch.__file__).parent
ROUTES = (
    ("GET", "/config"), ("GET", "/gradio_api/info"), ("GET", "/gradio_api/queue/status"), ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/upload"), ("POST", "/gradio_api/cancel"), ("POST", "/gradio_api/reset"),
)  # fmt: skip
CLOSED = (
    ("GET", "/gradio_api/heartbeat/a"), ("POST", "/gradio_api/stream/a"), ("POST", "/gradio_api/stream/a/close"),
    ("GET", "/gradio_api/queue/data?session_hash=a"), ("GET", "/gradio_api/file=/etc/passwd"),
)  # fmt: skip


def start(*options: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "launch.py", "--no-browser", *options]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


def refused(*options: str, environment: dict[str, str] | None = None) -> str:
    process = start(*options, environment=environment)
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    return text


def wait_for(address: str) -> int:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            assert time.monotonic() < deadline, f"{address} did not answer"
            time.sleep(0.3)


def end(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def test_a_busy_port_gives_the_next_one() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert launch.free_port("127.0.0.1", port) > port


def test_nobody_gets_in_who_should_not() -> None:
    assert "without a password" in refused("--host", "0.0.0.0")
    assert "rating room is not there yet" in refused("--share")
    options = launch.parse(["--share", "studio"])
    user, password = launch.access(options) or ("", "")
    assert user == "studio" and len(password) >= 16
    assert launch.access(launch.parse(["--host", "0.0.0.0", "--password", "secret"])) == ("studio", "secret")
    assert launch.access(launch.parse([])) is None


def test_gradios_own_variables_do_not_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SHARE", "True")
    launch.settle_environment()
    assert "GRADIO_SERVER_NAME" not in os.environ and "GRADIO_SHARE" not in os.environ


def test_gradio_sums_up_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would after each, of all so far, for a page that is off."""
    monkeypatch.setenv("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    launch.settle_environment()
    import gradio as gr

    events = gr.Blocks(analytics_enabled=False)._queue
    events.events_recorded = 9999
    one = {"time": 1.0, "status": "success", "process_time": 0.1, "function": "press", "session_hash": "a"}
    assert events.compute_analytics_summary([one] * 9999) == {"functions": {}}
    assert launch_options(shared=False)["enable_monitoring"] is False


def test_the_second_start_skips_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "pip", lambda *_: pytest.fail("it installed something"))
    launch.set_up(launch.NEEDED, "-r", "requirements.txt")


def test_the_page_opens_on_loopback_and_behind_a_password(tmp_path: Path) -> None:
    port = launch.free_port("127.0.0.1", 7900)
    process = start(
        "--port",
        str(port),
        "--home",
        str(tmp_path),
        "--password",
        "open-sesame",
        environment={"GRADIO_SERVER_NAME": "0.0.0.0"},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        assert wait_for(address) == 200
        with (
            httpx.Client(base_url=address, trust_env=False) as stranger,
            httpx.Client(base_url=address, trust_env=False) as owner,
        ):
            wrong = {"username": "studio", "password": "open"}
            assert stranger.post("/login", data=wrong).status_code == 400
            assert owner.post("/login", data={**wrong, "password": "open-sesame"}).status_code == 200
            for method, route in ROUTES:
                assert stranger.request(method, route, json={"data": []}).status_code == 401, route
                # a route that is not there would be refused too: this one answers who has the password
                assert owner.request(method, route, json={"data": []}).status_code not in (401, 404, 405), route
            for method, route in CLOSED:
                assert stranger.request(method, route, json={}).status_code == 401, route
                forged = {"access-token-a": "a", "access-token-unsecure-a": "a"}
                assert httpx.request(method, address + route, json={}, cookies=forged).status_code == 401, route
            left = owner.get("/gradio_api/queue/data?session_hash=left")  # a page that was closed while it asked
            assert left.status_code == 200 and '"session_not_found":true' in left.text
    finally:
        text = end(process)
    assert "response already started" not in text
    assert "GRADIO_SERVER_NAME is ignored" in text
    assert f"http://127.0.0.1:{port}" in text


def test_pins_and_ranges_agree() -> None:
    import tomllib

    from packaging.requirements import Requirement

    ranges = {
        Requirement(line).name: Requirement(line)
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    pins = [
        Requirement(line)
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert {pin.name for pin in pins} == set(ranges)
    for pin in pins:
        version = re.sub("==", "", str(pin.specifier))
        assert ranges[pin.name].specifier.contains(version), pin


def test_every_package_that_is_imported_is_looked_for_before_the_start() -> None:
    found = set()
    for path in [*(launch.ROOT / "studio").rglob("*.py"), *(launch.ROOT / "components").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    optional = {"presidio_analyzer"}
    assert found - set(sys.stdlib_module_names) - {"studio", "components"} - optional <= set(launch.NEEDED)
