"""Near duplicates against a brute-force count of the Jaccard similarity; groups, and who stays."""

import json
import re
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.data import duplicates, near_duplicates, splitting
from studio.data.measures import Measures
from studio.data.near_duplicates import Pairs
from studio.data.texts import DatasetTexts, ListTexts, begins_of
from studio.data.words import grams, words
from tests.benchmarks.data import WORDS
from tests.data import frames

VOCABULARY = [f"{first}{second}" for first in "ba di ko lu me no pi ra".split() for second in "st nk rm lt s d".split()]


def triples(text: str, run: int = 3) -> set[tuple[str, ...]]:
    found = re.findall(r"\w+", text.lower())
    return set(zip(*(found[at:] for at in range(run)), strict=False)) or {(word,) for word in found}


def oracle(texts: list[str], threshold: float, run: int = 3) -> dict[tuple[int, int], float]:
    sets = [triples(text, run) for text in texts]
    found = {}
    for first in range(len(texts)):
        for second in range(first + 1, len(texts)):
            union = sets[first] | sets[second]
            share = len(sets[first] & sets[second]) / len(union) if union else 0.0
            if share >= threshold:
                found[first, second] = share
    return found


def edited(random: Random, text: str) -> str:
    parts = text.split()
    for _ in range(random.randrange(6)):
        at = random.randrange(len(parts))
        parts[at : at + random.randrange(2)] = [random.choice(VOCABULARY)]
    return random.choice([" ", "  ", ", "]).join(parts).capitalize()


@pytest.mark.parametrize(("threshold", "run"), [(0.5, 3), (0.7, 3), (0.8, 3), (0.8, 1), (0.9, 5), (1.0, 2)])
def test_as_by_counting(threshold: float, run: int) -> None:
    random = Random(int(threshold * 10) + run)
    texts = [" ".join(random.choices(VOCABULARY, k=random.randint(2, 60))) for _ in range(250)]
    texts += [edited(random, random.choice(texts)) for _ in range(200)]
    texts = list(dict.fromkeys(texts))
    found = near_duplicates.pairs(texts, threshold, run)
    seen = {(int(first), int(second)): value for first, second, value in zip(*found, strict=True)}
    true = oracle(texts, threshold, run)
    assert not set(seen) - set(true)
    assert len(seen) >= 0.99 * len(true)
    assert all(value == pytest.approx(true[pair]) for pair, value in seen.items())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="abC äß你。1_-“ \n\0"), max_size=6))
def test_words_are_those_of_the_text(texts: list[str]) -> None:
    found = words(texts)
    wanted = [re.findall(r"[a-zäß1_]+|你", text.lower()) for text in texts]
    assert np.diff(found.starts).tolist() == [len(of_text) for of_text in wanted]
    flat = [word for of_text in wanted for word in of_text]
    assert found.lengths.tolist() == [len(word.encode()) for word in flat]
    assert len(set(zip(flat, found.hashes.tolist(), strict=True))) == len(set(flat)) == len(set(found.hashes.tolist()))
    assert len(grams(found, 2).hashes) == sum(max(0, len(of_text) - 1) for of_text in wanted)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="abCdef ghiJ äßİ你。1_-“ \n\0"), max_size=6), st.integers(1, 4))
def test_compiled_runs_are_those_of_the_words(texts: list[str], run: int) -> None:
    hashes, bounds = near_duplicates.sets(texts, run, np.zeros(0, np.uint64))
    for row, text in enumerate(texts):
        whole, single = words([text]), grams(words([text]), 1)
        wanted = grams(whole, run) if len(whole.hashes) >= run else single
        assert hashes[bounds[row] : bounds[row + 1]].tolist() == sorted(set(wanted.hashes.tolist()))


