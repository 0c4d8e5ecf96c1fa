"""Documents become passages of a size, and passages examples, none generated twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import passages

COUNTER = TokenCounter(None)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab. \n?", max_size=300), st.integers(2, 30), st.integers(0, 10))
def test_every_word_is_in_a_passage_of_the_size(text: str, tokens: int, overlap: int) -> None:
    made = passages.cut(text, COUNTER, tokens, min(overlap, tokens - 1))
    assert set(text.split()) <= {word for passage in made for word in passage.split()}
    words = max((COUNTER.count_text(word) for word in text.split()), default=0)
    # the estimate rounds each piece: half a token each may be lost
    assert all(COUNTER.count_text(passage) <= max(tokens, words) * 2 + 1 for passage in made)


def test_passages_overlap_by_whole_sentences() -> None:
    text = " ".join(f"This is sentence number {number:02d} of the text." for number in range(12))
    made = passages.cut(text, COUNTER, tokens=50, overlap=15)
    assert all(COUNTER.count_text(passage) <= 51 for passage in made) and len(made) > 3
    for first, second in zip(made, made[1:], strict=False):
        assert second.startswith(first[-len("This is sentence number 00 of the text.") :])
    with pytest.raises(InputError, match="overlap"):
        passages.cut(text, COUNTER, tokens=10, overlap=10)


def test_examples_are_linked_to_their_passage_and_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "a.txt").write_text("The first sentence. The second one. " * 20)
    (folder / "b.txt").write_text("Fails always. Really.")
    documents = Project.open("books", home=tmp_path / "home").load(folder).examples
    asked: list[str] = []

    def generator(passage: str) -> Iterator[dict[str, Any]]:
        asked.append(passage)
        if "Fails" in passage:
            raise ValueError("no answer")
        yield from passages.Template("What follows? {first}", "{rest}")(passage)
        yield {"prompt": "no answer to this"}

    def run() -> tuple[pd.DataFrame, list[Any]]:
        found = list(passages.to_examples(documents, generator, COUNTER, tmp_path / "kept.jsonl", tokens=60, overlap=0))
        return pd.concat([table for table, _ in found], ignore_index=True), [one for _, some in found for one in some]

    examples, problems = run()
    assert len(examples) == len(asked) - 1 > 2 and set(examples["kind"]) == {"conversation"}
    assert list(examples["source"][:2]) == ["a.txt#1", "a.txt#2"]
    assert examples["messages"][0][1]["content"] == "What follows? The first sentence."
    assert len(problems) == len(asked) and "ValueError no answer" in problems[-1][1]
    first = len(asked)
    again, _ = run()
    assert again.equals(examples) and len(asked) == first + 1  # the one that failed
