"""Examples from documents, with real jobs: stopped, killed and gone on, by the starter model and by a real server."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from studio import ForbiddenError, InputError, JobError, NotFoundError, Project
from studio.data import endpoint, generation_job
from studio.data.generation import Failure
from studio.data.generation_job import Generation
from studio.data.generators import ChatModel, Endpoint
from studio.examples import Dataset
from studio.jobs.job import process_started
from tests.chat_server import Server, good, said
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("one_thread")
CUT = {"tokens": 45, "overlap": 0}
"""One rule of the documents below."""
KEY = "sk-test-0123456789abcdef"
SMALL = {"kind": "model", "prompt": "Read: {passage}", "answer_prompt": "{question}", "max_new_tokens": 8}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().serving() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("books", home=tmp_path / "home")


def documents(project: Project, passages: int = 12) -> Dataset:
    """Two files whose sentences are all different: about so many passages, a rule each."""
    folder = project.home / "books"
    folder.mkdir()
    for name, count in (("one.md", passages - 2), ("two.txt", 2)):
        sentences = (f"Rule {number} of {name}: whoever orders on day {number} pays {number * 3} coins. It is never waived." for number in range(count))  # fmt: skip
        (folder / name).write_text("\n\n".join(sentences))
    return project.load(folder, name="books")


def asking(server: Server, **more: Any) -> dict[str, Any]:
    return {"kind": "endpoint", "base_url": server.url, "model": "any", "timeout": 20.0, **more}


def kill(job: Generation) -> None:
    pid = job.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: process_started(pid) is None)
    assert job.state.status == "interrupted" and job.dataset is None


def kept(job: Generation) -> list[dict[str, Any]]:
    return [json.loads(line) for line in job.generated.read_bytes().splitlines()] if job.generated.exists() else []


def steps(project: Project) -> list[str]:
    return [step.state for step in project.journal.steps() if step.verb == "add_from_documents"]


# ---- what is made


def test_a_template_makes_examples_that_know_their_passage(project: Project) -> None:
    raw = documents(project)
    template = {"kind": "template", "prompt": "What does the rule say? {first}", "completion": "{rest}"}
    made = project.add_from_documents(raw, template, **CUT)
    first = made.examples.iloc[0]
    assert made.reference == "books-examples@v1" and first["source"] == "one.md#1" and first["quality"] > 0
    texts = project.passages_of(made, list(made.examples["source"]))
    for source, messages in zip(made.examples["source"], made.examples["messages"], strict=True):
        asked, answer = messages[-2]["content"], messages[-1]["content"]
        assert texts[source] == f"{asked.removeprefix('What does the rule say? ')} {answer}".strip()
    assert len(made) == 12 and not len(made.problems)
    assert steps(project) == ["done"] and [change.verb for change in project.history(made)] == ["load", "add_from_documents"]  # fmt: skip
    (job,) = project.generations()
    assert job.state.status == "finished" and job.progress.done == job.progress.of == 12
    assert project.documents() == [raw]
    with pytest.raises(JobError, match="has made its dataset"):
        job.resume()
    with pytest.raises(InputError, match="not made of documents"):
        project.passages_of(raw, ["one.md#1"])


def test_what_gave_nothing_is_listed_with_its_reason(project: Project) -> None:
    file = project.home / "short.txt"
    file.write_text("One sentence that stands alone")
    with pytest.raises(InputError, match="(?s)No passage gave an example.*1 passages.*gave nothing"):
        project.add_from_documents(project.load(file), lambda text: iter(()), **CUT)
    with pytest.raises(JobError, match="short.txt#1: it is one sentence"):
        project.add_from_documents(project.dataset("short"), **CUT)
    assert steps(project) == ["failed", "failed"] and "short-examples" not in [one.name for one in project.datasets()]

    def some(text: str) -> list[dict[str, Any]]:
        return [{"prompt": text, "completion": "It is so."}, {"prompt": "without an answer"}] if "day 3" in text else []

    made = project.add_from_documents(documents(project), some, **CUT, name="few", system="Be brief.")
    assert len(made) == 1 and made.examples["messages"][0][0] == {"role": "system", "content": "Be brief."}
    reasons = dict(zip(made.problems["line"], made.problems["reason"], strict=True))
    assert reasons[1] == "one.md#1: the generator gave nothing" and reasons[4] == "one.md#4: completion is missing"
    assert len(reasons) == 12 and made.problems["raw"][0].startswith("Rule 0 of one.md")


def test_a_preview_asks_nobody_and_is_no_step(project: Project, server: Server) -> None:
    raw = documents(project)
    made = project.preview_from_documents(raw, **CUT)
    assert [one["link"] for one in made] == ["one.md#1", "one.md#2", "one.md#3"]
    assert made[0]["messages"][0][-1]["content"] == "It is never waived." and made[0]["text"].startswith("Rule 0")
    asked = project.preview_from_documents(raw, asking(server, prompt="About {passage}"), **CUT, count=1)
    assert asked[0]["prompt"] == f"About {asked[0]['text']}" and not server.asked
    assert steps(project) == [] and project.generations() == []


def test_the_starter_model_answers(project: Project) -> None:
    """It is too small to ask well; what it says is read all the same, and a passage too long for it is set aside."""
    raw = documents(project, passages=4)
    made = project.add_from_documents(raw, SMALL, **CUT)
    assert len(made) + len(made.problems) == 4 and len(made)
    assert all(messages[-1]["content"] for messages in made.examples["messages"])
    long = "{passage} " * 60
    with pytest.raises(JobError, match=r"too long for this model: [\d,]+ tokens of 1,024"):
        project.add_from_documents(raw, {**SMALL, "prompt": long}, **CUT)
    with pytest.raises(JobError, match="no question with its answer in what the model wrote"):
        project.add_from_documents(raw, {"kind": "model", "prompt": "{passage}", "max_new_tokens": 4}, **CUT)


# ---- stopped, killed, gone on


def test_a_killed_and_then_stopped_model_job_goes_on_and_generates_nothing_twice(
    project: Project, tmp_path: Path
) -> None:
    raw = documents(project, passages=40)
    job = project.start_add_from_documents(raw, {**SMALL, "max_new_tokens": 48}, **CUT)
    until(lambda: len(kept(job)) >= 12)
    kill(job)
    before = kept(job)
    assert len(before) < 60
    job.resume()
    until(lambda: len(kept(job)) > len(before))
    job.stop()
    assert job.wait(timeout=60) == "stopped" and job.dataset is None and len(kept(job)) < 80
    assert job.resume().wait(timeout=120) == "finished"
    after = kept(job)
    assert after[: len(before)] == before
    keys = [line["key"] for line in after]
    assert len(keys) == len(set(keys)) and steps(project) == ["done"]
    other = Project.open("whole", home=tmp_path / "other")
    whole = other.add_from_documents(documents(other, 40), {**SMALL, "max_new_tokens": 48}, **CUT)
    assert job.dataset is not None
    assert job.dataset.examples.to_dict("records") == whole.examples.to_dict("records")


def test_no_answer_of_an_endpoint_is_paid_twice(project: Project, server: Server) -> None:
    server.delay = 0.1
    raw = documents(project, passages=30)
    job = project.start_add_from_documents(raw, asking(server, at_once=1), **CUT)
    until(lambda: server.answered >= 6)
    kill(job)
    first = len(kept(job))
    assert 5 <= first < 30
    job.resume()
    until(lambda: server.answered >= 14)
    job.stop()
    assert job.wait(timeout=60) == "stopped" and job.dataset is None and steps(project) == []
    assert first < len(kept(job)) < 30
    known = sum(server.asked.values())
    again = project.start_add_from_documents(raw, asking(server, at_once=1), **CUT)  # not a resume
    assert again.wait(timeout=60) == "finished" and again.dataset is not None
    assert len(again.dataset) == 30 and len(server.asked) == 30
    assert sum(server.asked.values()) <= 31 and sum(server.asked.values()) > known  # the one under way at the kill
    assert max(server.asked.values()) <= 2 and steps(project) == ["done"]
    assert again.dataset.examples["messages"][29][1]["content"].startswith("What is said in Rule 1 of two.txt")


def test_a_kill_after_the_dataset_was_written_makes_no_second_one(project: Project) -> None:
    raw = documents(project)
    made = project.add_from_documents(raw, **CUT)
    (job,) = project.generations()
    (job.folder / generation_job.RESULT).unlink()  # as if it had been killed before its last line ...
    assert job.resume().wait(timeout=60) == "finished"
    assert job.dataset is not None and job.dataset.reference == made.reference and steps(project) == ["done"]
    lines = project.journal.path.read_text().splitlines(keepends=True)
    project.journal.path.write_text("".join(lines[:-1]))  # ... or before its step
    (job.folder / generation_job.RESULT).unlink()
    assert job.resume().wait(timeout=60) == "finished"
    assert steps(project) == ["done"] and [one.reference for one in project.datasets()] == ["books@v1", made.reference]


def test_a_function_goes_on_after_its_process_ended(project: Project) -> None:
    raw = documents(project)
    called: list[str] = []

    def writer(text: str) -> Iterator[dict[str, Any]]:
        if len(called) == 5:
            raise KeyboardInterrupt  # the end of a process
        called.append(text)
        yield {"question": f"What about {text[:12]}?", "answer": text}

    with pytest.raises(KeyboardInterrupt):
        project.add_from_documents(raw, writer, **CUT)
    called[:] = [*called[:5], "a sixth"]
    made = project.add_from_documents(raw, writer, **CUT)
    assert len(made) == 12 and len(called) == 13 and len(set(called)) == 13
    project.add_from_documents(raw, writer, **CUT)  # it may have changed: done work is done anew
    assert len(called) == 25 and steps(project) == ["done", "done"]


# ---- endpoints


def test_a_busy_endpoint_is_asked_again_and_a_bad_answer_set_aside(project: Project, server: Server) -> None:
    def answer(passage: str, attempt: int) -> tuple[int, Any]:
        if "Rule 1 " in passage and attempt < 3:
            return (429 if attempt == 1 else 503), "busy"
        bad = {
            "Rule 2 ": said("no JSON at all"),
            "Rule 3 ": "<html>",
            "Rule 4 ": said(None),
            "Rule 5 ": {"choices": []},
        }
        found = next((given for rule, given in bad.items() if rule in passage and "one.md" in passage), None)
        if "Rule 6 " in passage:
            return 400, {"error": {"message": "content filter"}}
        return (200, found) if found is not None else (200, good(passage))

    server.answer = answer
    made = project.add_from_documents(documents(project), asking(server), **CUT)
    assert len(made) == 7
    reasons = [reason.split(": ", 1) for reason in made.problems["reason"]]
    assert [link for link, _ in reasons] == ["one.md#3", "one.md#4", "one.md#5", "one.md#6", "one.md#7"]
    words = " | ".join(reason for _, reason in reasons)
    for part in ("in what the model wrote: no JSON at all", "no chat completion: <html>", "no text", "refused it (400): content filter"):  # fmt: skip
        assert part in words
    assert max(server.asked.values()) == 3


def test_an_endpoint_that_is_slow_or_gone_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE", 0.01)
    server.delay = 1.0
    slow = endpoint.EndpointAsker(Endpoint(base_url=server.url, timeout=0.2), lambda: False)
    ((_, reply),) = slow(["Text:\nx"])
    assert reply == Failure("the endpoint did not answer in 0.2 s (4 attempts)") and server.asked["x"] == 4
    slow.close()
    gone = endpoint.EndpointAsker(Endpoint(base_url="http://127.0.0.1:9/v1"), lambda: False)
    with pytest.raises(JobError, match="failed 8 times in a row.*cannot be reached.*kept"):
        list(gone([f"Text:\n{number}" for number in range(40)]))
    gone.close()


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refuses the key"), (404, "address or model"), (307, "sends us elsewhere")]
)
def test_what_is_wrong_for_every_question_ends_the_job_at_once(
    project: Project, server: Server, status: int, words: str
) -> None:
    server.answer = lambda passage, attempt: (status, {"error": {"message": f"no, {KEY} is unknown"}})
    raw = documents(project)
    with pytest.raises(JobError, match=words):
        project.add_from_documents(raw, asking(server, api_key=KEY), **CUT)
    assert max(server.asked.values()) == 1 and sum(server.asked.values()) <= 8
    assert KEY not in written(project)
    server.answer = lambda passage, attempt: (200, good(passage))
    (job,) = project.generations()
    assert job.resume("sk-another").wait(timeout=60) == "finished"
    assert server.keys["Bearer sk-another"] == 12 and steps(project) == ["failed", "done"]


def written(project: Project) -> str:
    """Every file of the home, as one text."""
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in project.home.rglob("*") if path.is_file())


def test_a_typed_key_is_handed_on_in_memory_and_is_in_no_file(project: Project, server: Server) -> None:
    """Neither a model that has the card nor another job stands in its way, and neither is told the key."""
    server.answer = lambda passage, attempt: (200, said(f'[{{"question": "Key?", "answer": "{KEY}"}}]'))
    server.delay = 0.5
    raw = documents(project, passages=4)
    model = project.start_add_from_documents(raw, {**SMALL, "max_new_tokens": 200}, **CUT)
    typed = project.start_add_from_documents(raw, asking(server, api_key=KEY), **CUT)
    assert not typed.lacks_key and not typed.needs_card and model.needs_card
    with pytest.raises(JobError, match="being made already"):
        project.start_add_from_documents(raw, asking(server, api_key=KEY), **CUT)
    pid = typed.state.pid
    assert pid is not None and KEY in Path(f"/proc/{pid}/environ").read_text()
    assert KEY not in Path(f"/proc/{model.state.pid}/environ").read_text()
    assert typed.wait(timeout=60) == "finished" and model.wait(timeout=60) == "finished"
    assert server.keys == {f"Bearer {KEY}": 4} and typed.dataset is not None
    assert typed.dataset.examples["messages"][0][-1]["content"] == "[key]"
    assert KEY not in written(project)


def test_a_key_that_nobody_knows_any_more_is_asked_for(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import queue

    job = project.start_add_from_documents(documents(project), asking(server, api_key=KEY), **CUT)
    job.wait(timeout=60)
    (job.folder / generation_job.RESULT).unlink()
    monkeypatch.setattr(queue, "_secrets", {})  # another studio
    assert job.lacks_key
    with pytest.raises(InputError, match="Type it again"):
        job.resume()
    assert KEY not in written(project)


def test_a_key_comes_from_the_environment(project: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = documents(project, passages=4)
    with pytest.raises(InputError, match="STUDIO_TEST_KEY is not set"):
        project.add_from_documents(raw, asking(server, key_variable="STUDIO_TEST_KEY"), **CUT)
    monkeypatch.setenv("STUDIO_TEST_KEY", KEY)
    project.add_from_documents(raw, asking(server, key_variable="STUDIO_TEST_KEY"), **CUT)
    assert server.keys == {f"Bearer {KEY}": 4} and steps(project) == ["failed", "done"]
    assert KEY not in written(project) and "STUDIO_TEST_KEY" in project.journal.steps()[-1].code


# ---- refusals, and the notebook


def test_the_demo_refuses_what_is_not_the_visitors(tmp_path: Path, server: Server) -> None:
    demo = Project.open("visit", home=tmp_path / "home", demo=True)
    raw = demo.load(pasted="First sentence. Second sentence.\n\nThird one. Fourth one.")
    folder = tmp_path / "model"
    folder.mkdir()
    refused = [asking(server), {"kind": "model", "model": "owner/name"}, {"kind": "model", "model": str(folder)}]
    for generator in refused:
        with pytest.raises(ForbiddenError, match="shared Space"):
            demo.start_add_from_documents(raw, generator)
    with pytest.raises(ForbiddenError, match="Files of this machine"):
        demo.start_add_from_documents(raw, kept="/etc/passwd")
    assert demo.generations() == [] and not server.asked
    assert len(demo.add_from_documents(raw, tokens=20, overlap=0)) == 2
    many = demo.load(pasted="\n\n".join(f"Sentence {number}. Another." for number in range(300)))
    with pytest.raises(JobError, match="too many passages"):
        demo.add_from_documents(many, tokens=12, overlap=0)


def test_what_cannot_be_is_refused_before_anything_is_queued(project: Project, tmp_path: Path) -> None:
    raw = documents(project)
    tickets = project.load(Project.sample())
    wrong: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (InputError, "cannot be cut", {"documents": raw, "tokens": 5, "overlap": 5}),
        (InputError, "no document in this dataset", {"documents": tickets}),
        (NotFoundError, "no such model", {"documents": raw, "generator": ChatModel(model="/no/where")}),
        (InputError, "cannot be used", {"documents": raw, "name": "../up"}),
        (InputError, "is not there", {"documents": raw, "kept": tmp_path / "absent.jsonl"}),
    ]
    for error, words, arguments in wrong:
        with pytest.raises(error, match=words):
            project.start_add_from_documents(**arguments)
    with pytest.raises(InputError, match="no such generator"):
        project.start_add_from_documents(raw, lambda text: [])  # type: ignore[arg-type]
    assert project.generations() == [] and steps(project) == ["failed"] * 5
    assert project.documents() == [raw]


def test_the_notebook_makes_the_same_examples_again(
    project: Project, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The template and the model are run again; the function and the endpoint are repeated from what was kept."""
    raw = documents(project, passages=6)
    template = project.add_from_documents(raw, **CUT, name="by-template")
    project.filter(template, min_quality=0)
    project.add_from_documents(raw, SMALL, **CUT, name="by-model")

    def own(text: str) -> list[dict[str, Any]]:
        return [{"prompt": text[:20], "completion": text[20:]}]

    project.add_from_documents(raw, own, **CUT, name="by-function")
    project.add_from_documents(raw, asking(server), **CUT, name="by-endpoint")
    asked = sum(server.asked.values())
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    notebook = nbformat.read(project.export_notebook(), as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(elsewhere)}}
    ).execute(env={**os.environ, "STUDIO_HOME": str(elsewhere), "PYTHONPATH": ""})
    again = Project.open("books-again", home=project.home)
    for name in ("by-template", "by-model", "by-function", "by-endpoint", "clean"):
        one, two = project.dataset(name), again.dataset(name)
        assert one.examples.to_dict("records") == two.examples.to_dict("records") and len(one), name
        assert one.problems.equals(two.problems)
    assert sum(server.asked.values()) == asked
    assert [step.verb for step in again.journal.steps()] == [step.verb for step in project.journal.steps()]