def test_common_runs_are_left_out_unless_there_are_no_others() -> None:
    texts = ["one two three four five", "one two three", "Two, three; four!", ""]
    common = grams(words(texts[:1]), 3).hashes[:2]
    own, bounds = near_duplicates.sets(texts, 3, np.sort(common))
    assert bounds.tolist() == [0, 1, 2, 3, 3]
    assert own.tolist() == [grams(words(texts[:1]), 3).hashes[2], common[0], common[1]]


def test_a_template_does_not_make_rows_the_same() -> None:
    template = "Classify the mood of the following review as good or bad and give nothing but the label itself please: "
    texts = [template + f"the {first} was {second}" for first in VOCABULARY[:10] for second in VOCABULARY[10:20]]
    assert len(near_duplicates.pairs(texts).first) == 0
    assert len(near_duplicates.pairs([*texts, texts[3].upper()]).first) == 1


def table(texts: list[str], scores: list[float]) -> pd.DataFrame:
    rows = [[{"role": "system", "content": "x"}, {"role": "user", "content": text}] for text in texts]
    return pd.DataFrame({"id": [f"r{at}" for at in range(len(texts))], "messages": rows, "quality": scores})


def test_groups_keep_the_best_then_the_first() -> None:
    base = " ".join(VOCABULARY[:30])
    examples = table([base, "something else", base + " more", base + " again", base.upper()], [0.5, 0.9, 0.8, 0.8, 0.1])
    texts = [near_duplicates.text(messages) for messages in examples["messages"]]
    groups = near_duplicates.groups(examples["quality"].to_numpy(float), near_duplicates.pairs(texts))
    groups = groups.assign(id=examples["id"].to_numpy(object)[groups["position"]])
    assert groups["id"].tolist() == ["r0", "r2", "r3", "r4"] and groups["group"].tolist() == [1] * 4
    assert groups.set_index("id")["keep"].to_dict() == {"r0": False, "r2": True, "r3": False, "r4": False}
    assert set(groups["instead"]) == {2}
    assert groups.set_index("id").loc["r0", "similarity"] == pytest.approx(28 / 29)


def test_a_chain_does_not_lose_its_far_end() -> None:
    chain = Pairs(np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.9]))
    instead, _ = near_duplicates.keepers(np.array([1.0, 0.5, 0.7]), chain)
    assert instead.tolist() == [0, 0, 2]


def test_of_many_copies_one_is_kept_whichever_is_best() -> None:
    base = " ".join(VOCABULARY[:30])
    examples = table([base, base, base.title(), base + " more", base, base.upper()], [0.5, 0.9, 0.7, 0.6, 0.9, 0.1])
    found = near_duplicates.pairs([near_duplicates.text(messages) for messages in examples["messages"]])
    scores = examples["quality"].to_numpy()
    assert near_duplicates.keepers(scores, found)[0].tolist() == [1] * 6
    gone = near_duplicates.keepers(scores, found, np.array([False, False, True, True, True, True]))
    assert gone[0].tolist() == [0, 1, 4, 4, 4, 4]


def test_nothing_and_no_words() -> None:
    for texts in ([], ["", ""], ["...", "!!", ""], ["one"]):
        found = near_duplicates.pairs(texts)
        assert all(texts[first] == texts[second] for first, second in zip(found.first, found.second, strict=True))


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InputError, match="threshold of 0.*runs of 0"):
        near_duplicates.pairs(["a"], 0, 0)


def test_a_split_never_separates_a_group() -> None:
    random = Random(3)
    texts = [" ".join(random.choices(VOCABULARY, k=30)) for _ in range(100)]
    texts += [text + " " + random.choice(VOCABULARY) for text in texts[:60]]
    examples = table(texts, [1.0] * len(texts))
    found = near_duplicates.pairs([near_duplicates.text(messages) for messages in examples["messages"]])
    for seed in range(5):
        train, test = frames.split(examples, 0.2, seed, found)
        assert len(train) + len(test) == len(examples) and 0.1 < len(test) / len(examples) < 0.3
        first = duplicates.first_of_each(duplicates.fingerprints(examples))
        groups = dict(zip(examples["id"], splitting.together(first, found), strict=True))
        assert not {groups[row_id] for row_id in train["id"]} & {groups[row_id] for row_id in test["id"]}


