"""A benchmark of questions alone is taken, and training rows are held against it."""

import json
from pathlib import Path

import pytest

from studio import InputError, Project
from studio.data import detection

QUESTIONS = ["Where is the harbour gate?", "When does the ferry to the island leave in winter?", "Who keeps the keys?"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("bench", home=tmp_path / "home")


@pytest.mark.parametrize("name", ["question", "prompt", "Instruction"])
def test_a_file_of_questions_alone_is_a_benchmark(project: Project, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bench.csv"
    path.write_text(f"id,{name}\n" + "".join(f"q{at},{question}\n" for at, question in enumerate(QUESTIONS)))
    found = project.preview_load(path)
    assert (found.shape, found.columns) == ("text", {"text": name}) and not found.is_sure
    bench = project.load(path)
    assert bench.examples["id"].tolist() == ["q0", "q1", "q2"] and "questions alone" in bench.description["notes"][0]
    said = [QUESTIONS[2].upper(), "How deep is the water at the pier today?", QUESTIONS[0]]
    rows = [
        json.dumps({"prompt": asked, "completion": f"Answer {at}, told at length."}) for at, asked in enumerate(said)
    ]
    train = project.load(pasted="\n".join(rows), name="raw")
    leaked = project.check_leakage(train, bench)
    assert leaked.leaked["test"] == ["q0", "q2"] and leaked.counts["test"]["same question"] == 2
    clean = project.drop_leaked(train, bench)
    assert clean.examples["id"].tolist() == ["r000002"]
    assert set(clean.dropped["reason"]) == {"same question in bench@v1"}


def test_a_question_whose_answer_is_missing_is_no_benchmark(project: Project) -> None:
    rows = [{"question": "Where?", "answer": None}, {"question": "When?"}]
    with pytest.raises(InputError, match="answer is missing"):
        project.load(pasted="\n".join(map(json.dumps, rows)))
    assert "answer is missing" in detection.detect(rows).reasons
    with pytest.raises(InputError, match="completion is missing"):
        project.load(pasted='{"prompt": "Hi", "topic": "x"}')
    with pytest.raises(InputError, match="missing"):
        project.load(pasted='{"question": "Hi"}', shape="question-answer")
