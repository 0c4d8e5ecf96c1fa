"""The cell of tab 3 for a rented machine: its files and command, submitting where there is a login, and following there."""

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, empty, table
from components.dataset_box import opened
from components.handout import handout
from components.prices_box import PricesBox
from studio import ForbiddenError, InputError, NotFoundError, Project, Recipe

WHY = (
    "The same training on a machine of somebody else's: as files with the command, or submitted and followed from here."
)
NONE = "No files yet. Choose a machine, then press “Make the files”."
DEMO = "Renting is off in this demo. Run the studio on your own machine."
LINK = "Link to package.zip, from which the pod can fetch it (held in memory only)"
LANGUAGES = {".yaml": "yaml", ".py": "python"}
HOME = "What the machine has learned becomes a run here, to compare, export and report; one that was submitted from here comes by itself."
MOST_FILES = 2
PROVIDERS = {one.name: one for one in Project.providers()}


@dataclass(frozen=True)
class Choice:
    """The boxes that say where it trains, in the order of `chosen`."""

    provider: Any
    machine: Any
    spot: Any
    gpus: Any
    sharded: Any
    bucket: Any

    @property
    def boxes(self) -> list[Any]:
        return [self.provider, self.machine, self.spot, self.gpus, self.sharded, self.bucket]