def test_a_group_larger_than_the_test_part_is_for_training() -> None:
    base = " ".join(VOCABULARY[:30])
    examples = table([base + f" {word}" for word in VOCABULARY[:12]] + ["a b c d", "e f g h", "i j k l"], [1.0] * 15)
    found = near_duplicates.pairs([near_duplicates.text(messages) for messages in examples["messages"]])
    _, test = frames.split(examples, 0.2, 1, found)
    assert 0 < len(test) <= 3


def test_a_dataset_is_searched_as_its_texts_are(tmp_path: Path) -> None:
    random = Random(3)
    said = [" ".join(random.choices(WORDS, k=30)) for _ in range(60)]
    rows = [{"prompt": f"Question {number} of many", "completion": said[number % 60]} for number in range(60)]
    rows += [
        {"prompt": row["prompt"], "completion": row["completion"] + (" end" if at % 2 else "")}
        for at, row in enumerate(rows)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = Project.open("near", home=tmp_path / "home").load(path)
    texts = [near_duplicates.text(messages) for messages in dataset.examples["messages"]]
    first = duplicates.first_of_each(duplicates.fingerprints(dataset.examples))
    one, other = near_duplicates.pairs(texts), near_duplicates.pairs(DatasetTexts(dataset), first=first)
    assert len(one.first) == 60 and all((left == right).all() for left, right in zip(one, other, strict=True))
    assert [text for _, part in DatasetTexts(dataset).chunks() for text in part] == texts
    for places in (np.arange(0, 120, 7), np.array([5])):
        assert DatasetTexts(dataset).some(places) == [texts[at] for at in places]


def with_answers_to_avoid_and_calls() -> list[dict[str, object]]:
    """Rows that differ in the answer to avoid or in what a tool is called with alone, and two that differ in nothing but
    the id of the call."""
    asked, good = "What is the capital of France, if I may ask you?", "Paris is the capital of France."
    rows: list[dict[str, object]] = [
        {"prompt": asked, "completion": answer, "label": label}
        for answer, label in [("Lyon is the one, of course.", False), ("Marseille, as all of us know.", False), (good, True), (good, False)]
    ]  # fmt: skip
    rows += [
        {"prompt": "Name a colour, please.", "chosen": "Blue is a colour.", "rejected": worse}
        for worse in ("A dog is an animal.", "The cat sat on the mat.")
    ]
    for number, city in enumerate(
        ["Paris in the north of France", "Rome in the middle of Italy", "Rome in the middle of Italy"]
    ):
        call = {"name": "book", "arguments": json.dumps({"city": city})}
        calls = [{"id": f"call_{number}x", "type": "function", "function": call}]
        answer = {"role": "assistant", "content": None, "tool_calls": calls}
        rows.append({"messages": [{"role": "user", "content": "Book a room for two people, would you?"}, answer]})
    return rows


def test_an_answer_to_avoid_and_what_a_tool_is_called_with_make_rows_different(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in with_answers_to_avoid_and_calls()))
    project = Project.open("near", home=tmp_path / "home")
    dataset = project.load(path)
    found = Measures.of(dataset).pairs()
    assert (found.first.tolist(), found.second.tolist()) == ([7], [8])
    assert len(project.drop_duplicates(dataset)) == 8
    texts = near_duplicates.texts_of(dataset.examples)
    assert [text for _, part in DatasetTexts(dataset).chunks() for text in part] == texts
    for places in (np.arange(len(texts)), np.array([4])):
        assert DatasetTexts(dataset).some(places) == [texts[at] for at in places]
    assert Measures(dataset.examples).pairs().second.tolist() == [8]


