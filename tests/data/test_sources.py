"""Whatever a user brings: packed, several, a folder, documents, tables, pasted, from the Hub; and what would do harm."""

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
import zstandard

from studio import ForbiddenError, InputError, NotFoundError, Project
from studio.data import compressed, documents, hub, readers, tables

ROWS = [{"id": f"t{number}", "prompt": f"Question {number}?", "completion": f"Answer {number}."} for number in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("sources", home=tmp_path / "home")


def answers(dataset: Any) -> list[str]:
    return [messages[-1]["content"] for messages in dataset.examples["messages"]]


def write(folder: Path, name: str) -> Path:
    path = folder / name
    table = pyarrow.Table.from_pylist(ROWS)
    cells = "\n".join("\t".join(row.values()) for row in ROWS)
    if ".parquet" in name:
        pyarrow.parquet.write_table(table, path)
    elif ".feather" in name:
        pyarrow.feather.write_feather(table, path)
    elif ".arrow" in name:
        with pyarrow.ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table)
    elif ".tsv" in name:
        path.write_text("id\tprompt\tcompletion\n" + cells + "\n")
    elif ".csv" in name:
        path.write_text("id;prompt;completion\n" + cells.replace("\t", ";") + "\n")
    elif ".jsonl" in name:
        path.write_bytes(LINES)
    else:
        path.write_text(json.dumps({"version": 1, "rows": ROWS}))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    elif path.suffix == ".zst":
        path.write_bytes(zstandard.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "feather", "arrow"])
def test_every_kind_packed_or_not(tmp_path: Path, kind: str, pack: str) -> None:
    rows, problems = readers.read(write(tmp_path, f"rows.{kind}{pack}"))
    assert [row for _, row in rows] == ROWS and not problems
    assert [number for number, _ in rows] == [number + (2 if kind in ("csv", "tsv") else 1) for number in range(5)]


HELD = [{"prompt": "Hi", "completion": "Hello"}]


@pytest.mark.parametrize(
    "value",
    [
        {"version": "1", "tags": ["a", "b"], "data": HELD}, {"data": {"examples": HELD}, "info": {"by": "me"}},
        {"columns": [{"name": "prompt"}], "rows": HELD}, HELD[0], HELD[0] | {"tags": ["a"], "spans": [{"from": 0}]},
    ],
)  # fmt: skip
def test_the_one_array_of_objects_is_found(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert [row["completion"] for _, row in readers.read(tmp_path / "a.json")[0]] == ["Hello"]


def test_several_arrays_are_named(tmp_path: Path) -> None:
    for value, named in (
        ({"train": HELD * 3, "validation": HELD}, "train \\(3\\), validation \\(1\\)"),
        ({"a": {"x": HELD, "y": HELD}}, "a.x \\(1\\), a.y"),
    ):
        (tmp_path / "a.json").write_text(json.dumps(value))
        with pytest.raises(InputError, match=f"several lists of objects.*{named}"):
            readers.read(tmp_path / "a.json")


def test_the_questions_of_squad_are_rows(project: Project, tmp_path: Path) -> None:
    asked = [
        {"id": "q1", "question": "Where?", "answers": [{"text": "Rome", "answer_start": 3}]},
        {"id": "q2", "question": "When?", "answers": [], "is_impossible": True},
    ]
    articles = [{"title": "Rome", "paragraphs": [{"context": "In Rome.", "qas": asked}]}]
    (tmp_path / "squad.json").write_text(json.dumps({"version": "v2.0", "data": articles}))
    made = project.load(tmp_path / "squad.json", system="")
    assert made.examples["messages"][0][0]["content"] == "Where?\n\nInput: In Rome." and answers(made) == ["Rome"]
    assert list(made.problems["reason"]) == ["answer is missing"]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "hub"])
def test_the_nulls_that_a_table_fills_in_are_not_learned(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def tool(name: str, field: str) -> dict[str, Any]:
        return {
            "type": "function",
            "function": {"name": name, "parameters": {"properties": {field: {"type": "string"}}}},
        }

    def row(name: str, field: str) -> dict[str, Any]:
        call = {"type": "function", "function": {"name": name, "arguments": {field: "x"}}}
        said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}]
        return {"messages": said, "tools": [tool(name, field)], "other": {field: 1}}

    table = pyarrow.Table.from_pylist([row("find", "city"), row("pay", "amount")])
    assert table["tools"][0].as_py()[0]["function"]["parameters"]["properties"]["amount"] is None
    path = tmp_path / f"calls.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    elif kind == "arrow":
        pyarrow.feather.write_feather(table, path)
    else:
        monkeypatch.setattr(hub, "_check_there", lambda wanted: None)
        monkeypatch.setattr(hub, "_stream", lambda *named: iter(table.to_pylist()))
    made = project.load("hub:owner/name" if kind == "hub" else path, system="").examples
    for place, (name, field) in enumerate((("find", "city"), ("pay", "amount"))):
        assert json.loads(made["tools"][place]) == [tool(name, field)]
        (call,) = json.loads(made["messages"][place][1]["tool_calls"])
        assert call["function"]["arguments"] == {field: "x"}
    (tmp_path / "own.jsonl").write_text(json.dumps(row("find", "city") | {"tools": [{"name": "find", "strict": None}]}))
    assert json.loads(project.load(tmp_path / "own.jsonl").examples["tools"][0]) == [{"name": "find", "strict": None}]


