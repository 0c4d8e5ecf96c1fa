"""The journal as a notebook: the steps that led to a result, waits included, ready to run in a fresh kernel."""

from collections.abc import Collection
from pathlib import Path

from studio import store
from studio.errors import NotFoundError
from studio.journal import Step

SOURCE = Path(__file__).resolve().parents[2]
OPENING = """import sys

sys.path.append({source!r})  # this studio, for a kernel that does not find it by itself
from studio import Project, Recipe

project = Project.open({name!r}, home={home!r})"""


def ancestry(steps: list[Step], result: str | None, lost: Collection[str] = ()) -> list[Step]:
    """The done steps that `result` (a name of the journal) was made from, in order; all of them without a result.

    `lost` are the jobs (their ids) that came to nothing: their steps are left out, and whatever was made from them.
    """
    done: list[Step] = []
    without: set[str] = set()
    for step in steps:
        if step.state != "done" or set(step.results) & set(lost) or set(step.inputs.values()) & without:
            without |= set(step.outputs)
        else:
            done.append(step)
    if result is None:
        return done
    wanted, chosen = {result}, []
    for step in reversed(done):
        if wanted & set(step.outputs):
            chosen.append(step)
            wanted |= set(step.inputs.values())
    if not chosen:
        names = ", ".join(name for step in done for name in step.outputs) or "none yet"
        raise NotFoundError("There is no such result in the journal", result, f"The results are: {names}")
    return chosen[::-1]


def text_of(chosen: list[Step], project_name: str, home: Path) -> str:
    """An .ipynb whose first cell opens the project `project_name` in `home`; a training and a search are waited
    for in their own cells. Raises NotFoundError when there is no step."""
    import nbformat
    import nbformat.v4 as notebook

    if not chosen:
        raise NotFoundError("There is nothing to export yet", "an empty journal", "Run a cell first")
    title = f"# {project_name}\n\nMade by Fine-Tuning Studio. It repeats, step by step, what was done on the page."
    opening = OPENING.format(source=str(SOURCE), name=project_name, home=str(home))
    cells = [notebook.new_markdown_cell(title), notebook.new_code_cell(opening)]
    for step in chosen:
        waits = f"\n{step.outputs[0]}.wait()" if step.verb in ("train", "search") else ""
        cells.append(notebook.new_code_cell(step.code + waits))
    made = notebook.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return str(nbformat.writes(made))


def write_notebook(chosen: list[Step], path: Path, project_name: str, home: Path) -> Path:
    """Writes what `text_of` gives."""
    store.write_text(path, text_of(chosen, project_name, home))
    return path
