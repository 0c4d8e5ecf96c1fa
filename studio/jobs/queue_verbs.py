"""The verbs that look at what waits for the card and put it in another order; `studio.Project` inherits them."""

from pathlib import Path

from studio.errors import ForbiddenError
from studio.jobs import queue, standing
from studio.jobs.job import Job


class QueueVerbs:
    """Needs the home and the folder of a project."""

    home: Path
    folder: Path
    demo: bool

    def waiting(self) -> list[Job]:
        """What waits for the card, of all projects, the next one first. No step."""
        return queue.waiting(self.home)

    def card_holder(self) -> Job | None:
        """The job that computes on the card now, of whichever project. No step."""
        queue.start_next(self.home)
        return queue.holder(self.home)

    def runs_stand(self) -> int:
        """A number that is another one when a run of this project came, went or changed its state, or another job waits
        for the card: cheap to ask, so that whoever follows them looks only then. No step."""
        return standing.sign(self.home, self.folder)

    def move_waiting(self, job: Job, places: int) -> None:
        """Moves a waiting job so many places towards the end of the queue, towards its front when negative. No step.
        Raises JobError when it does not wait."""
        if self.demo:
            raise ForbiddenError("The queue keeps its order in this demo", "a shared Space", "Wait for your turn")
        queue.move(self.home, job, places)
