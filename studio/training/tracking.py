"""Writes a run's curves for Weights & Biases too, when its recipe asks. Without a key it does so offline, into the run's
own folder. The key is wandb's own affair (its login, or the environment): the studio neither asks for it nor keeps it.
Nothing that goes wrong here ends a run."""

import math
import os
import shlex
import traceback
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from studio import store
from studio.training.run import Run

SECONDS_TO_BEGIN = 20


class WandbCallback(TrainerCallback):  # type: ignore[misc]
    """What transformers' own callback sends besides (all arguments, so paths of this machine) stays here."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.there: Any = None

    def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._try(self._begin)

    def on_log(self, arguments: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if self.there is None:
            return
        named = {
            ("eval/" + key.removeprefix("eval_") if key.startswith("eval_") else "train/" + key): value
            for key, value in logs.items()
            if isinstance(value, (int, float)) and math.isfinite(value)
        }
        self._try(lambda: self.there.log({"step": state.global_step, **named}))

    def on_train_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if self.there is not None:
            self._try(lambda: self.there.finish())

    def _begin(self) -> None:
        import wandb  # here: it takes a second, and most runs do without

        folder = self.run.folder / "wandb"
        folder.mkdir(exist_ok=True)
        if has_account():
            try:
                self.there = self._open(wandb, "online")
            except Exception as error:  # no network, a key that is refused
                print(f"Weights & Biases did not answer ({type(error).__name__}), so it is written offline", flush=True)
        self.there = self.there or self._open(wandb, "offline")
        self.there.define_metric("step")
        self.there.define_metric("*", step_metric="step")
        if self.there.offline:
            # a run that was resumed has a folder for each of its starts
            self._say(
                "the curves are written offline, into the run's folder",
                f"wandb sync {shlex.quote(str(folder))}/offline-run-*",
            )
        else:
            self._say(f"followed at {self.there.url}")

    def _open(self, wandb: Any, mode: str) -> Any:
        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, disable_code=True, x_disable_machine_info=True, x_disable_stats=True,
            init_timeout=SECONDS_TO_BEGIN,
        )  # fmt: skip
        project = os.environ.get("WANDB_PROJECT", self.run.folder.parent.parent.name)
        recipe = self.run.recipe.model_dump(exclude={"wandb"})
        return wandb.init(
            project=project, dir=str(self.run.folder), name=self.run.id, config=recipe, mode=mode, settings=settings
        )

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:
            traceback.print_exc()
            self.there = None
            self._say(
                f"stopped ({type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}); the training goes on"
            )

    def _say(self, words: str, command: str = "") -> None:
        print(f"Weights & Biases: {words}" + (f"; send it with: {command}" if command else ""), flush=True)
        store.write_json(self.run.folder / "tracking.json", {"words": words, "command": command})


def has_account() -> bool:
    """Whether wandb finds a key of its own and nobody has said offline. Looks at no file that wandb itself would not."""
    if os.environ.get("WANDB_MODE", "").lower() in ("offline", "disabled", "dryrun"):
        return False
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    host = wandb_setup.singleton().settings.base_url
    return bool(
        os.environ.get("WANDB_API_KEY") or wbauth.session_credentials(host=host) or wbauth.read_netrc_auth(host=host)
    )
