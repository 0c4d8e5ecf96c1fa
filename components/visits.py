"""The visitors of a demo: each has a project of its own, for as long as the page is open."""

import hashlib
import shutil
import time
from pathlib import Path

DAY = 24 * 3600  # seconds


def project_of(session: str | None) -> str:
    """The project name of a visit: nobody can guess it from another's."""
    return "visit-" + hashlib.sha256((session or "none").encode()).hexdigest()[:32]


def forget(home: Path, session: str | None) -> None:
    """A visitor has gone: so does the project, and any that a crash left behind for a day."""
    places = home / "projects"
    shutil.rmtree(places / project_of(session), ignore_errors=True)
    for folder in places.glob("visit-*"):
        if folder.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(folder, ignore_errors=True)