def build_cloud(page: Page, number: int, dataset: Any, evaluation: Any, recipe: Any) -> None:
    """Trains on `dataset`, watched on `evaluation`, by `recipe` (JSON), as the cells above have them."""
    with Cell(page, "train-cloud", number, "On a rented machine", DEMO if page.demo else WHY, "cloud_files") as cell:
        choice = _choice()
        price = gr.HTML(elem_id="train-cloud-price")
        make = gr.Button(
            "Make the files", variant="primary", interactive=not page.demo, elem_id="train-cloud-run", min_width=160
        )
        nothing = gr.HTML(empty(NONE), elem_id="train-cloud-none")
        with gr.Column(visible=False) as made_box:
            about = gr.HTML(elem_id="train-cloud-about")
            command = gr.Code(
                "", language="shell", interactive=False, label="The command, in the unpacked folder", lines=1, wrap_lines=True,
                buttons=["copy"], elem_id="train-cloud-command",
            )  # fmt: skip
            download = gr.DownloadButton("Download", elem_id="train-cloud-download", min_width=180)
            with gr.Accordion("What the files say", open=False, elem_classes="more", elem_id="train-cloud-files"):
                texts = [
                    gr.Code("", interactive=False, visible=False, max_lines=24, elem_id=f"train-cloud-file-{at + 1}")
                    for at in range(MOST_FILES)
                ]
            with gr.Accordion("Bring its results home", open=False, elem_classes="more", elem_id="train-cloud-home"):
                gr.HTML(f'<p class="why">{HOME}</p>')
                with gr.Row(elem_classes="row"):
                    results = gr.Textbox(
                        label="The folder that they were fetched to", scale=3, elem_id="train-cloud-results"
                    )
                    bring = gr.Button(
                        "Bring them home", interactive=not page.demo, elem_id="train-cloud-bring", min_width=160
                    )
                brought = gr.HTML(elem_id="train-cloud-brought")
            missing = gr.HTML(elem_id="train-cloud-missing")
            link = gr.Textbox(label=LINK, type="password", visible=False, elem_id="train-cloud-link")
            submit = gr.Button("Submit", variant="primary", visible=False, elem_id="train-cloud-submit", min_width=140)
        with gr.Column(visible=False) as following:
            job = gr.Dropdown([], label="Followed", visible=False, elem_id="train-cloud-job")
            state = gr.HTML(elem_id="train-cloud-state")
            with gr.Row(elem_classes="row"):
                cancel = gr.Button("Cancel it there", visible=False, elem_id="train-cloud-cancel", min_width=140)
                again = gr.Button("Follow again", visible=False, elem_id="train-cloud-again", min_width=140)
            log = gr.Code(
                "", language=None, interactive=False, label="Its log", max_lines=16, wrap_lines=True, visible=False, elem_id="train-cloud-log",
            )  # fmt: skip
        prices = PricesBox()
    files_id, seen, timer = gr.State(""), gr.State(""), gr.Timer(2.0, active=False)
    shown = [nothing, made_box, about, command, download, *texts, results, missing, link, submit]
    followed = [following, job, state, cancel, again, log, seen, timer]

    def machines_of(project: Project, provider: str) -> Updates:
        place = PROVIDERS[provider]
        machines = [(one.words, one.name) for one in place.machines]
        return {
            choice.machine: gr.update(choices=machines, value=place.machines[0].name),
            choice.spot: gr.update(visible=place.has_spot, value=place.has_spot),
        }

    def priced(project: Project, provider: str, machine: str, spot: bool) -> Updates:
        found = PROVIDERS[provider].machine(machine)
        if found is None:  # the list of machines is on its way
            return {}
        rate = project.rate(provider, machine, bool(spot))
        words = f"{found.name}: {rate.words}" if rate else f"No price of {found.name} is known: give one under More"
        several = found.gpus > 1
        return {
            price: f'<p class="why">{escape(words)}.</p>',
            choice.gpus: gr.update(visible=several, maximum=found.gpus, **({} if several else {"value": 1})),
            choice.sharded: gr.update(visible=several, **({} if several else {"value": False})),
        }

    def begin(project: Project, reference: str | None, watched: str | None, written: str, *values: Any) -> Updates:
        learn = opened(project, reference)
        if not written:
            raise InputError("There is no recipe to train by", "the recipe in cell 2 is empty or has mistakes", "Correct it first")  # fmt: skip
        provider, machine, spot, gpus, sharded, bucket = values
        options = {"machine": machine, "spot": bool(spot), "bucket": (bucket or "").strip()}
        if gpus and int(gpus) > 1:
            options |= {"gpus": int(gpus), "sharded": bool(sharded)}
        made = project.cloud_files(
            learn, Recipe.from_json(written), project.dataset(watched) if watched else None, provider, **options
        )
        return {**cell.done(project), files_id: made.id}

    def show_files(project: Project, made_id: str) -> Updates:
        try:
            made = project.open_cloud_files(made_id) if made_id else None
        except NotFoundError:
            made = None
        if made is None:
            return {nothing: gr.update(visible=True), made_box: gr.update(visible=False)}
        facts = project.before_submit(made)
        updates: Updates = {
            nothing: gr.update(visible=False), made_box: gr.update(visible=True), about: _about(made, facts["notes"]), command: made.command,
            download: gr.update(value=handout(made.zip), label=f"Download {made.zip.name}"), missing: _missing(facts["missing"]),
            results: str(made.folder / "results"), link: gr.update(visible=facts["needs_link"] and not facts["missing"], value=""),
            submit: gr.update(visible=not facts["missing"], interactive=not page.demo),
        }  # fmt: skip
        names = list(made.texts)
        for at, box in enumerate(texts):
            name = names[at] if at < len(names) else ""
            language = LANGUAGES.get(name[name.rfind(".") :])
            updates[box] = gr.update(value=made.texts.get(name, ""), label=name, language=language, visible=bool(name))
        return updates

    def press_submit(project: Project, made_id: str, given: str) -> Updates:
        started = project.submit(project.open_cloud_files(made_id), link=(given or "").strip() or None)
        return {**follow(project, started.id), link: "", **cell.says(f"{started.id} {started.words}")}

    def follow(project: Project, chosen: str | None = None, before: str = "") -> Updates:
        found = list(reversed(project.cloud_jobs()))
        if not found:
            return {following: gr.update(visible=False), timer: gr.update(active=False), seen: ""}
        at = next((one for one in found if one.id == chosen), found[0])
        status, text = at.state, at.log
        now = f"{at.id} {len(found)} {status} {at.words} {at.rented} {at.job.progress} {hash(text)} {at.cost}"
        if now == before:
            return {}
        over = (at.is_over and not at.lacks_results) or not at.rented.done
        updates: Updates = {
            following: gr.update(visible=True), seen: now, timer: gr.update(active=status not in ENDED), state: _state(at),
            job: gr.update(choices=[one.id for one in found], value=at.id, visible=len(found) > 1),
            cancel: gr.update(visible=status == "running"), again: gr.update(visible=status in ENDED and not over),
            log: gr.update(value=text, visible=bool(text)), **cell.says(f"{at.id} {at.words}"),
        }  # fmt: skip
        came = before and at.rented.run and at.rented.run not in before
        return {**updates, page.made: time.time_ns()} if came else updates

    def press_bring(project: Project, made_id: str, folder: str) -> Updates:
        run = project.bring_run(project.open_cloud_files(made_id), (folder or "").strip())
        return {**cell.made(), brought: f'<p class="good">✓ It is {run.id} now: judge it in Compare.</p>'}

    def press_cancel(project: Project, chosen: str) -> Updates:
        if project.demo:
            raise ForbiddenError("Nothing is rented from this demo", "a shared Space", "Run the studio yourself")
        project.cloud_job(chosen).stop()
        return {**follow(project, chosen), cancel: gr.update(visible=False)}

    def press_again(project: Project, chosen: str, given: str) -> Updates:
        if project.demo:
            raise ForbiddenError("Nothing is rented from this demo", "a shared Space", "Run the studio yourself")
        project.cloud_job(chosen).resume((given or "").strip() or None)
        return follow(project, chosen)

    def refresh(project: Project) -> Updates:
        latest = cell.latest(project)
        known = repr(project.prices())
        return {files_id: latest.results[0] if latest else "", prices.changed: known, **follow(project)}

    quiet = {"show_progress": "hidden"}
    page.on(choice.provider.change, machines_of, [choice.provider], [choice.machine, choice.spot], cell, **quiet)
    for trigger in (choice.machine.change, choice.spot.change, prices.changed.change):
        page.on(
            trigger, priced, [choice.provider, choice.machine, choice.spot], [price, choice.gpus, choice.sharded], cell, quiet=True,
            trigger_mode="always_last", **quiet,
        )  # fmt: skip
    page.on(make.click, begin, [dataset, evaluation, recipe, *choice.boxes], [files_id], cell)
    page.on(files_id.change, show_files, [files_id], shown, cell, **quiet)
    page.on(submit.click, press_submit, [files_id, link], [*followed, link], cell)
    page.on(bring.click, press_bring, [files_id, results], [page.made, brought], cell)
    page.on(job.input, follow, [job], followed, cell, **quiet)
    page.follow(timer.tick, follow, [job, seen], [*followed, page.made], cell)
    page.on(cancel.click, press_cancel, [job], followed, cell)
    page.on(again.click, press_again, [job, link], followed, cell)
    prices.wire(page, cell)
    page.refresh_with(refresh, [files_id, prices.changed, *followed, *cell.outputs])


