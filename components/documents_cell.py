"""The cell of tab 1 that makes examples of documents: by a template, a model, or an endpoint."""

import time
from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, empty, job_line, more, tiles, turns
from components.dataset_box import opened
from components.load_cell import rows_made
from studio import JobError, Project

WHY = "Documents are cut into passages, and each becomes a question with its answer, or several."
NO_DOCUMENTS = "No documents yet. Load text, Markdown, HTML, PDF or Word files, or a folder of them, in cell 1."
BY = [("Template, no model", "template"), ("Model on this machine", "model"), ("Endpoint", "endpoint")]
FIELDS = "{passage} is the whole passage, {first} its first sentence, {rest} what follows it."
WAYS = [("A list of questions and answers (JSON)", "list"), ("A question, then its answer", "question")]
SHOWN = 3
LONGEST = 900


def build_documents(page: Page, number: int) -> None:
    usual = Project.usual_prompts
    with Cell(page, "data-documents", number, "Examples from documents", WHY, "add_from_documents", describe=rows_made) as cell:  # fmt: skip
        nothing = gr.HTML(empty(NO_DOCUMENTS), elem_id="data-documents-empty")
        with gr.Column(visible=False) as inputs:
            with gr.Row(elem_classes="row"):
                dataset = gr.Dropdown([], label="Documents", elem_id="data-documents-dataset")
                by = gr.Radio(BY[:2] if page.demo else BY, value="template", label="Examples are made by", scale=2, elem_id="data-documents-by")  # fmt: skip
            with gr.Row(elem_classes="row") as for_template:
                asked = gr.Textbox("Continue this text:\n\n{first}", label="Prompt", info=FIELDS, lines=3, elem_id="data-documents-prompt")  # fmt: skip
                answered = gr.Textbox("{rest}", label="Completion", info="The same fields.", lines=3, elem_id="data-documents-completion")  # fmt: skip
            with gr.Row(visible=False, elem_classes="row") as for_model:
                model = gr.Textbox("starter", label="Model" if page.demo else "Model: starter, a folder of this machine, or a Hub id", interactive=not page.demo, elem_id="data-documents-model")  # fmt: skip
            with gr.Column(visible=False) as for_endpoint:
                with gr.Row(elem_classes="row"):
                    url = gr.Textbox(label="Address", placeholder="http://localhost:8000/v1", elem_id="data-documents-url")  # fmt: skip
                    served = gr.Textbox(label="Model of the endpoint", elem_id="data-documents-served")
                with gr.Row(elem_classes="row"):
                    variable = gr.Textbox(label="Environment variable that holds the key", placeholder="OPENAI_API_KEY", elem_id="data-documents-variable")  # fmt: skip
                    key = gr.Textbox(label="Or the key: held in memory only", type="password", elem_id="data-documents-key")  # fmt: skip
            with gr.Column(visible=False) as for_chat:
                way = gr.Radio(WAYS, value="list", label="The model writes", elem_id="data-documents-way")
                instruction = gr.Textbox(usual["list"], label="What it is asked: {passage} is the passage", lines=5, elem_id="data-documents-instruction")  # fmt: skip
                second = gr.Textbox(usual["answer"], label="What it is asked then: {question} is what it wrote", lines=5, visible=False, elem_id="data-documents-second")  # fmt: skip
            with more(), gr.Row(elem_classes="row"):
                tokens = gr.Number(512, label="Tokens of a passage, at most", precision=0, minimum=1, elem_id="data-documents-tokens")  # fmt: skip
                overlap = gr.Number(64, label="Tokens that two passages share, at most", precision=0, minimum=0, elem_id="data-documents-overlap")  # fmt: skip
                name = gr.Textbox(label="Name of the dataset", placeholder="as the documents, with -examples", elem_id="data-documents-name")  # fmt: skip
            with gr.Row(elem_classes="row"):
                look = gr.Button("Preview", elem_id="data-documents-preview", min_width=120)
                run = gr.Button("Run", variant="primary", elem_id="data-documents-run", min_width=120)
                stop = gr.Button("Stop (keeps what is made)", visible=False, elem_id="data-documents-stop")
                resume = gr.Button("Resume", visible=False, elem_id="data-documents-resume", min_width=120)
        state = gr.HTML("", elem_id="data-documents-state")
        seen_first = gr.HTML("", elem_id="data-documents-seen")
        result = gr.HTML("", elem_id="data-documents-result")
    timer, seen = gr.Timer(1.0, active=False), gr.State("")
    choices = [
        dataset,
        by,
        asked,
        answered,
        model,
        url,
        served,
        variable,
        key,
        way,
        instruction,
        second,
        tokens,
        overlap,
    ]
    following = [state, stop, resume, timer, seen, page.made]

    def plan(kind: str, prompt: str, completion: str, *values: Any) -> tuple[dict[str, Any], dict[str, int]]:
        """The generator and the size, as the verb wants them."""
        chosen, address, of_endpoint, named, typed, how, first, then, most, shared = values
        size = {"tokens": int(most or 0), "overlap": int(shared or 0)}
        if kind == "template":
            return {"kind": kind, "prompt": prompt, "completion": completion}, size
        chat = {"kind": kind, "prompt": first, **({"answer_prompt": then} if how == "question" else {})}
        if kind == "model":
            return {**chat, "model": (chosen or "").strip()}, size
        key_of = {"key_variable": (named or "").strip() or None, "api_key": (typed or "").strip() or None}
        return {**chat, "model": (of_endpoint or "").strip(), "base_url": (address or "").strip(), **key_of}, size

    def switch(project: Project, kind: str, how: str) -> Updates:
        shown = {for_template: kind == "template", for_model: kind == "model", for_endpoint: kind == "endpoint", for_chat: kind != "template"}  # fmt: skip
        return {**{part: gr.update(visible=on) for part, on in shown.items()}, second: gr.update(visible=how == "question")}  # fmt: skip

    def other_way(project: Project, how: str, first: str) -> Updates:
        """The usual prompt follows the way; one that was edited stays."""
        prompt = usual[how] if first in usual.values() else gr.skip()
        return {instruction: prompt, second: gr.update(visible=how == "question")}

    def preview(project: Project, reference: str | None, *values: Any) -> Updates:
        generator, size = plan(*values)
        found = project.preview_from_documents(opened(project, reference), generator, **size, count=SHOWN)
        words = f'<p class="why">The first {len(found)} passages. Nothing is made yet.</p>'
        return {seen_first: words + "".join(map(_previewed, found)), **cell.done(project), **follow(project)}

    def begin(project: Project, called: str | None, reference: str | None, *values: Any) -> Updates:
        generator, size = plan(*values)
        project.start_add_from_documents(opened(project, reference), generator, name=(called or "").strip() or None, **size)  # fmt: skip
        return {**follow(project), seen_first: "", key: ""}

    def follow(project: Project, before: str = "") -> Updates:
        hidden = gr.update(visible=False)
        jobs = project.generations()
        if not jobs:
            return {state: "", stop: hidden, resume: hidden, timer: gr.update(active=False), seen: ""}
        job = jobs[-1]
        status, progress, made = job.state.status, job.progress, job.dataset
        now = f"{job.id} {status} {progress.done} {progress.note}"
        if now == before:
            return {}
        words, bar = job_line(job)
        over = status in ENDED
        return {
            state: "" if made is not None else bar,
            stop: gr.update(visible=status in ("running", "queued")),
            resume: gr.update(visible=over and made is None),
            timer: gr.update(active=not over),
            seen: now,
            **(cell.says(words) if made is None else {}),
        }

    def tick(project: Project, before: str) -> Updates:
        """When it has just ended, the other cells show what there is now."""
        updates = follow(project, before)
        ended = bool(updates) and project.generations()[-1].state.status in ENDED
        return {**updates, page.made: time.time_ns()} if ended else updates

    def press_stop(project: Project) -> Updates:
        _newest(project).stop()
        return {**follow(project), stop: gr.update(visible=False)}

    def press_resume(project: Project, typed: str | None) -> Updates:
        _newest(project).resume((typed or "").strip() or None)
        return {**follow(project), key: ""}

    def show(project: Project) -> Updates:
        found = [documents.reference for documents in project.documents()]
        offered = gr.update(choices=found, value=found[0] if found else None)
        there = {nothing: gr.update(visible=not found), inputs: gr.update(visible=bool(found)), dataset: offered}
        step = cell.latest(project)
        return {**there, result: "" if step is None else _result(project, step.results[0]), **follow(project)}

    page.on(by.change, switch, [by, way], [for_template, for_model, for_endpoint, for_chat, second], cell, show_progress="hidden")  # fmt: skip
    page.on(way.input, other_way, [way, instruction], [instruction, second], cell, show_progress="hidden")
    page.on(look.click, preview, choices, [seen_first], cell)
    page.on(run.click, begin, [name, *choices], [*following, seen_first, key], cell)
    page.on(stop.click, press_stop, [], following, cell)
    page.on(resume.click, press_resume, [key], [*following, key], cell)
    page.follow(timer.tick, tick, [seen], following, cell)
    page.refresh_with(show, [nothing, inputs, dataset, result, *following[:-1], *cell.outputs])


