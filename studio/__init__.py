"""Fine-Tuning Studio: from a raw file of examples to a fine-tuned, judged, exported model.

>>> from studio import Project, Recipe
"""

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
