"""Mixing: shares are exact, seeded and without repetition; what cannot be is said with what could."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.data import mixing
from studio.examples import Dataset


def table(name: str, count: int) -> pd.DataFrame:
    messages = [
        [
            {"role": "user", "content": f"{name} {row}?"},
            {"role": "assistant", "content": json.dumps({"team": "ab"[row % 4 == 0]})},
        ]
        for row in range(count)
    ]
    ids = [f"r{row}" for row in range(count)]
    return pd.DataFrame({"id": ids, "messages": pd.Series(messages, dtype=object), "source": name})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 10)), min_size=1, max_size=4), st.integers(0, 9))
def test_the_shares_come_out_and_nothing_comes_twice(parts: list[tuple[int, float]], seed: int) -> None:
    tables = {f"t{place}": table(f"t{place}", count) for place, (count, _) in enumerate(parts)}
    shares = [share for _, share in parts]
    try:
        mixed, counts = mixing.mix(tables, shares, seed=seed)
    except InputError as error:
        assert "would be empty" in str(error)
        return
    assert len(mixed) == sum(counts.values()) == mixed["id"].nunique()
    questions = [messages[0]["content"] for messages in mixed["messages"]]
    assert len(set(questions)) == len(questions) and Counter(mixed["source"]) == Counter(
        {k: v for k, v in counts.items() if v}
    )
    for (_, share), count in zip(parts, counts.values(), strict=True):
        assert abs(count - len(mixed) * share / sum(shares)) <= 1
    again, _ = mixing.mix(tables, shares, seed=seed)
    assert again.equals(mixed)


def test_general_data_in_a_share(tmp_path: Path) -> None:
    project = Project.open("mixed", home=tmp_path)
    made = []
    for name, count in (("own", 40), ("general", 100)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(
            "".join(json.dumps({"prompt": f"{name} {row}?", "completion": "Yes."}) + "\n" for row in range(count))
        )
        made.append(project.load(path))
    mixed = project.mix(*made, shares=[0.8, 0.2], seed=3)
    assert Counter(mixed.examples["source"]) == {"own.jsonl": 40, "general.jsonl": 10}
    assert (
        mixed.description["counts"] == {"own@v1": 40, "general@v1": 10}
        and mixed.description["sources"]["own.jsonl"] == 40
    )
    assert project.journal.steps()[-1].code == "mixed = project.mix(raw, raw_2, shares=[0.8, 0.2], seed=3)"
    names = {"project": project, "raw": made[0], "raw_2": made[1]}
    exec(project.journal.steps()[-1].code, names)
    assert names["mixed"].examples.equals(mixed.examples)  # type: ignore[attr-defined]
    assert (
        project.save_copy(mixed).exists() and len(project.filter(mixed, min_quality=0.1, exact_duplicates=False)) == 50
    )
    with pytest.raises(InputError, match="own@v1: 80 wanted, 40 there.*at most 50 rows"):
        project.mix(*made, shares=[0.8, 0.2], rows=100)


def test_sources_and_labels_in_balance() -> None:
    tables = {"one": table("one", 12), "two": table("two", 40)}
    mixed, counts = mixing.mix(tables, balance="source")
    assert counts == {"one": 12, "two": 12}
    mixed, counts = mixing.mix(tables, balance="label:team")
    assert counts == {"a": 13, "b": 13}
    mixed, counts = mixing.mix(tables, balance="label", weights={'{"team": "a"}': 3, '{"team": "b"}': 1}, rows=20)
    assert [*counts.values()] == [15, 5] and len(mixed) == 20


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InputError, match="(?s)1 datasets and 2 shares.*share is below 0.*rows is 0.*no balance"):
        mixing.mix({"a": table("a", 3)}, [1, -1], rows=0, weights={"x": 1})
    with pytest.raises(InputError, match="'x'; there are 'a'"):
        mixing.mix({"a": table("a", 3)}, balance="source", weights={"x": 1})


def loaded(project: Project, folder: Path, name: str, answers: list[str]) -> Dataset:
    path = folder / f"{name}.jsonl"
    rows = [
        json.dumps({"id": f"x{at}", "prompt": f"{name} {at}?", "completion": answer})
        for at, answer in enumerate(answers)
    ]
    path.write_text("\n".join(rows))
    return project.load(path)


def test_a_preview_says_what_would_come_out_and_is_no_step(tmp_path: Path) -> None:
    project = Project.open("mixed", home=tmp_path)
    own = loaded(project, tmp_path, "own", ["A short answer."] * 45)
    general = loaded(project, tmp_path, "general", ["A much longer answer, of more than a few words."] * 100)
    found = project.preview_mix(own, general, shares=[90, 10], seed=1)
    counts = found.drop(columns="tokens").to_dict("list")
    assert counts == {"group": ["own@v1", "general@v1"], "there": [45, 100], "rows": [45, 5], "share": [0.9, 0.1]}
    assert found["tokens"].iloc[0] == own.examples["tokens"].sum()
    assert [step.verb for step in project.journal.steps()] == ["load", "load"]
    mixed = project.mix(own, general, shares=[90, 10], seed=1)
    assert mixed.description["counts"] == dict(zip(found["group"], found["rows"], strict=True))
    assert int(mixed.examples["tokens"].sum()) == found["tokens"].sum()
    by_label = project.preview_mix(own, general, balance="label")
    assert by_label["there"].tolist() == [100, 45] and by_label["rows"].tolist() == [45, 45]
    with pytest.raises(InputError, match="1 shares"):
        project.preview_mix(own, general, shares=[1])
    with pytest.raises(InputError, match="given twice"):
        project.preview_mix(own, own)


def test_a_mix_in_parts_is_the_mix_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open("mixed", home=tmp_path)
    made = [loaded(project, tmp_path, name, [f"{name} says {at}." for at in range(50)]) for name in ("own", "general")]
    whole = project.mix(*made, shares=[2, 1], seed=5)
    expected, _ = mixing.mix({one.reference: one.examples for one in made}, shares=[2, 1], seed=5)
    assert whole.examples.equals(expected)
    assert "x0-2" in set(whole.examples["id"]) or len(set(whole.examples["id"])) == len(whole)
    monkeypatch.setattr(mixing, "PART_ROWS", 7)
    assert project.mix(*made, shares=[2, 1], seed=5).examples.equals(expected)


def test_a_mix_never_holds_more_than_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open("mixed", home=tmp_path)
    made = [
        loaded(project, tmp_path, name, [f"{name} says {at}. {'word ' * 400}" for at in range(3000)])
        for name in ("own", "general")
    ]
    monkeypatch.setattr(mixing, "PART_ROWS", 500)
    sizes = [table.num_rows for table in mixing.mix_datasets(made, seed=5)[0]]
    assert sum(sizes) == 6000 and max(sizes) <= 500
