"""Looking at rows: every row once over the pages, search, filters, sorts, languages, the worst; and the bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio import InputError, NotFoundError, Project
from studio.data import look, quality, row_facts, search
from studio.examples import Dataset, write_dataset

CALL = '[{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}}]'
TALKS = [
    [("user", "What is the capital of Norway, please?"), ("assistant", "The capital of Norway is Oslo, on the fjord.")],
    [("system", "Be brief, hidden word xylophone."), ("user", "Wie komme ich heute zum Bahnhof in Bremen?"),
     ("assistant", "Nehmen Sie die Straßenbahn und steigen Sie am Hauptbahnhof aus."), ("user", "Danke, und wie lange dauert das?"),
     ("assistant", "Ungefähr zwanzig Minuten, wenn kein Stau ist...")],
    [("user", "Write the JSON of an order."), ("assistant", '{"order": 1, "team": "billing"')],
]  # fmt: skip


def chat(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("look", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def mixed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Conversations of one and two turns, tool calls, preferences and passages, in one dataset of 23 rows."""
    folder = tmp_path_factory.mktemp("files")
    call = {
        "messages": [
            {"role": "user", "content": "How is the weather in the north today?"},
            {"role": "assistant", "content": None, "tool_calls": json.loads(CALL)},
            {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"},
            {"role": "assistant", "content": "It is four degrees and dry in the north."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    }
    pair = {"prompt": "Name a colour of the sky.", "chosen": "Blue, on a clear day.", "rejected": "Purple elephants."}
    texts = [
        {"text": f"Passage number {number} on the history of bridges and of their builders."} for number in range(8)
    ]
    parts = []
    for name, rows in {
        "talks": [chat(turns) for turns in TALKS] * 3, "calls": [call] * 3, "pairs": [pair] * 3, "texts": texts,
    }.items():  # fmt: skip
        path = folder / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        parts.append(project.load(path).examples.assign(source=name))
    whole = pd.concat(parts, ignore_index=True)
    whole["id"] = [f"row-{number:02}" for number in range(len(whole))]
    assert set(whole["kind"]) == {"conversation", "preference", "passage"}
    halves = [whole.iloc[:9], whole.iloc[9:]]  # two row groups
    return write_dataset(project.folder, "mixed", halves, made_by={"verb": "load"})


def ids(project: Project, dataset: Dataset, **query: Any) -> list[str]:
    return list(project.rows(dataset, size=1000, **query).rows["id"])


choices = st.fixed_dictionaries({
    "search": st.sampled_from(["", "the", "OSLO", "zzz", "straßenbahn", "(", ".*"]),
    "flags": st.lists(st.sampled_from(quality.FLAGS), max_size=4, unique=True),
    "sources": st.lists(st.sampled_from(["talks", "calls", "pairs", "texts", "nowhere"]), max_size=3, unique=True),
    "languages": st.lists(st.sampled_from(["English", "German", "not sure"]), max_size=2, unique=True),
    "kinds": st.lists(st.sampled_from(["conversation", "preference", "passage"]), max_size=2, unique=True),
    "sort": st.sampled_from(look.SORTS),
    "descending": st.booleans(),
})  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=choices, size=st.integers(1, 9))
def test_every_row_that_a_filter_keeps_is_on_one_page_exactly_once(
    project: Project, mixed: Dataset, query: dict[str, Any], size: int
) -> None:
    first = project.rows(mixed, size=size, **query)
    pages = [project.rows(mixed, page=number, size=size, **query) for number in range(1, first.pages + 1)]
    seen = [row_id for page in pages for row_id in page.rows["id"]]
    table = mixed.examples
    facts = table.assign(language=row_facts.measured(mixed, "languages")["language"])
    keep = facts.apply(lambda row: _wanted(row, query), axis=1)
    assert sorted(seen) == sorted(facts.loc[keep, "id"])
    assert {page.total for page in pages} == {len(seen)}
    values = [value for page in pages for value in page.rows[_column(query["sort"])] if value == value]
    assert values == sorted(values, reverse=query["descending"]) or query["sort"] == "language"


def _column(sort: str) -> str:
    return {"file": "position", "language": "position"}.get(sort, "score" if sort in look.SCORES else sort)


def _wanted(row: pd.Series, query: dict[str, Any]) -> bool:
    said = [text for message in row["messages"] if message["role"] in ("user", "assistant")
            for text in (message.get("content"), message.get("tool_calls"))] + [row["rejected"]]  # fmt: skip
    return bool(
        (not query["search"] or any(query["search"].lower() in (text or "").lower() for text in said))
        and (not query["flags"] or set(query["flags"]) & set(row["flags"]))
        and all(not query[f"{name}s"] or row[name] in query[f"{name}s"] for name in ("source", "language", "kind"))
    )


def test_a_search_reads_questions_answers_calls_and_rejected_ones_but_no_instructions(
    project: Project, mixed: Dataset
) -> None:
    assert len(ids(project, mixed, search="CAPITAL OF norway")) == 3
    assert len(ids(project, mixed, search="STRASSENBAHN")) == 0 and len(ids(project, mixed, search="STRAẞENBAHN")) == 3
    assert len(ids(project, mixed, search="arguments")) == len(ids(project, mixed, search="elephants")) == 3
    assert ids(project, mixed, search="xylophone") == []
    assert len(ids(project, mixed, search=r"^the capital.*fjord\.$", regular=True)) == 3
    assert ids(project, mixed, search=r"^the capital.*fjord\.$") == []


def test_a_search_that_would_never_end_elsewhere_is_quick_and_a_bad_one_is_named(
    project: Project, mixed: Dataset
) -> None:
    text = "a" * 20_000 + "b"
    row = {
        **mixed.examples.iloc[0],
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "x"}],
    }
    long = write_dataset(project.folder, "long", pd.DataFrame([row]))
    assert project.rows(long, search="(a+)+$", regular=True).total == 0
    assert "".join(piece for piece, _ in project.found_in(text, "(a*)*c", regular=True)) == text
    for pattern in ("(", r"(?=a)", r"(a)\1"):
        with pytest.raises(InputError, match="no regular expression"):
            project.rows(mixed, search=pattern, regular=True)
        with pytest.raises(InputError, match="no regular expression"):
            list(search.searching(mixed, pattern, regular=True))


