"""The verbs about models before a training: which there are, what one is, fetching it, and whether its code may run."""

from pathlib import Path

from studio import consent, hardware, hub, model_files
from studio.catalogue import demands, download, listing, remote, report
from studio.catalogue.listing import Known
from studio.catalogue.remote import Found
from studio.catalogue.report import ModelReport
from studio.consent import Consent
from studio.errors import ForbiddenError, InputError
from studio.hardware import Library, Precision
from studio.jobs.job import Job
from studio.model_shapes import ModelShape
from studio.models import known_as, resolve


class ModelVerbs:
    """Needs the folder and the home of a project. What these do concerns the machine and no project, so none is a step: a
    notebook that trains fetches what it lacks, and asks its own machine's owner for consent."""

    folder: Path
    home: Path
    demo: bool

    def models(self) -> list[Known]:
        """The models on this machine: model, where (starter, cache, folder), bytes. In the demo the starter alone."""
        return listing.here(self.home)[: 1 if self.demo else None]

    @staticmethod
    def precisions() -> list[Precision]:
        """4-bit, 8-bit, bf16, fp16 and 32-bit: whether each works on this machine, and in words how well."""
        return hardware.precisions()

    @staticmethod
    def weights_in_memory(model: str) -> dict[str, float]:
        """Bytes that the weights of a model take, by the names of `precisions`. Raises NotFoundError when its size is not
        known: not downloaded, and none in its name."""
        return demands.weights_in_memory(ModelShape.of(model))

    @staticmethod
    def time_without_gpu(model: str, tokens: float) -> tuple[float, float]:
        """Seconds, the least and the most, that training over so many tokens (times the epochs) may take on the cores of
        this machine: a rough estimate before any run. Raises as `weights_in_memory`."""
        return demands.seconds_without_gpu(ModelShape.of(model).parameters, tokens, hardware.machine().cores)

    @staticmethod
    def libraries() -> list[Library]:
        """The libraries of training: name, version, least (the version that is needed), will_do."""
        return hardware.libraries()

    def search_models(self, text: str) -> list[Found]:
        """What the Hub has by that name, from three letters on: model, downloads, gated, private. Raises NotFoundError when
        the Hub does not answer."""
        self._owner_only("The Hub cannot be searched here")
        return remote.search(text)

    def look_at_model(self, model: str) -> ModelReport:
        """Where it is, how large, why it cannot be trained, its template and its code. Raises NotFoundError for a name that
        is nothing; what the Hub refuses is in `.problem`."""
        if model != "starter":
            self._owner_only("Only the starter model can be used here")
        return report.report(model, self.home)

    def start_download(self, model: str) -> Job:
        """Begins to fetch a Hub model into the library's cache, as a job that needs no card; returns at once. Raises
        NotFoundError and InputError: gated, missing, not causal, no safetensors, no room on the disk."""
        self._owner_only("Nothing is fetched from the Hub here")
        if isinstance(place := resolve(model), Path):
            raise InputError(f"The model {model} is on this machine already", str(place), "Start the training")
        return download.start(self.folder, self.home, model)

    def resume_download(self, job: Job) -> Job:
        """Goes on where it was stopped or cut off."""
        self._owner_only("Nothing is fetched from the Hub here")
        return download.resume(job)

    def downloads(self) -> list[Job]:
        """This project's, the oldest first."""
        return download.all_of(self.folder)

    def model_code(self, model: str) -> dict[str, str]:
        """The text of each file of code that a model on this machine needs to run, by its path; {} when it needs none. It
        is read and not run."""
        self._owner_only("Only the starter model can be used here")
        folder = self._folder_of(model)
        if not model_files.needs_own_code(model_files.read_json(folder / "config.json")):
            return {}
        hashes = model_files.code_hashes(folder)
        return {name: (folder / name).read_bytes().decode("utf-8", errors="replace") for name in hashes}

    def allow_code(self, model: str, read: dict[str, str]) -> Consent:
        """Lets the model's own code run on this machine, as long as it is what `model_code` showed (`read`); a change of
        any file takes it back. Raises InputError when it is not, or when no code is needed."""
        self._owner_only("No model's own code runs here")
        if not read or read != self.model_code(model):
            found = "it needs none" if not self.model_code(model) else "what is there is not what was read"
            raise InputError(f"The code of the model {model} was not allowed", found, "Read it again")
        folder = self._folder_of(model)
        commit = "" if isinstance(resolve(model), Path) else folder.name
        return consent.give(self.home, known_as(model), folder, model_files.code_hashes(folder), commit)

    def withdraw_code(self, model: str) -> None:
        """Takes a consent back. What runs goes on; nothing new starts with that code."""
        self._owner_only("No model's own code runs here")
        consent.withdraw(self.home, known_as(model))

    def allowed_code(self) -> list[Consent]:
        """Every consent that holds on this machine: model, commit, given (when), files."""
        self._owner_only("No model's own code runs here")
        return consent.listed(self.home)

    def use_token(self, token: str | None) -> None:
        """Asks the Hub with this token, held in the memory of this process and in the environment of the jobs it starts;
        None forgets it. It is written nowhere."""
        self._owner_only("A token is not taken here: others use this process too")
        hub.use_token(token.strip() if token else None)

    @staticmethod
    def token_source() -> str:
        """Where the Hub's token comes from: typed, environment, login, or "" for none."""
        return hub.token_source()

    def _folder_of(self, model: str) -> Path:
        place = resolve(model)
        folder = place if isinstance(place, Path) else model_files.cached_folder(place)
        if folder is None:
            raise InputError(f"The model {model} is not on this machine", "the Hub has it", "Download it first")
        return folder

    def _owner_only(self, what: str) -> None:
        if self.demo:
            raise ForbiddenError(what, "a shared Space", "Run the studio on your own machine")
