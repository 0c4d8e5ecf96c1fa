"""What a box of datasets offers, and the dataset that was chosen in one."""

from typing import Any

import gradio as gr

from studio import InputError, Project

MAKERS = ("filter", "redact", "drop_duplicates", "drop_leaked", "mix")
"""The verbs that make a dataset of others."""


def references(project: Project, *first: str) -> list[str]:
    """Every dataset as name@vN, the newest first; those made by the verbs in `first` come before all others."""
    datasets = list(reversed(project.datasets()))
    rank = {verb: position for position, verb in enumerate(first)}
    datasets.sort(key=lambda dataset: rank.get(_verb(dataset), len(first)))
    return [dataset.reference for dataset in datasets]


def _verb(dataset: Any) -> str:
    """Examples made of documents count as loaded."""
    verb = str(dataset.description.get("verb"))
    return "load" if verb == "add_from_documents" else verb


def choose(project: Project, *first: str) -> Any:
    """An update of a dataset box: all datasets, with the likeliest chosen."""
    found = references(project, *first)
    return gr.update(choices=found, value=found[0] if found else None)


def newest(project: Project, *verbs: str) -> Any:
    """An update of a dataset box: all datasets, with the newest chosen that one of these verbs made."""
    found = list(reversed(project.datasets()))
    references = [dataset.reference for dataset in found]
    made = (dataset.reference for dataset in found if _verb(dataset) in verbs)
    return gr.update(choices=references, value=next(made, references[0] if references else None))


def to_learn_from(project: Project) -> str | None:
    """The training part of the newest split, or what was made of it since; None before a split."""
    stands_for: dict[str, str] = {}
    newest, of_the_split = None, set()
    for step in project.journal.steps():
        if step.state != "done":
            continue
        went_in = {stands_for.get(name, name) for key, name in step.inputs.items() if key.startswith("dataset")}
        stands_for |= dict(zip(step.outputs, step.results, strict=True))
        if step.verb == "split":
            newest, of_the_split = step.results[0], {step.results[0]}
        elif step.verb in MAKERS and went_in & of_the_split:
            newest = step.results[0]
            of_the_split.add(newest)
    return newest if newest in references(project) else None


def made_last(project: Project, *verbs: str) -> str | None:
    """The newest dataset that is no test part, of those that one of these verbs made (of all without a verb)."""
    found = ((one, _verb(one)) for one in reversed(project.datasets()))
    return next(
        (
            one.reference
            for one, verb in found
            if (one.name, verb) != ("test", "split") and (not verbs or verb in verbs)
        ),
        None,
    )


def left_out_words(project: Project, step: Any) -> str:
    """What a step that drops rows made, and where those stand; nothing without a step."""
    if step is None:
        return ""
    made = project.dataset(step.results[0])
    gone = made.dropped_count
    words = f"The {gone:,} that were left out stand" if gone != 1 else "The one that was left out stands"
    where = f"{words} in Look, each with its reason." if gone else "None was left out."
    return f'<p class="why"><b class="good">{made.reference}</b> holds {len(made):,} examples. {where}</p>'


def opened(project: Project, reference: str | None) -> Any:
    if not reference:
        raise InputError("No dataset is chosen", "", "Load one in tab 1, or use the sample")
    return project.dataset(reference)
