"""Whatever is brought to the page: one clear word, or each row kept or listed with its reason, in bounded time and
memory. One test for each line of the list of bad input."""

import gzip
import io
import json
import os
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard

from studio import ForbiddenError, InputError, NotFoundError, Project

GOOD = {"prompt": "Say hello.", "completion": "Hello."}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("bad", home=tmp_path / "home")


def written(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def reasons(project: Project, path: Path, kept: int) -> dict[int, str]:
    """Line to reason of the rows set aside; fails unless `kept` rows are kept and each of the others is listed."""
    made = project.load(path)
    assert len(made) == kept
    found = dict(zip(made.problems["line"].tolist(), made.problems["reason"].tolist(), strict=True))
    assert len(found) == len(made.problems) and all(found.values())
    return found


def test_mixed_shapes_in_one_file(project: Project, tmp_path: Path) -> None:
    rows = [
        GOOD, {"instruction": "Add.", "input": "1 and 2", "output": "3"}, {"question": "Who?", "answer": "Ada."},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        {"prompt": "Pick.", "chosen": "This.", "rejected": "That."}, {"text": "A passage."}, {"colour": "red"}, 3, [GOOD], "{broken",
    ]  # fmt: skip
    found = reasons(project, written(tmp_path, *rows), kept=7)
    assert set(found) == {8, 9, 10, 11} and "no known shape" in found[8] and "not JSON" in found[11]
    kinds = project.dataset("rows").examples["kind"].tolist()
    assert kinds == ["conversation"] * 5 + ["preference", "passage"]


def test_nested_nulls(project: Project, tmp_path: Path) -> None:
    rows = [
        GOOD, {"messages": None}, {"messages": [None]}, {"messages": [{"role": None, "content": None}]}, {"prompt": None, "completion": "x"},
        {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "x"}]}, {"prompt": "x", "completion": [None]}, None,
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [None]}]},
        {"prompt": "x", "chosen": [None], "rejected": None}, {"conversations": [{"from": "human", "value": None}]},
    ]  # fmt: skip
    assert set(reasons(project, written(tmp_path, *rows), kept=1)) == set(range(2, 12))


def test_roles_in_the_wrong_order_and_an_answer_missing(project: Project, tmp_path: Path) -> None:
    user, assistant = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
    rows = [
        GOOD, {"messages": [assistant, user, assistant]}, {"messages": [user, assistant, user]}, {"messages": [assistant]},
        {"messages": [user, {"role": "system", "content": "Be kind."}, assistant]}, {"messages": [user, {"role": "king", "content": "x"}]},
        {"messages": [user, {**assistant, "content": " "}]}, {"prompt": "x"}, {"prompt": "x", "completion": ""}, {"instruction": "x", "output": "  "},
    ]  # fmt: skip
    found = reasons(project, written(tmp_path, *rows), kept=1)
    assert set(found) == set(range(2, 11))
    assert (
        "not of the user" in found[2]
        and "not of the assistant" in found[3]
        and "system" in found[5]
        and "'king'" in found[6]
    )
    assert "empty" in found[7] and "missing" in found[8] + found[9] and "empty" in found[10]


def test_ten_megabytes_in_one_cell(project: Project, tmp_path: Path) -> None:
    long = "word " * (2 * 1024**2)
    assert not reasons(project, written(tmp_path, GOOD, {"prompt": "Say more.", "completion": long}), kept=2)
    made = project.dataset("rows")
    assert made.examples["messages"].iloc[1][-1]["content"] == long
    kept = project.filter(made, min_quality=0, near_duplicates=0.8)
    assert kept.dropped["reason"].tolist()[-1].endswith("over 4,096") and len(kept) == 1


def test_duplicate_ids(project: Project, tmp_path: Path) -> None:
    rows = [{"id": given, **GOOD} for given in ("a", "a", "a-2", "a", "", None, 7, 7, "7", True, {"x": 1})]
    assert not reasons(project, written(tmp_path, *rows), kept=len(rows))
    ids = project.dataset("rows").examples["id"].tolist()
    assert len(set(ids)) == len(rows) and ids[0] == "a" and all(ids)


def bomb(pack: Any) -> bytes:
    """1.1 GB of lines in under 2 MB: the same packed part again and again, as both kinds allow."""
    return pack((json.dumps(GOOD) + " " * 10_000 + "\n").encode() * 1000) * 110


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)])
def test_a_zip_bomb_is_refused(project: Project, tmp_path: Path, name: str, pack: Any) -> None:
    path = tmp_path / name
    path.write_bytes(bomb(pack))
    assert path.stat().st_size < 4_000_000
    began = time.monotonic()
    with pytest.raises(InputError, match="unpacks to more than"):
        project.load(path)
    assert time.monotonic() - began < 60
    assert not project.datasets() and not any((project.folder / "sources").rglob("*.*"))  # nothing is left of it