def about_passages(questions: int, answer: str | None = None) -> list[dict[str, object]]:
    """Six passages with so many questions about each."""
    random = Random(5)
    rows: list[dict[str, object]] = []
    for number in range(6):
        passage = random.choices(WORDS, k=120)
        for at in range(questions):
            text = answer or f"{passage[at]} {number}{at}"
            asked = " ".join(random.sample(WORDS, 10)) + "?"
            answers = {"text": [text], "answer_start": [0]}
            rows.append(
                {"id": f"{number}-{at}", "context": " ".join(passage) + ".", "question": asked, "answers": answers}
            )
    return rows


@pytest.mark.parametrize("answer", [None, "Yes"])
def test_questions_about_one_passage_are_no_duplicates_and_stay_in_one_part(tmp_path: Path, answer: str | None) -> None:
    project = Project.open("near", home=tmp_path)
    rows = about_passages(5, answer)
    near = {**rows[7], "id": "near", "question": f"{rows[7]['question']} please?"}
    dataset = project.load(pasted="\n".join(map(json.dumps, [*rows, near])), name="squad")
    assert project.drop_duplicates(dataset).dropped["id"].tolist() == ["near"]
    kept = project.filter(dataset, min_quality=0, near_duplicates=0.8)
    assert kept.dropped["id"].tolist() == ["near"]
    train, test = project.split(dataset, 0.2)
    assert len(test) and project.check_leakage(train, test).leaked["test"] == []


def test_what_is_the_same_as_one_text_is_the_same_as_another_that_is() -> None:
    """Whatever the order: of texts with the same words those go together that have the same words in the answer."""
    texts = ["red or blue or green\n" + end for end in ("red blue", "blue green", "blue red", "green", "Green!", "red")]
    begins = np.array([text.index("\n") + 1 for text in texts])
    found, alike = near_duplicates.search(ListTexts(texts, begins), 0.8, 1)
    assert (found.similarity == 1).all() and len(alike) == 15
    stays = Pairs(*(column[alike] for column in found))
    assert near_duplicates.keepers(np.ones(6), stays)[0].tolist() == [0, 1, 0, 3, 3, 5]


def test_answers_of_signs_alone_are_compared_as_they_are() -> None:
    texts = [f"What do you say to this long question about nothing?\n{end}" for end in ("+", "-", " +", "plus")]
    begins = np.array([text.index("\n") + 1 for text in texts])
    found, alike = near_duplicates.search(ListTexts(texts, begins), 0.5, 1)
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert {pair for pair, is_alike in zip(pairs, alike.tolist(), strict=True) if is_alike} == {(0, 2)}


def test_where_an_answer_begins(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [*with_answers_to_avoid_and_calls(), {"text": "A passage, ä."}, {"prompt": "Größe?", "completion": "Klein."}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = Project.open("near", home=tmp_path / "home").load(path)
    texts, begins = DatasetTexts(dataset).answered(np.arange(len(dataset)))
    assert begins.tolist() == begins_of(dataset.examples).tolist()
    answers = [text[begin:] for text, begin in zip(texts, begins, strict=True)]
    assert answers[0] == "_ Lyon _ is _ the _ one, _ of _ course." and answers[2].startswith("Paris is")
    assert answers[4] == "Blue is a colour.\n_ A _ dog _ is _ an _ animal."
    assert answers[6].strip().startswith('[{"type"') and answers[-2:] == ["A passage, ä.", "Klein."]


@pytest.mark.parametrize("texts", [["What? Five red apples", "No. one two"], ["Wie? Zwölf Äpfel İ", "Größe: 東京 two"]])
def test_the_words_from_a_character_on_are_those_of_the_text_from_there(texts: list[str]) -> None:
    none, begins = np.zeros(0, np.uint64), np.array([6, 4])
    found = near_duplicates.sets(texts, 1, none, begins)
    alone = near_duplicates.sets([text[begin:] for text, begin in zip(texts, begins.tolist(), strict=True)], 1, none)
    assert found[0].tolist() == alone[0].tolist() and found[1].tolist() == alone[1].tolist() and len(found[0])
