"""The process that makes examples of documents, top to bottom: cut, ask, keep, write the dataset and its step."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio import chat, models, store
from studio.chat import TokenCounter
from studio.data import generation, generators
from studio.data.endpoint import EndpointAsker
from studio.data.generation import ChatMaker, Failure, FunctionMaker, Kept, Maker, Plan
from studio.data.generation_job import RESULT, Generation, all_of
from studio.data.generators import ChatModel, Endpoint, Generator
from studio.errors import InputError
from studio.examples import Dataset, list_datasets, open_dataset
from studio.inference import answers
from studio.jobs import queue
from studio.jobs.job import Job, Stopped
from studio.journal import Journal


def work(job: Job) -> None:
    """Makes the examples of job.request; a stop leaves what was generated, and no dataset."""
    key = os.environ.pop(queue.SECRET_VARIABLE, None)
    made_by = Generation(job.folder)
    request = job.request
    folder = Path(request["project_folder"])
    documents = open_dataset(folder, request["documents"])
    generator = _with_key(generators.of(request["generator"]), key, bool(request["typed_key"]))
    journal, arguments = Journal(folder), dict(request["arguments"])
    if not isinstance(
        generator, generators.Template | ChatModel
    ):  # what cannot be made again is repeated from what was kept
        arguments["kept"] = str(made_by.generated)

    def make() -> Dataset:
        counter = TokenCounter(models.STARTER)
        maker = _maker(generator, made_by, job.stop_requested)
        origin = {"job": job.id}
        return generation.run(
            folder, documents, Plan(**request["plan"]), maker, counter, origin, job.report, job.stop_requested
        )

    made = next((one for one in list_datasets(folder) if one.description.get("job") == job.id), None)
    if made is None or journal.name_of(made.reference) is None:  # else it was killed after its step was written
        found = made
        try:
            made = journal.step(
                generation.VERB, {"dataset": documents.reference}, arguments, ["examples"], lambda: found or make(), lambda one: [one.reference]
            )  # fmt: skip
        except Stopped:
            return
    store.write_json(job.folder / RESULT, {"dataset": made.reference})


def _with_key(generator: Generator, key: str | None, typed: bool) -> Generator:
    if not isinstance(generator, Endpoint) or not typed:
        return generator
    if key is None:
        raise InputError("The key is not known any more", "it was held in memory only", "Type it again, then resume")
    return replace(generator, api_key=key)


def _maker(generator: Generator, job: Generation, should_stop: Callable[[], bool]) -> Maker:
    if isinstance(generator, generators.Template):
        return FunctionMaker(generator, should_stop)
    kept = Kept(job.generated, list(_earlier(job)))
    if isinstance(generator, generators.OwnFunction):
        return FunctionMaker(generator, should_stop, kept)
    job.report(0, 1, "loading the model" if isinstance(generator, ChatModel) else "asking the endpoint")
    asker = ModelAsker(generator, should_stop, job.home) if isinstance(generator, ChatModel) else EndpointAsker(generator, should_stop)  # fmt: skip
    return ChatMaker(generator, asker, should_stop, kept)


def _earlier(job: Generation) -> Iterator[Path]:
    """What was generated for the same by others: starting again goes on as well as resuming. `kept` comes before them, and
    is all there is of a function: another one may have its name."""
    if job.request["generator"]["kind"] != generators.OwnFunction.kind:
        for other in all_of(Path(job.request["project_folder"])):
            if other.id != job.id and other.request["generator"] == job.request["generator"]:
                yield other.generated
    if job.request["kept"]:
        yield Path(job.request["kept"])


class ModelAsker:
    """A chat model on this machine, asked in batches."""

    def __init__(self, generator: ChatModel, should_stop: Callable[[], bool], home: Path) -> None:
        import torch

        self.at_once = 32 if torch.cuda.is_available() else 4
        self._longest, self._should_stop = generator.max_new_tokens, should_stop
        self._model, self._tokenizer = models.load(generator.model, generator.quantisation, home=home)  # type: ignore[arg-type]

    def __call__(self, prompts: Sequence[str]) -> Iterator[tuple[int, str | Failure]]:
        asked: dict[int, list[dict[str, Any]]] = {}
        for place, prompt in enumerate(prompts):
            conversation = [{"role": "user", "content": prompt}]
            length = len(chat.prompt_ids(self._tokenizer, conversation))
            room = answers.room_for_answer(self._model, length, self._longest)
            if room < min(self._longest, answers.LEAST_NEW_TOKENS):
                limit = answers.context_length(self._model)
                yield place, Failure(f"with its prompt it is too long for this model: {length:,} tokens of {limit:,}")
            else:
                asked[place] = conversation
        made = answers.generate(
            self._model, self._tokenizer, list(asked.values()), max_new_tokens=self._longest, should_stop=self._should_stop
        )  # fmt: skip
        if self._should_stop():
            raise Stopped  # the last answers may be cut off
        yield from zip(asked, made, strict=True)
