"""From process start to the first page served, over the same for a bare Gradio page with one button."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import launch

ROUNDS = 5
BARE = """
import sys, gradio as gr
with gr.Blocks() as page:
    gr.Button("one")
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, inbrowser=False)
"""


def seconds_to_page(command: list[str], port: int) -> float:
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=launch.ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while time.monotonic() - begun < 120:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                    page.read()
                return time.monotonic() - begun
            except OSError:
                time.sleep(0.05)
        raise TimeoutError(f"no page after 120 s: {command}")
    finally:
        process.kill()
        process.wait()


def main() -> None:
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(ROUNDS):
            port = launch.free_port("127.0.0.1", 7950)
            bare.append(seconds_to_page([sys.executable, "-c", BARE, str(port)], port))
            port = launch.free_port("127.0.0.1", port + 1)
            command = [sys.executable, str(Path(launch.__file__)), "--no-browser", "--home", home, "--port", str(port)]
            ours.append(seconds_to_page(command, port))
    ratio = statistics.median(ours) / statistics.median(bare)
    print(json.dumps({"name": "startup", "ratio": ratio, "ours_seconds": ours, "bare_seconds": bare}))


if __name__ == "__main__":
    main()