def _newest(project: Project) -> Any:
    jobs = project.generations()
    if not jobs:
        raise JobError("There is no such work", "no examples were begun", "Press “Run”")
    return jobs[-1]


def _previewed(made: dict[str, Any]) -> str:
    if made["prompt"]:
        return _pair(made["link"], made["text"], turns([{"role": "is asked", "content": made["prompt"]}], LONGEST))
    reason = f'<p class="look">! {escape(made["reason"])}</p>' if made["reason"] else ""
    return _pair(made["link"], made["text"], "".join(map(_conversation, made["messages"])) + reason)


def _result(project: Project, reference: str) -> str:
    """How many, and the first ones, each beside its passage."""
    made = project.dataset(reference)
    first = next(iter(made.batches(SHOWN)))
    texts = project.passages_of(made, set(first["source"]))
    facts = {f"examples in {reference}": f"{len(made):,}", "passages or rows that gave nothing": f"{len(made.problems):,}"}  # fmt: skip
    rows = zip(first["source"], first["messages"], strict=True)
    pairs = "".join(_pair(link, texts.get(link, ""), _conversation(messages)) for link, messages in rows)
    why = "<p class='why'>Cell 3, Look, lists each of these with its reason.</p>" if len(made.problems) else ""
    return tiles(facts) + why + pairs


def _conversation(messages: list[dict[str, str]]) -> str:
    return turns([message for message in messages if message["role"] != "system"], LONGEST)


def _pair(link: str, text: str, made: str) -> str:
    return f'<div class="pair">{turns([{"role": link, "content": text}], LONGEST)}<div>{made}</div></div>'
