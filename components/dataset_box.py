"""What a box of datasets offers, and the dataset that was chosen in one."""

from typing import Any

import gradio as gr

from studio import InputError, Project


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


def opened(project: Project, reference: str | None) -> Any:
    if not reference:
        raise InputError("No dataset is chosen", "", "Load one in tab 1, or use the sample")
    return project.dataset(reference)