def test_a_null_in_an_answer_of_a_table_stays(tmp_path: Path) -> None:
    rows = [{"prompt": "Hi", "completion": {"team": "a", "reason": None}, "tools": [{"name": "x"}]}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert readers.read(tmp_path / "a.parquet")[0][0][1]["completion"] == {"team": "a", "reason": None}


@pytest.mark.parametrize(
    "text",
    [
        '"the prompt, long";completion\nHi, you;Hello\n', "sep=;\nprompt;completion\nHi, you;Hello\n",
        ",prompt,completion,\n0,\"Hi, you\",Hello,\n", '"a, b, c"\t"completion"\n"Hi, you"\tHello\n',
    ],
)  # fmt: skip
def test_tables_as_programs_write_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    rows, problems = readers.read(tmp_path / "a.csv")
    assert not problems and {"Hi, you", "Hello"} <= set(rows[0][1].values()) and rows[0][1]["completion"] == "Hello"
    assert rows[0][0] == text.count("\n")


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "txt"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_two_and_four_bytes_a_letter_with_a_mark_or_without(tmp_path: Path, encoding: str, suffix: str) -> None:
    table, row = (
        "prompt,completion\nHi,Grüße aus Köln 東京 🙂\n",
        {"prompt": "Hi", "completion": "Grüße aus Köln 東京 🙂"},
    )
    text = table if suffix in ("csv", "txt") else json.dumps(row, ensure_ascii=False)
    (tmp_path / f"a.{suffix}").write_bytes(text.encode(encoding))
    rows, problems = readers.read(tmp_path / f"a.{suffix}")
    assert not problems and rows[0][1] == ({"text": table.strip()} if suffix == "txt" else row)


def test_a_line_of_plain_letters_is_not_of_two_bytes_a_letter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"prompt,completion\r\n,,\x00,\x00\r\n")
    with pytest.raises(InputError, match="holds zero bytes"):
        readers.read(tmp_path / "a.csv")


def test_a_number_that_is_too_large_is_no_answer(tmp_path: Path, project: Project) -> None:
    lines = [
        '{"prompt": "Hi", "completion": 1e400}',
        '{"prompt": "Hi", "completion": {"n": [1e400]}}',
        '{"prompt": "Hi", "completion": 1}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    made = project.load(tmp_path / "a.jsonl")
    assert answers(made) == ["1"]
    assert list(made.problems["reason"]) == ["completion holds a number that is not finite or too large"] * 2


def test_several_files_are_one_dataset(project: Project, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(LINES + b"{broken\n")
    (tmp_path / "c.jsonl").write_bytes(b"\x00\x00\x00")
    made = project.load([write(tmp_path, "a.csv"), tmp_path / "b.jsonl", tmp_path / "c.jsonl"])
    assert made.name == "a" and answers(made) == [row["completion"] for row in ROWS] * 2
    assert list(made.examples["id"][4:7]) == ["t4", "t0-2", "t1-2"]  # the second of an id gets a number
    assert list(made.problems["line"]) == [6, 0]
    assert (
        made.problems["reason"][0].startswith("b.jsonl: not JSON")
        and "c.jsonl: This is a binary" in made.problems["reason"][1]
    )
    names: dict[str, Any] = {"project": Project.open("again", home=tmp_path / "home")}
    for path in tmp_path.glob("*.*"):
        path.unlink()
    exec(project.journal.steps()[0].code, names)
    assert names["raw"].examples.equals(made.examples)
    with pytest.raises(InputError, match="(?s)2 files cannot be read.*no.csv.*x.png"):
        project.load([tmp_path / "no.csv", tmp_path / "x.png"])


def pdf(text: str) -> bytes:
    """A PDF of one page, written by hand."""
    stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    content, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(content))
        content += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(content)
    return content + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        start,
    )


def docx(*paragraphs: str) -> bytes:
    from docx import Document

    document, content = Document(), io.BytesIO()
    for text in paragraphs:
        document.add_paragraph(text)
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    document.save(content)
    return content.getvalue()


