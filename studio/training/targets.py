"""On which modules of a model an adapter can be put: told by the files of its weights before a training, and by the model
itself in it."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from studio import model_files, models
from studio.errors import InputError
from studio.model_shapes import ROUTED, ModelShape
from studio.training.recipe import Recipe

HEADS = ("lm_head", "embed_out", "head")
"""As the families of transformers name the layer that gives the logits."""
HOLDING = ("weight", "qweight")
"""What a module's matrix is called in a file of weights; the second where they are quantised (GPTQ, AWQ)."""
WHY_NO_HEAD = "is the head: the loss is computed from its weights directly (TRL), so an adapter there would never learn"
WHY_NO_MATRIX = "has no matrix, and an adapter is made for a linear layer or an embedding"
NAMES_SHOWN = 20


def check(recipe: Recipe) -> None:
    """Raises InputError with every target on which no adapter can be put, and with what its family does not allow; of a
    model whose weights are not on this machine only the head is known."""
    if not recipe.uses_adapter:
        return
    place = models.resolve(recipe.model)
    folder = place if isinstance(place, Path) else model_files.cached_folder(place)
    shape = None if folder is None else ModelShape.of(recipe.model)
    if shape is not None:
        _allowed(recipe, shape)
    if isinstance(recipe.targets, str):
        return
    matrices = {} if folder is None else _matrices_in(folder)
    # what transformers joins or renames as it loads is named by the shape alone
    known = shape.modules if shape and matrices else [_end(target) for target in recipe.targets]
    _refuse(recipe.targets, matrices, HEADS, known)


def check_model(model: Any, targets: list[str] | str) -> None:
    """The same of a model that is loaded: `targets` match a module's whole name or the end of it, as peft 0.21 does."""
    if isinstance(targets, str):
        return
    head, experts = model.get_output_embeddings(), " ".join(ROUTED.get(model.config.model_type, {}).values()).split()
    modules = dict(model.named_modules())
    matrices = {
        name: _holds_matrix(module) for name, module in modules.items() if getattr(module, "weight", None) is not None
    }
    _refuse(targets, matrices, [name for name, module in modules.items() if module is head], experts)
    if missing := [target for target in targets if not _matching(target, modules) and _end(target) not in experts]:
        raise InputError(
            f"The model has no module {', '.join(missing)}", "the last part of a name fits, and not what stands before it",
            "Give the end of a module's name, or use all-linear",
        )  # fmt: skip


def _allowed(recipe: Recipe, shape: ModelShape) -> None:
    """Raises InputError with what PEFT 0.21 would only say when the training has begun: on which linear layers of a family it
    puts no adapter, and what adapters on routed experts can't have."""
    ends = None if isinstance(recipe.targets, str) else {_end(target) for target in recipe.targets}
    wrong: list[tuple[str, str]] = []
    for name in shape.not_adapted:
        if ends is None or name in ends:
            wrong.append((f"an adapter on {name} is refused or never learns", f"name among {', '.join(shape.modules)}"))
    for one in shape.routed:
        parts = one.name.split()
        if ends and 0 < len(ends.intersection(parts)) < len(parts):
            both = " and ".join(parts)
            wrong.append((f"{both} of the experts are one tensor", f"name {both}, or neither"))
    if shape.adapts_experts(recipe.targets) and recipe.dropout > 0:
        wrong.append((f"adapters on experts have no dropout, and it is {recipe.dropout:g}", "set dropout to 0"))
    if shape.adapts_experts(recipe.targets) and recipe.use_dora:
        wrong.append(("adapters on experts have no DoRA", "switch use_dora off"))
    if wrong:
        fix = "; ".join(dict.fromkeys(fix for _, fix in wrong))
        raise InputError(
            f"The model {recipe.model} cannot have these adapters", "; ".join(what for what, _ in wrong), fix[:1].upper() + fix[1:]
        )  # fmt: skip


def _refuse(targets: list[str], matrices: dict[str, bool], heads: Iterable[str], known: Collection[str] = ()) -> None:
    """`matrices`: for each module with weights whether they are a matrix; `known`: ends of names that may be there too."""
    ends: dict[str, bool] = {}
    for name, is_matrix in matrices.items():
        end = _end(name)
        ends[end] = is_matrix and ends.get(end, True)
    head_ends = {_end(name) for name in heads}
    allowed = sorted(end for end, is_matrix in ends.items() if is_matrix and end not in head_ends)
    wrong = []
    if missing := [target for target in targets if _end(target) not in {*ends, *head_ends, *known}]:
        wrong.append(f"the model has no module {', '.join(missing)}")
    wrong += [f"{target} {WHY_NO_HEAD}" for target in targets if _end(target) in head_ends]
    wrong += [f"{target} {WHY_NO_MATRIX}" for target in targets if not ends.get(_end(target), True)]
    if wrong:
        has = [f"it has {', '.join(allowed[:NAMES_SHOWN])}"] if allowed else []
        raise InputError(
            "The recipe's targets cannot all get an adapter", "; ".join([*wrong, *has]), "Name others, or use all-linear"
        )  # fmt: skip


def _matrices_in(folder: Path) -> dict[str, bool]:
    """For each module with weights whether they are a matrix, by the heads of the safetensors files; {} where a file is not
    there or cannot be read."""
    from safetensors import SafetensorError, safe_open

    found = {}
    try:
        for path in model_files.weight_files(folder):
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118 (it is no mapping)
                    module, _, what = name.rpartition(".")
                    if what in HOLDING:
                        found[module] = len(file.get_slice(name).get_shape()) > 1
    except (OSError, SafetensorError):
        return {}
    return found


def _holds_matrix(module: Any) -> bool:
    """A layer that bitsandbytes has quantised keeps its matrix as one row of bytes."""
    return hasattr(module, "in_features") or module.weight.dim() > 1


def _end(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _matching(target: str, names: Iterable[str]) -> bool:
    return any(name == target or name.endswith(f".{target}") for name in names)