def test_what_was_found_is_marked_and_nothing_is_lost(project: Project) -> None:
    assert project.found_in("One (two) TWO", "two") == [("One (", False), ("two", True), (") ", False), ("TWO", True)]
    assert project.found_in("a.b", ".") == [("a", False), (".", True), ("b", False)]
    assert project.found_in("fünf 5 and\n55", r"\d+", regular=True)[1::2] == [("5", True), ("55", True)]
    assert (
        project.found_in("abc", "x*", regular=True) == [("abc", False)]
        or "".join(piece for piece, hit in project.found_in("abc", "x*", regular=True) if not hit) == "abc"
    )
    assert project.found_in("plain", "") == [("plain", False)]


@settings(deadline=None, max_examples=80)
@given(text=st.text(max_size=60), wanted=st.text(min_size=1, max_size=3))
def test_pieces_are_the_text(text: str, wanted: str) -> None:
    pieces = search.pieces(text, wanted)
    clean = text.replace(search.OPEN, "").replace(search.CLOSE, "")
    assert "".join(piece for piece, _ in pieces) == clean
    assert all(len(piece) == len(wanted) for piece, hit in pieces if hit)


def test_turns_are_those_of_user_and_assistant(project: Project, mixed: Dataset) -> None:
    counted = [sum(message["role"] in ("user", "assistant") for message in row) for row in mixed.examples["messages"]]
    assert list(project.overview(mixed).turns) == counted
    assert set(counted) == {1, 2, 3, 4}
    assert list(project.rows(mixed, size=100, sort="turns", descending=True).rows["turns"]) == sorted(counted)[::-1]


def test_the_overview_counts_what_is_there(project: Project) -> None:
    raw = project.load(Project.sample())
    clean = project.filter(raw, min_quality=0.7)
    facts, found = raw.summary(), project.overview(raw)
    assert found.sources == facts["sources"] and found.flags == facts["flags"]
    assert found.tokens.mean() == pytest.approx(facts["mean_tokens"]) and np.nanmean(found.quality) == pytest.approx(
        facts["mean_quality"]
    )
    assert (found.problems, found.kinds) == (facts["problems"], {"conversation": len(raw)})
    assert found.flagged == sum(bool(flags) for flags in raw.examples["flags"])
    after = project.overview(clean)
    assert after.dropped == len(clean.dropped) and list(after.first_dropped["id"]) == list(
        clean.dropped["id"].head(100)
    )