def test_a_folder_of_documents(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden" / "deeper").mkdir(parents=True)
    (folder / ".hidden" / "x.txt").write_text("hidden")
    (folder / "a.txt").write_bytes("Grüße aus Köln.".encode("cp1252"))
    (folder / "b.md").write_text("# Title\n\nA *line*.\n")
    (folder / "c.html").write_text("<head><title>t</title></head><script>no()</script><h1>Top</h1><p>One<br>two.</p>")
    (folder / "d.pdf").write_bytes(pdf("Written on a page."))
    (folder / "deep" / "e.docx").write_bytes(docx("First.", "Second."))
    (folder / "f.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "g.png").write_bytes(b"picture")
    (folder / "h.txt").write_text("")
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    os.symlink(secret, folder / "link.txt")
    os.symlink(tmp_path, folder / "up", target_is_directory=True)
    os.symlink(folder / "a.txt", folder / "same.txt")
    made = project.load(folder)
    found = dict(zip(made.examples["source"], answers(made), strict=True))
    assert found == {
        "a.txt": "Grüße aus Köln.",
        "b.md": "# Title\n\nA *line*.",
        "c.html": "Top\n\nOne\ntwo.",
        "d.pdf": "Written on a page.",
        "deep/e.docx": "First.\n\nSecond.\n\nleft\tright",
        "same.txt": "Grüße aus Köln.",
    }
    assert set(made.examples["kind"]) == {"passage"} and made.name == "handbook"
    listed = dict(zip(made.problems["raw"], made.problems["reason"], strict=True))
    assert set(listed) == {"link.txt", "up", "g.png", "h.txt", "f.pdf"} and "leads out" in listed["link.txt"]
    assert not any(path.name == "link.txt" for path in (project.folder / "sources").rglob("*"))
    with pytest.raises(InputError, match="no file that can be read"):
        project.load(folder / ".hidden" / "deeper")


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        (LINES.decode(), 5),
        (json.dumps(ROWS), 5),
        (json.dumps(ROWS[0], indent=1), 1),
        ("prompt\tcompletion\nHi\tHello\n", 1),
        ("prompt,completion\nHi,Hello\n", 1),
        ("Just a text, of more than one sentence. It is kept whole.", 1),
    ],
)
def test_pasted_rows(project: Project, pasted: str, expected: int) -> None:
    made = project.load(pasted=pasted)
    assert len(made) == expected and not len(made.problems) and made.name == "pasted"
    again = Project.open("again", home=project.home)
    exec(project.journal.steps()[0].code, {"project": again})
    assert again.datasets()[0].examples.equals(made.examples)


def test_nothing_and_too_much_is_said(project: Project) -> None:
    for arguments, words in (({}, "nothing to load"), ({"pasted": " "}, "nothing was pasted"),
                             ({"source": "a", "pasted": "b"}, "two sources")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            project.load(**arguments)  # type: ignore[arg-type]


def test_the_hub_is_read_up_to_the_bound(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(*named: Any) -> Iterator[dict[str, Any]]:
        asked.append(named)
        for number in range(10**9):
            yield {"prompt": f"Question {number}?", "completion": "Yes."}

    monkeypatch.setattr(hub, "_check_there", lambda wanted: None)
    monkeypatch.setattr(hub, "_stream", rows)
    made = project.load("hub:owner/name", config="main", split="test", rows=7)
    assert len(made) == 7 and asked == [("owner/name", "main", "test")]
    assert made.name == "owner-name-main-test"
    exec(project.journal.steps()[0].code, {"project": Project.open("again", home=project.home)})  # from the copy
    assert len(asked) == 1
    assert project.preview_load("hub:owner/name").shape == "prompt-completion"


def test_without_a_network_there_is_one_clear_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match="The Hub cannot be reached"):
        project.load("hub:owner/name")
    with pytest.raises(InputError, match="no dataset of the Hub"):
        project.load("hub:../../etc")
    with pytest.raises(ForbiddenError):
        Project.open("visitor", home=project.home, demo=True).load("hub:owner/name")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_zip_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any) -> None:
    path = tmp_path / ("bomb.jsonl.gz" if pack is gzip.compress else "bomb.jsonl.zst")
    path.write_bytes(pack(LINES * 100_000))
    monkeypatch.setattr("studio.data.compressed.opened.__wrapped__.__defaults__", (1 << 20,))
    with pytest.raises(InputError, match="unpacks to more than 1 MB"):
        readers.read(path)
    content = gzip.compress(LINES)
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="compressed file is broken"):
        readers.read(broken)


def test_small_files_that_unpack_to_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x" * 1000] * 20_000}), path)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(tables, "LARGEST", 1 << 20)
    with pytest.raises(InputError, match="The table is too large"):
        readers.read(path)
    monkeypatch.setattr(documents, "LARGEST_WHOLE", 1000)
    with pytest.raises(documents._UnreadableError, match="unpacks"):
        documents.docx(docx("x"))


def test_ten_megabytes_in_one_cell(tmp_path: Path) -> None:
    long = "word " * (2 * 1024**2)
    for name, content in (
        ("a.jsonl", json.dumps({"prompt": "Hi", "completion": long})),
        ("a.csv", f"prompt,completion\nHi,{long}\n"),
    ):
        (tmp_path / name).write_text(content)
        assert answers_of(tmp_path / name) == [long]


def answers_of(path: Path) -> list[str]:
    return [row["completion"] for _, row in readers.read(path)[0]]


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b'{"prompt": "' + b"x" * 5000 + b'"}\n' + LINES)
    monkeypatch.setattr(compressed, "LONGEST_LINE", 1000)
    rows, problems = readers.read(path)
    assert len(rows) == 10 and [line for line, _, _ in problems] == [6]


def test_memory_stays_flat(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES * 20_000)
    tracemalloc.start()
    count = sum(len(rows) for rows, _ in readers.batches(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000 and peak < 16 * 1024**2
