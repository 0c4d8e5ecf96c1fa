"""The verbs that make examples of documents; `studio.Project` inherits them."""

import re
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from studio import store
from studio.chat import TokenCounter
from studio.data import generation, generation_job, generators, own_functions, passages
from studio.data.columns import Choices
from studio.data.generation import FunctionMaker, Kept, Plan
from studio.data.generation_job import Generation
from studio.data.generators import Endpoint, Generator, OwnFunction
from studio.errors import ForbiddenError, InputError, JobError, NothingError, StudioError
from studio.examples import Dataset, list_datasets, open_dataset
from studio.journal import Journal

DEMO_PASSAGES = 200
Made = Generator | Mapping[str, Any] | generators.Function | None


class DocumentVerbs:
    """Needs the folder, the journal and the token counter of a project."""

    folder: Path
    home: Path
    journal: Journal
    demo: bool
    _counter: Callable[[], TokenCounter]
    usual_prompts = generators.USUAL_PROMPTS

    def add_from_documents(
        self, documents: Dataset, generator: Made = None, tokens: int = 512, overlap: int = 64, name: str | None = None,
        system: str | None = None, kept: str | Path | None = None,
    ) -> Dataset:  # fmt: skip
        """Examples of the documents that were loaded, and waits for them: cut into passages of at most `tokens` tokens that
        overlap, and each given to the generator: {"kind": "template", "prompt", "completion"} (the default), {"kind":
        "model", "model", "prompt"}, {"kind": "endpoint", "base_url", "model", "prompt", "key_variable"} (see
        studio.data.generators), or any function from a passage's text to rows.

        An example's `source` is its passage's, as in handbook.pdf#3 (see `passages_of`); those that gave nothing are in
        `.problems`. `kept` is a file of what was generated before, which is not generated again. A function that was
        stopped goes on, unless it is another by now: its code or the plain values it reads (see `own_functions`)."""
        if callable(generator) and not isinstance(generator, generators.Template | OwnFunction):
            return self._with_function(documents, generator, Plan(name or _name(documents), tokens, overlap, system))
        job = self.start_add_from_documents(documents, generator, tokens, overlap, name, system, kept)
        state = job.wait()
        if (made := job.dataset) is None:
            raise JobError(f"{job.id} made no dataset", f"it was {state}", "What was generated is kept: start it again")
        return made

    def start_add_from_documents(
        self, documents: Dataset, generator: Made = None, tokens: int = 512, overlap: int = 64, name: str | None = None,
        system: str | None = None, kept: str | Path | None = None,
    ) -> Generation:  # fmt: skip
        """The same as a job, at once (a model on this machine waits for the card); `.dataset` when it has finished, which writes the step. Not for a
        function, which only this process knows."""
        chosen = generators.of(generator)
        said = {"name": name, "system": system, "kept": None if kept is None else str(kept)}
        arguments = {"generator": chosen.plain(), "tokens": tokens, "overlap": overlap}
        arguments |= {key: value for key, value in said.items() if value is not None}
        try:
            self._check(documents, chosen, tokens, overlap, kept)
            plan = {"name": store.check_name(name or _name(documents)), "tokens": tokens, "overlap": overlap, "system": system,
                    "most_passages": DEMO_PASSAGES if self.demo else None}  # fmt: skip
        except StudioError as error:
            self.journal.failed(generation.VERB, {"dataset": documents.reference}, arguments, ["examples"], error)
            raise
        request = {"documents": documents.reference, "generator": chosen.plain(), "plan": plan, "kept": said["kept"], "arguments": arguments}  # fmt: skip
        return generation_job.start(self.folder, self.home, request, chosen.api_key if isinstance(chosen, Endpoint) else None)  # fmt: skip

    def preview_from_documents(
        self, documents: Dataset, generator: Made = None, tokens: int = 512, overlap: int = 64, system: str | None = None, count: int = 3,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The first passages, and what the template makes of them or what the model would be asked: link, text, messages,
        prompt, reason. Nothing is asked. No step."""
        chosen = generators.of(generator)
        found = list(islice(passages.of_dataset(documents, self._counter(), tokens, overlap), count))
        return generation.preview(found, chosen, Choices.of(None, None, system))

    def documents(self) -> list[Dataset]:
        """The datasets that hold documents, the newest first. No step."""
        return [dataset for dataset in reversed(list_datasets(self.folder)) if passages.holds_passages(dataset)]

    def passages_of(self, dataset: Dataset, sources: Collection[str]) -> dict[str, str]:
        """The texts of the passages that examples with these sources were made of. No step."""
        about = dataset.description
        if about.get("verb") != generation.VERB:
            raise InputError("These examples were not made of documents", dataset.reference, "Choose another dataset")
        documents = open_dataset(self.folder, about["from"])
        file = passages.file_of(self.folder, documents, self._counter(), about["tokens"], about["overlap"])
        return passages.texts_of(file, sources)

    def generations(self) -> list[Generation]:
        """The jobs that make or made examples of documents, the oldest first."""
        return generation_job.all_of(self.folder)

    def _check(
        self, documents: Dataset, generator: Generator, tokens: int, overlap: int, kept: str | Path | None
    ) -> None:
        if self.demo:
            generators.check_allowed(generator)
            if kept is not None:
                raise ForbiddenError("Files of this machine cannot be read here", "a shared Space", "Leave out `kept`")
        passages.check_cut(tokens, overlap)
        if kept is not None and not Path(kept).is_file():
            raise InputError("What was generated is not there", str(kept), "Leave out `kept` to generate it again")
        if not passages.holds_passages(documents):
            raise InputError(
                "There is no document in this dataset", documents.reference, "Load text, HTML, PDF or Word"
            )
        generators.check_there(generator)

    def _with_function(self, documents: Dataset, function: generators.Function, plan: Plan) -> Dataset:
        """In this process. What the function gives is kept as it comes: after a crash it goes on from there, and the step
        repeats from it, for a function cannot be written down."""
        called = str(getattr(function, "__qualname__", type(function).__name__))
        safe = re.sub(r"[^A-Za-z0-9]+", "-", called).strip("-")[:60]
        unfinished = self.folder / "generated" / f"{safe}-{own_functions.sign(function)}.jsonl"
        arguments: dict[str, Any] = {"generator": OwnFunction(called).plain(), "tokens": plan.tokens, "overlap": plan.overlap}  # fmt: skip
        arguments |= {"name": plan.name} if plan.name != _name(documents) else {}
        arguments |= {"system": plan.system} if plan.system is not None else {}

        def make() -> Dataset:
            self._check(documents, OwnFunction(called), plan.tokens, plan.overlap, None)
            store.check_name(plan.name)
            kept = Kept(unfinished)
            maker = FunctionMaker(function, lambda: False, kept)
            try:
                made = generation.run(
                    self.folder, documents, plan, maker, self._counter(), {}, lambda *_: None, lambda: False
                )
            except NothingError:  # nothing of it can be used, and the next call may have read another table
                unfinished.unlink(missing_ok=True)
                raise
            if unfinished.exists():  # done: the next call begins anew
                arguments["kept"] = str(
                    unfinished.replace(unfinished.with_name(f"{safe}-{made.name}-v{made.version}.jsonl"))
                )
            return made

        inputs = {"dataset": documents.reference}
        return self.journal.step(generation.VERB, inputs, arguments, ["examples"], make, lambda made: [made.reference])


def _name(documents: Dataset) -> str:
    return f"{documents.name[:55]}-examples"
