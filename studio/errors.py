"""The one tree of errors. A message says what is wrong, what was found, and what to do.

StudioError
  InputError       a file, row or value that the user gave
    NothingError   a step that finds nothing to do, or of which nothing comes
  RecipeError      a recipe that cannot be trained; names every mistake
  NotFoundError    a project, dataset, run or model that is not there
  FormatError      a file written by a newer studio
  BusyError        somebody else computes on the card
  JobError         a job failed, or is in a state that does not allow this
  ForbiddenError   not allowed here (the demo, a shared link)
"""


class StudioError(Exception):
    """`what` is wrong, what was `found` (file, line, field, value), and how to `fix` it."""

    def __init__(self, what: str, found: str = "", fix: str = "") -> None:
        self.what, self.found, self.fix = what, found, fix
        parts = [what, f"found: {found}" if found else "", fix]
        super().__init__(". ".join(part.rstrip(".") for part in parts if part) + ".")


class InputError(StudioError):
    pass


class NothingError(InputError):
    pass


class RecipeError(StudioError):
    """`mistakes` holds one sentence for each wrong field."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        count = f"{len(mistakes)} mistakes" if len(mistakes) != 1 else "a mistake"
        super().__init__(f"The recipe has {count}", "; ".join(mistakes), "Correct them and start again")


class NotFoundError(StudioError):
    pass


class FormatError(StudioError):
    pass


class BusyError(StudioError):
    pass


class JobError(StudioError):
    pass


class ForbiddenError(StudioError):
    pass
