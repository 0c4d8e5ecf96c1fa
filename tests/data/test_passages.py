"""Documents become passages of a size, each under a name of its own."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import passages
from studio.examples import write_dataset

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


def test_the_passages_of_a_source_are_counted_through_all_its_documents(tmp_path: Path) -> None:
    """Also where each row of one file is a document: no two passages have one name."""
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(f'{{"text": "Document {number}. It goes on."}}' for number in range(50)))
    documents = Project.open("texts", home=tmp_path / "home").load(file)
    made = list(passages.of_dataset(documents, COUNTER, tokens=5, overlap=0))
    assert [passage.link for passage in made] == [f"texts.jsonl#{place}" for place in range(1, 101)]
    assert made[3].text == "It goes on." and made[4].text == "Document 2."


def test_passages_are_written_whole_and_found_by_name(tmp_path: Path) -> None:
    made = [passages.Passage(f"a.txt#{place}", f"Text {place} ü") for place in range(1, 1202)]
    seen: list[int] = []
    passages.write(tmp_path / "made.parquet", iter(made), seen.append)
    assert seen == [500, 1000, 1201] and passages.count(tmp_path / "made.parquet") == 1201
    assert [one for batch in passages.read(tmp_path / "made.parquet", 7) for one in batch] == made
    found = passages.texts_of(tmp_path / "made.parquet", ["a.txt#900", "b.txt#1"])
    assert found == {"a.txt#900": "Text 900 ü"}
    assert passages.texts_of(tmp_path / "made.parquet", []) == {}

    def broken() -> object:
        yield made[0]
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        passages.write(tmp_path / "half.parquet", broken(), seen.append)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["made.parquet"]


def test_only_documents_are_cut(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "That."}]
    text = [{"role": "assistant", "content": "A text."}]
    rows = pd.DataFrame(
        [
            {"id": f"r{place}", "messages": said, "source": "s", "tokens": 2, "quality": 1.0, "flags": [], "kind": kind}
            for place, (kind, said) in enumerate([("conversation", asked), ("passage", text), ("preference", asked)])
        ]
    )
    mixed = write_dataset(tmp_path, "mixed", rows)
    assert passages.holds_passages(mixed)
    assert list(passages.of_dataset(mixed, COUNTER, 9, 0)) == [passages.Passage("s#1", "A text.")]
    assert not passages.holds_passages(write_dataset(tmp_path, "rows", rows.drop(index=1)))
