"""What each provider's file gives: its machines and files, and the commands that submit, follow and cancel a job there."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from studio import prices
from studio.prices import Rate
from studio.training.cloud.package import Plan

Stage = Literal["waiting", "running", "finished", "failed", "cancelled"]

RESULTS = "results"
"""Beside the files: where what was learned is fetched to."""


GUIDES_MODEL, ABOUT_AS_LARGE = 7e9, 10e9
"""Parameters of the model that the guide's paces are of, and up to which they are taken as they are."""


@dataclass(frozen=True)
class Machine:
    """`memory` is that of one of its `gpus` in GB; `seller` is who sells it, as the prices name it."""

    seller: str
    name: str
    gpus: int
    memory: int | None = None

    @property
    def priced(self) -> tuple[str, str]:
        return self.seller, self.name

    @property
    def words(self) -> str:
        each = f"{self.memory} GB" if self.memory else ""
        said = f"{self.gpus} GPUs of {each}" if self.gpus > 1 and each else each
        where = f"{self.seller} " if self.seller in ("aws", "gcp") else ""
        return f"{where}{self.name} ({said})" if said else f"{where}{self.name}"


@dataclass(frozen=True)
class Missing:
    """What this machine lacks to submit from here, and how to get it."""

    what: str
    how: str


@dataclass(frozen=True)
class Provider:
    """`files(plan)` gives the texts to write beside the package. Commands are lists of arguments, run in the folder of the
    files, by the name of the job: `submit` (several), `status`, `cancel`, `log` (None where there is none); `check` asks by
    the name of the machine whether the login is good, and `allows` reads its answer; `reads` makes a stage of what `status`
    said. `missing` (by the machine) looks on this computer only. `login` is how to log in; `results` the commands
    that fetch what was learned into the folder RESULTS; `fetches` says whether all of them are typed on this computer. `packs` says whether the package is uploaded as a folder or as package.zip,
    `needs_link` whether the user puts it somewhere and gives the link."""

    name: str
    title: str
    machines: Sequence[Machine]
    files: Callable[[Plan], dict[str, str]]
    submit: Callable[[str], list[list[str]]]
    check: Callable[[str], list[str]]
    allows: Callable[[str, str], bool]
    status: Callable[[str], list[str]]
    reads: Callable[[str, str], Stage]
    log: Callable[[str], list[str] | None]
    cancel: Callable[[str], list[str]]
    missing: Callable[[str], list[Missing]]
    login: str
    results: Callable[[Plan], list[list[str]]]
    packs: str = "folder"
    has_spot: bool = True
    needs_link: bool = False
    fetches: bool = True
    notes: list[str] = field(default_factory=list)

    def machine(self, name: str) -> Machine | None:
        return next((one for one in self.machines if one.name == name), None)


@dataclass(frozen=True)
class Estimate:
    """Hours and US dollars of the whole training, by the guide (G12) and the price that held when the files were made;
    dollars are None where no price was known. `scale` is how many times as long as the guide's model the model takes."""

    hours: float
    rate: Rate | None
    scale: float = 1.0

    @property
    def dollars_low(self) -> float | None:
        return None if self.rate is None else self.hours * self.rate.low * prices.OVERHEAD

    @property
    def dollars_high(self) -> float | None:
        return None if self.rate is None else self.hours * self.rate.high * prices.OVERHEAD

    @property
    def words(self) -> str:
        if self.rate is None or self.dollars_low is None or self.dollars_high is None:
            return f"about {self.hours:.1f} h; no price of this machine is known here"
        return (
            f"about {self.hours:.1f} h and {between(self.dollars_low, self.dollars_high)} (prices of {self.rate.date})"
        )


def between(low: float, high: float) -> str:
    """Dollars, or from how many to how many."""
    least, most = f"${low:,.2f}", f"${high:,.2f}"
    return least if least == most else f"{least} to {most}"


def estimate(machine: Machine, rate: Rate | None, examples: int, epochs: float, parameters: int = 0) -> Estimate:
    """By the guide's examples an hour for QLoRA of a 7B model. A smaller model takes less; a larger one, of so many
    parameters, takes longer as it is larger (Kaplan et al. 2020: the work of a token is proportional to them)."""
    pace = prices.EXAMPLES_AN_HOUR.get(machine.name.removeprefix("ml."), prices.OTHERWISE)
    scale = parameters / GUIDES_MODEL if parameters > ABOUT_AS_LARGE else 1.0
    return Estimate(examples * epochs / pace * scale, rate, scale)


def fetched_from_s3(plan: Plan) -> list[str]:
    return ["aws", "s3", "cp", "--recursive", f"s3://{plan.bucket}/{plan.name}", RESULTS, "--exclude", "checkpoints/*"]


def tool_is_there(tool: str) -> bool:
    return shutil.which(tool) is not None


def is_logged_in_to_aws() -> bool:
    """Whether there is a login of the AWS tools on this computer; whether it is good only AWS can tell."""
    named = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"))
    return named or any((Path.home() / ".aws" / name).exists() for name in ("credentials", "config"))


def is_logged_in_to_google() -> bool:
    """The same for Google Cloud."""
    named = bool(os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"))
    return named or (Path.home() / ".config" / "gcloud" / "application_default_credentials.json").exists()
