"""The adapter alone: its weights, its configuration, the tokenizer and a model card."""

import json
import shutil
from pathlib import Path

from studio import store
from studio.errors import NotFoundError
from studio.export import card
from studio.training.run import Run


def write(run: Run, folder: Path) -> None:
    """Fills `folder`. Raises NotFoundError when the run has lost its weights."""
    if not (run.adapter_folder / "adapter_model.safetensors").exists():
        raise NotFoundError(f"The adapter of {run.id} has no weights", str(run.adapter_folder), "Train it again")
    shutil.copytree(run.adapter_folder, folder, dirs_exist_ok=True)
    (folder / "training_args.bin").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = card.base_name(run.recipe.model)
    store.write_json(path, config)
    store.write_text(folder / "README.md", card.write(run, "adapter", None))
