"""Fine-Tuning Studio: from a raw file of examples to a fine-tuned, judged, exported model.

>>> from studio import Project, Recipe
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from studio.collector import held_back

if TYPE_CHECKING:
    from studio.errors import (
        BusyError,
        ForbiddenError,
        FormatError,
        InputError,
        JobError,
        NotFoundError,
        RecipeError,
        StudioError,
    )
    from studio.hardware import Machine, machine
    from studio.project import Project
    from studio.training.recipe import Recipe

__all__ = [
    "BusyError",
    "ForbiddenError",
    "FormatError",
    "InputError",
    "JobError",
    "Machine",
    "NotFoundError",
    "Project",
    "Recipe",
    "RecipeError",
    "StudioError",
    "machine",
]
_ROOMS = {"Machine": "hardware", "machine": "hardware", "Project": "project", "Recipe": "training.recipe"}


def __getattr__(name: str) -> Any:
    """A worker imports a room or two of the studio, and shall not wait for all of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with held_back():
        globals()[name] = getattr(import_module(f"studio.{_ROOMS.get(name, 'errors')}"), name)
    return globals()[name]
