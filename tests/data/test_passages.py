"""Documents become passages of a size, each under a name of its own."""

import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import passages
from studio.examples import write_dataset
from studio.models import STARTER

COUNTER, STARTER_COUNTER = TokenCounter(None), TokenCounter(STARTER)


CHINESE = (
    "人工智能是计算机科学的一个分支，它企图了解智能的实质，并生产出一种新的能以人类智能相似的方式做出反应的智能机器。"
)
JAPANESE = "私は「行きます。」と言いました。そうですか！？はい、明日の朝に駅の近くのホテルまで荷物をお届けします。"
THAI = "ที่พักอยู่ใกล้สถานีรถไฟและมีอาหารเช้าให้ทุกวันตั้งแต่เจ็ดโมงถึงสิบโมงเช้าที่ห้องอาหารชั้นหนึ่ง"


@pytest.mark.parametrize("counter", [COUNTER, STARTER_COUNTER], ids=["estimate", "starter"])
@pytest.mark.parametrize(
    "text",
    [
        CHINESE * 80,
        JAPANESE * 60,
        THAI * 60,
        THAI,
        CHINESE.replace("。", "") * 40,
        "ab12" * 2000,
        "word " * 30 + "x" * 3000,
        "ก็่" * 500,
        "👩\u200d👩\u200d👧" * 300,
    ],
    ids=str.__len__,
)
@pytest.mark.parametrize(("tokens", "overlap"), [(128, 16), (64, 0), (33, 32)])
def test_no_passage_is_over_the_size_whatever_the_writing(
    text: str, counter: TokenCounter, tokens: int, overlap: int
) -> None:
    made = passages.cut(text, counter, tokens, overlap)
    assert all(counter.count_text(passage) <= tokens for passage in made)
    assert len(made) >= counter.count_text(text) / tokens / 2
    if not overlap:
        assert "".join("".join(made).split()) == "".join(text.split())


def test_nothing_is_left_out_where_passages_overlap() -> None:
    text = "".join(chr(0x4E00 + at) for at in range(3000))
    made = passages.cut(text, COUNTER, 128, 16)
    at = 0
    for passage in made:
        begin = text.index(passage)
        assert begin <= at and (at == 0 or 40 < at - begin <= 16 * 3.5)
        at = begin + len(passage)
    assert at == len(text)


def test_chinese_is_cut_between_sentences() -> None:
    made = passages.cut(CHINESE * 80, COUNTER, tokens=40, overlap=20)
    assert all(passage.startswith("人工智能") and passage.endswith("智能机器。") for passage in made)
    assert len(made) == 79 and made[0] == CHINESE * 2
    sentences = [
        "私は「行きます。」と言いました。",
        "そうですか！？",
        "はい、明日の朝に駅の近くのホテルまで荷物をお届けします。",
    ]
    assert passages.PIECES.findall(JAPANESE) == sentences


def test_a_mark_stays_with_its_letter() -> None:
    for passage in passages.cut("ก็่" * 500 + "é̂" * 500, COUNTER, tokens=10, overlap=0):
        assert unicodedata.category(passage[0])[0] != "M"


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab. \n?", max_size=300), st.integers(2, 30), st.integers(0, 10))
def test_every_word_is_in_a_passage_of_the_size(text: str, tokens: int, overlap: int) -> None:
    made = passages.cut(text, COUNTER, tokens, min(overlap, tokens - 1))
    fits = {word for word in text.split() if len(word) <= tokens * 3.5}
    assert fits <= {word for passage in made for word in passage.split()}
    assert all(COUNTER.count_text(passage) <= tokens for passage in made)


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
