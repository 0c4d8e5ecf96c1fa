"""Makes one bundle in its own process; job.request has project_folder, run_id and kind."""

from pathlib import Path

from studio import store
from studio.examples import open_dataset
from studio.export import adapter, bundle, merged
from studio.jobs.job import Job
from studio.training.run import open_run

PROMPTS = 8


def work(job: Job) -> None:
    request = job.request
    project_folder, kind = Path(request["project_folder"]), str(request["kind"])
    run = open_run(project_folder, request["run_id"])
    dataset = open_dataset(project_folder, run.evaluation_dataset or run.train_dataset)
    target = project_folder / "exports" / job.id
    with store.making_folder(target) as folder:
        job.report(0, 3, "reading the run")
        if kind == "adapter" and run.recipe.uses_adapter:
            parity = None
            adapter.write(run, folder)
        else:
            prompts = [messages[:-1] for messages in dataset.take(range(min(PROMPTS, len(dataset))))["messages"]]
            parity = merged.write(run, folder, prompts, dataset.reference, job)
        job.report(2, 3, "zipping")
        bundle.finish(folder, target, kind, run.id, parity)
    job.report(3, 3, "done")
