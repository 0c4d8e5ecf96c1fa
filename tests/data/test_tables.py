"""Quotes between tabs: around a cell of several lines they are none of its text, at the beginning of a sentence they are."""

import csv
import io
from pathlib import Path

import pytest

from studio.data import readers

HEADER = "question\tanswer\n"


def read(path: Path, text: str) -> tuple[list[tuple[int, str, str]], list[str]]:
    path.write_text(text, newline="")
    rows, problems = readers.read(path)
    return [(line, *row.values()) for line, row in rows], [reason for _, reason, _ in problems]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_quote_that_begins_in_one_row_and_ends_in_another_does_not_make_one_of_them(
    tmp_path: Path, ending: str
) -> None:
    said = [f"Line {at} of the book." for at in range(30)]
    said[5], said[9], said[20], said[21] = (
        '"I came to see you, he said',
        'and then I left."',
        '"No."',
        '"Yes," he said.',
    )
    text = HEADER + "".join(f"Say line {at}\t{answer}\n" for at, answer in enumerate(said))
    rows, problems = read(tmp_path / "lines.tsv", text.replace("\n", ending))
    kept = {line - 2: answer for line, _, answer in rows}
    assert len(rows) == 29 and kept[5] == said[5] and kept[9] == said[9] and kept[6] == said[6]
    assert len(problems) == 1 and "not CSV" in problems[0]  # line 21: a quote goes on behind the one that closes it


def test_a_thousand_such_rows_are_read_and_none_is_lost(tmp_path: Path) -> None:
    said = ['"He came' if at % 2 else 'and left."' for at in range(1001)]
    rows, problems = read(tmp_path / "a.tsv", HEADER + "".join(f"{at}\t{answer}\n" for at, answer in enumerate(said)))
    assert [answer for _, _, answer in rows] == said and not problems
    assert [line for line, _, _ in rows] == list(range(2, 1003))


CELLS = [
    "one\ntwo", "one\n\nthree", 'He said "no"\nand left', "with\ta tab", "a\tb\nc\td", "name\tage\nAna\t3\nBob\t4", 'a "quote"\tand\nname\tage', "\n", "last\n",
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_cells_of_several_lines_are_read_as_programs_write_them(tmp_path: Path, cell: str, quoting: int) -> None:
    text = io.StringIO()
    rows = [["question", "answer"], ["What?", cell], [cell, "That."], ["And?", "This."]]
    csv.writer(text, delimiter="\t", quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    found, problems = read(tmp_path / "a.tsv", text.getvalue())
    assert [list(cells) for _, *cells in found] == rows[1:] and not problems


def test_between_commas_quotes_are_around_cells(tmp_path: Path) -> None:
    text = 'question,answer\nA poem,"Roses are red\nViolets, blue\nSugar, sweet"\n'
    assert read(tmp_path / "a.csv", text) == ([(2, "A poem", "Roses are red\nViolets, blue\nSugar, sweet")], [])
