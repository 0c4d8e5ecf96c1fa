"""The sample dataset: repeatable, its truth right, its clean rows all different."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from assets.make import samples

ROWS = [json.loads(line) for line in (samples.FOLDER / "tickets.jsonl").read_text(encoding="utf-8").splitlines()]
TRUTH = [json.loads(line) for line in (samples.FOLDER / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
CLEAN = [row for at, row in enumerate(ROWS, start=1) if at not in {one["line"] for one in TRUTH}]


def test_the_script_writes_the_same_bytes(tmp_path: Path) -> None:
    samples.write(tmp_path)
    for name in ("tickets.jsonl", "truth.jsonl"):
        assert (tmp_path / name).read_bytes() == (samples.FOLDER / name).read_bytes()


def test_the_truth_counts_what_was_planted() -> None:
    assert Counter(one["flaw"] for one in TRUTH) == samples.FLAWS
    assert len(CLEAN) == samples.CLEAN_ROWS


def test_duplicates_name_an_earlier_clean_line() -> None:
    flawed = {one["line"] for one in TRUTH}
    for one in TRUTH:
        assert ("of" in one) == one["flaw"].endswith("duplicate")
        if "of" in one:
            assert one["of"] < one["line"] and one["of"] not in flawed
        if one["flaw"] == "exact duplicate":
            assert ROWS[one["line"] - 1] == ROWS[one["of"] - 1]


def test_clean_answers_are_in_the_schema_and_copied_from_the_text() -> None:
    for row in CLEAN:
        answer = json.loads(row["output"])
        assert list(answer) == ["team", "urgency", "customer", "order"]
        assert answer["team"] in samples.TEAMS and answer["urgency"] in samples.URGENCIES
        assert answer["customer"] in row["input"] and answer["order"] in row["input"]


def test_clean_rows_have_no_near_duplicates() -> None:
    seen: list[set[tuple[str, ...]]] = []
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in CLEAN:
        words = row["input"].lower().split()
        triples = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
        shared = Counter(other for triple in triples for other in where[triple])
        for other, count in shared.items():
            assert count / (len(triples) + len(seen[other]) - count) < samples.TOO_NEAR
        for triple in triples:
            where[triple].append(len(seen))
        seen.append(triples)