def test_languages_of_all_rows_and_of_a_sample(
    project: Project, mixed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = project.languages(mixed)
    assert dict(zip(found["language"], found["count"], strict=True))["German"] == 3
    assert found["share"].sum() == pytest.approx(1) and found.attrs["looked_at"] == 23
    three = write_dataset(project.folder, "three", [mixed.examples.iloc[:3]] * 1000)
    sampled = project.languages(three)
    assert sampled.attrs["looked_at"] == look.SAMPLE
    shares = dict(zip(sampled["language"], sampled["share"], strict=True))
    assert shares["German"] == pytest.approx(1 / 3, abs=0.05)
    monkeypatch.setattr("studio.data.languages.name_of", lambda text: pytest.fail("it was looked at again"))
    assert project.languages(Dataset(three.folder, three.name, three.version))["count"].sum() == look.SAMPLE


def test_the_worst_have_the_lowest_scores_and_say_why(project: Project) -> None:
    raw = project.load(Project.sample())
    texts = [messages[-1]["content"] for messages in raw.examples["messages"]]
    for score in look.SCORES:
        found = project.worst(raw, score)
        every = row_facts.scores(raw, score)
        assert len(found) == 20 and found["score"].is_monotonic_increasing
        assert list(found["score"]) == pytest.approx(sorted(every)[:20])
        assert all(penalties for penalties, value in zip(found["penalties"], found["score"], strict=True) if value < 1)
        if score in quality.WEIGHTS:
            assert list(every) == pytest.approx([quality.score(text).parts[score] for text in texts])
            assert all(f"({score} -" in reason for penalties in found["penalties"] for reason in penalties)
    assert len(project.worst(raw, count=3)) == 3
    with pytest.raises(InputError, match="no such score"):
        project.worst(raw, "beauty")


def test_the_studios_score_is_that_of_its_scorer_stored_or_not(project: Project, mixed: Dataset) -> None:
    from studio.data.studio_quality import score_messages

    raw = project.load(Project.sample())
    for dataset in (raw, mixed):
        made = np.array(score_messages({"messages": list(dataset.examples["messages"])})["quality"])
        brought = [quality.BROUGHT in reasons for reasons in dataset.examples["reasons"]]
        expected = np.where(brought, dataset.examples["quality"], made)
        assert row_facts.scores(dataset, "studio") == pytest.approx(expected)


def test_one_goes_from_row_to_row_in_the_order_shown(project: Project, mixed: Dataset) -> None:
    query: dict[str, Any] = {"search": "north", "sort": "id", "descending": True}
    order = ids(project, mixed, **query)
    assert len(order) == 3
    assert project.row_beside(mixed, order[0], 1, **query) == order[1]
    assert project.row_beside(mixed, order[1], -1, **query) == order[0]
    assert project.row_beside(mixed, order[0], -1, **query) == order[0]
    assert project.row_beside(mixed, order[2], 5, **query) == order[2]
    assert project.row_beside(mixed, "row-00", 1, **query) == "row-00"
    assert project.row(mixed, "row-20")["kind"] == "passage"
    with pytest.raises(NotFoundError):
        project.row(mixed, "row-99")


def test_every_mistake_of_a_query_is_named_at_once(project: Project, mixed: Dataset) -> None:
    with pytest.raises(InputError) as caught:
        project.rows(mixed, sort="beauty", flags=["loud"], kinds=["poem"], sources="talks", search="(", regular=True)
    for word in ("beauty", "loud", "poem", "sources is one text", "'('"):
        assert word in str(caught.value)
    with pytest.raises(InputError, match="no such page"):
        project.rows(mixed, page=0)
    assert project.rows(mixed, page=99, size=10).page == 3


def test_work_is_told_while_it_goes_on_and_left_in_the_middle_keeps_nothing(
    project: Project, mixed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_facts, "BATCH", 5)
    monkeypatch.setattr(search, "BATCH", 5)
    copy = write_dataset(project.folder, "copy", mixed.examples)
    query: dict[str, Any] = {"languages": ["English"], "search": "bridges"}
    halfway = project.preparing_rows(copy, **query)
    assert next(halfway) == (5, 23)
    halfway.close()
    assert not row_facts.is_measured(copy, "languages")
    told = list(project.preparing_rows(copy, **query))
    assert told[4] == (23, 23) and told[-1] == (23, 23) and len(told) == 10
    assert list(project.preparing_rows(copy, **query)) == []
    assert project.rows(copy, **query).total == 8


def test_no_row_at_all(project: Project, mixed: Dataset) -> None:
    empty = write_dataset(project.folder, "empty", mixed.examples.iloc[:0])
    assert project.rows(empty, search="x", sort="studio", languages=["German"]).total == 0
    assert (
        project.overview(empty).flagged == 0
        and project.worst(empty, "coherence").empty
        and project.languages(empty).empty
    )


def test_rows_are_taken_in_the_order_asked_for(mixed: Dataset, tmp_path: Path) -> None:
    whole = mixed.examples
    for positions in ([22, 0, 9, 8, 0], [], list(range(23))):
        taken = mixed.take(positions)
        assert list(taken["id"]) == list(whole["id"].iloc[positions])
        assert list(taken["messages"]) == list(whole["messages"].iloc[positions])
    with pytest.raises(IndexError):
        mixed.take([23])