def _choice() -> Choice:
    first = next(iter(PROVIDERS.values()))
    with gr.Row(elem_classes="row"):
        provider = gr.Dropdown(
            [(one.title, one.name) for one in PROVIDERS.values()], value=first.name, label="Provider", elem_id="train-cloud-provider",
            min_width=200,
        )  # fmt: skip
        machine = gr.Dropdown(
            [(one.words, one.name) for one in first.machines], value=first.machines[0].name, label="Machine", elem_id="train-cloud-machine",
            min_width=200,
        )  # fmt: skip
        bucket = gr.Textbox(
            "fine-tuning-studio", label="Bucket or volume for what must outlive the machine", elem_id="train-cloud-bucket", min_width=200
        )  # fmt: skip
    with gr.Row(elem_classes="row"):
        spot = gr.Checkbox(
            True,
            label="Spot: cheaper, and may be taken away; then it goes on",
            elem_id="train-cloud-spot",
            min_width=220,
        )
        gpus = gr.Number(1, label="GPUs", precision=0, minimum=1, maximum=1, visible=False, elem_id="train-cloud-gpus", min_width=120)  # fmt: skip
        sharded = gr.Checkbox(False, label="Divide the weights among the GPUs (FSDP)", visible=False, elem_id="train-cloud-sharded", min_width=220)  # fmt: skip
    return Choice(provider, machine, spot, gpus, sharded, bucket)


def _about(made: Any, notes: list[str]) -> str:
    place = PROVIDERS[made.provider]
    kind = " spot" if made.spot else ""
    scaled = ", scaled to its size" if made.estimate.scale > 1 else ""
    lines = [
        f"{place.title}, {made.machine}{kind}, as {made.name}: {made.estimate.words}, by the guide's pace for a 7B model{scaled}.",
        "It saves every 100 steps, keeps 3 checkpoints, and goes on from the last where its machine is taken away.",
        *(note for note in notes if note != made.memory),
    ]  # fmt: skip
    warning = f'<div class="note">{escape(made.memory)}</div>' if made.memory else ""
    said = warning + "".join(f'<p class="why">{escape(line)}</p>' for line in lines)
    return (
        f"{said}<p class='why'>When it has finished: <code>{escape(made.results).replace(chr(10), '<br>')}</code></p>"
    )


def _missing(lacking: list[Any]) -> str:
    if not lacking:
        return ""
    rows = [[one.what, one.how] for one in lacking]
    first = "To submit from here this computer lacks the following; without it, use the files and the command."
    return f'<div class="note">{escape(first)}</div>{table(["missing", "how to get it"], rows)}'


def _state(at: Any) -> str:
    """A bar where the log tells a step, where it is in words, what it has cost, and what went wrong."""
    progress, status = at.job.progress, at.job.state
    share = min(1.0, progress.done / progress.of) if progress.of else 0.0
    bar = ""
    if progress.of and at.state == "running":
        bar = f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}"><i style="width:{share:.1%}"></i></div>'
    said = [f"{at.id} on {at.files.machine}: {at.words}", progress.note if bar else "", at.cost]
    if at.state == "interrupted":
        said.append("nobody follows it now, because the process here has ended")
    wrong = ". ".join(part.rstrip(".") for part in (status.error, status.fix) if part)
    line = f'<p class="why">{escape(" · ".join(part for part in said if part))}</p>'
    return bar + line + (f'<div class="message">{escape(wrong)}</div>' if wrong else "")