def word_file(document: bytes) -> bytes:
    """A .docx with this XML as its text."""
    from docx import Document

    whole, made = io.BytesIO(), io.BytesIO()
    Document().save(whole)
    with zipfile.ZipFile(whole) as parts, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for part in parts.namelist():
            target.writestr(part, document if part == "word/document.xml" else parts.read(part))
    return made.getvalue()


LAUGHS = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def laughs() -> bytes:
    """A text of ten entities, each ten times the one before."""
    start = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a0 "ha">{LAUGHS}]><w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>'
    return word_file(f"{start}&a9;</w:t></w:r></w:p></w:body></w:document>".encode())


def flood() -> bytes:
    """A PDF whose one page unpacks to 400 MB."""
    content = zlib.compress(b"(a) Tj " * 60_000_000, 1)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Page/Parent 2 0 R/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length " + str(len(content)).encode() + b">>stream\n" + content + b"\nendstream",
    ]  # fmt: skip
    body = b"".join(f"{number} 0 obj".encode() + one + b" endobj\n" for number, one in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + body + b"trailer<</Size 5/Root 1 0 R>>"


HARMFUL = {
    "laughs.docx": laughs,
    "full.docx": lambda: word_file(b" " * 600_000_000),
    "deep.html": lambda: b"<div>" * 100_000 + b"end" + b"</div>" * 100_000,
    "open.html": lambda: b"<" * 200_000 + b"<!--" * 50_000,
    "flood.pdf": flood,
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_a_document_that_unfolds_without_end(project: Project, tmp_path: Path, name: str) -> None:
    import resource

    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "good.txt").write_text("A good text.")
    (folder / name).write_bytes(HARMFUL[name]())
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = project.load(folder)
    assert time.monotonic() - began < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000  # kB
    assert len(made) + len(made.problems) == 2 and "good.txt" in set(made.examples["source"])
    assert all(len(messages[0]["content"]) < 1_000_000 for messages in made.examples["messages"])


def test_links_and_devices(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    secret = written(tmp_path, GOOD, name="secret.jsonl")
    (uploads / "link.jsonl").symlink_to(secret)
    visitor = Project.open("visitor", home=tmp_path / "home", demo=True)
    with pytest.raises(ForbiddenError, match="cannot be read here"):  # a visitor's link leads out of the uploads
        visitor.load(uploads / "link.jsonl")
    assert len(project.load(uploads / "link.jsonl")) == 1  # the owner's own link is the owner's to follow
    assert not (project.folder / "sources").is_symlink() and not any(
        path.is_symlink() for path in (project.folder / "sources").rglob("*")
    )
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "loop.jsonl", tmp_path / "pipe.jsonl", Path("/dev/zero")):
        with pytest.raises(InputError, match="no such file"):
            project.load(path)
    assert not visitor.datasets()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Hub on this machine that has nothing; yields the paths it was asked for."""
    asked: list[str] = []

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, format: str, *words: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Nothing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_hub_id_that_does_not_exist(project: Project, hub: list[str]) -> None:
    with pytest.raises(NotFoundError, match="There is no such dataset on the Hub.*owner/no-such-thing.*HF_TOKEN"):
        project.load("hub:owner/no-such-thing")
    asked = [path for path in hub if "no-such-thing" in path]
    assert asked == ["/api/datasets/owner/no-such-thing"]  # once, not again and again
    for wrong in ("hub:", "hub:a/b/c", "hub:../../etc/passwd", "hub:owner/.."):
        with pytest.raises(InputError, match="no dataset of the Hub"):
            project.load(wrong)
    assert not project.datasets() and not [path for path in hub if "passwd" in path]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){25}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_regular_expression_that_never_ends(project: Project, tmp_path: Path, pattern: str) -> None:
    answer = "a" * 50_000 + "!"
    raw = project.load(written(tmp_path, GOOD, {"prompt": "x", "completion": answer}))
    rules = [
        {"kind": "regex", "pattern": pattern, "forbidden": True},
        {"kind": "json_schema", "schema": {"type": "string", "pattern": pattern}},
    ]
    began = time.monotonic()
    for rule in rules:
        found = project.preview_filter(raw, min_quality=0, drop_flags=(), max_tokens=10**6, rules=[rule])
        assert found["total"] == 2
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("pattern", ["(", "a{99999}", r"(a)\1", "(?=a)", "[z-a]"])
def test_a_regular_expression_that_is_none(project: Project, tmp_path: Path, pattern: str) -> None:
    raw = project.load(written(tmp_path, GOOD))
    with pytest.raises(InputError, match="The filter cannot be applied"):
        project.filter(raw, rules=[{"kind": "regex", "pattern": pattern}])
