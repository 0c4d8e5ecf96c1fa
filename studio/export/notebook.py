"""The journal as a notebook: the steps that led to a result, waits included, ready to run in a fresh kernel."""

from pathlib import Path

from studio import store
from studio.errors import NotFoundError
from studio.journal import Step


def ancestry(steps: list[Step], result: str | None) -> list[Step]:
    """The done steps that `result` (a name of the journal) was made from, in order; all of them without a result."""
    done = [step for step in steps if step.state == "done"]
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


def write_notebook(steps: list[Step], result: str | None, path: Path, project_name: str) -> Path:
    """Writes an .ipynb whose first cell opens the project `project_name`; a training is waited for in its own cell."""
    import nbformat.v4 as notebook

    chosen = ancestry(steps, result)
    if not chosen:
        raise NotFoundError("There is nothing to export yet", "an empty journal", "Run a cell first")
    title = f"# {project_name}\n\nMade by Fine-Tuning Studio. It repeats, step by step, what was done on the page."
    opening = f"from studio import Project, Recipe\n\nproject = Project.open({project_name!r})"
    cells = [notebook.new_markdown_cell(title), notebook.new_code_cell(opening)]
    for step in chosen:
        waits = f"\n{step.outputs[0]}.wait()" if step.verb == "train" else ""
        cells.append(notebook.new_code_cell(step.code + waits))
    made = notebook.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    import nbformat

    store.write_text(path, nbformat.writes(made))
    return path
