"""What takes long to measure on a dataset (scores of a preset, near duplicates), kept beside it once it was measured."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from studio import store
from studio.data import leakage, near_duplicates, quality, studio_quality
from studio.data.near_duplicates import Pairs
from studio.data.words import Array
from studio.errors import InputError
from studio.examples import Dataset

VERSION = 1  # one up where a score or a similarity changes: what was kept of an older one is measured again


class Measures:
    """The measures of a table of examples; with a `folder` they are kept in files there and read again."""

    def __init__(self, examples: pd.DataFrame | Dataset, folder: Path | None = None) -> None:
        self._of, self.folder = examples, folder

    @classmethod
    def of(cls, dataset: Dataset) -> "Measures":
        """Reads the dataset's examples only where something has to be measured."""
        return cls(dataset, dataset.folder / "measures")

    @property
    def examples(self) -> pd.DataFrame:
        return self._of.examples if isinstance(self._of, Dataset) else self._of

    def scores(self, preset: str) -> pd.DataFrame:
        """Columns quality (0 to 1) and reasons (list of str) by "guide" or "studio", in the order of the examples; a
        score that the row brought stays in both. Raises InputError for another preset."""
        if preset not in quality.PRESETS:
            known = " or ".join(quality.PRESETS)
            raise InputError("There is no such quality preset", repr(preset), f"Choose {known}")
        own = self.examples[["quality", "reasons"]].reset_index(drop=True)
        if preset == "guide":
            return own
        made = self._kept("studio-scores", self._studio_scores)
        brought = self._brought()
        reasons = [words.split("\n") if words else [] for words in made["reasons"]]
        return pd.DataFrame({
            "quality": np.where(brought, own["quality"], made["quality"]),
            "reasons": pd.Series([before if stays else after for before, after, stays in zip(own["reasons"], reasons, brought, strict=True)], dtype=object),
        })  # fmt: skip

    def values(self, preset: str) -> Array:
        """The column quality of `scores` alone, which a threshold that is moved wants again and again."""
        if preset != "studio":
            return self.scores(preset)["quality"].to_numpy(float)
        made = self._kept("studio-scores", self._studio_scores, ["quality"])["quality"].to_numpy(float)
        return np.where(self._brought(), self.examples["quality"].to_numpy(float), made)

    def _brought(self) -> Array:
        return np.array([quality.BROUGHT in reasons for reasons in self.examples["reasons"]], bool)

    def pairs(self, threshold: float = near_duplicates.THRESHOLD, run: int = near_duplicates.WORDS_IN_A_RUN) -> Pairs:
        """See `near_duplicates.pairs`."""

        def measure() -> pd.DataFrame:
            texts = [near_duplicates.text(messages) for messages in self.examples["messages"]]
            return pd.DataFrame(near_duplicates.pairs(texts, threshold, run)._asdict())

        near_duplicates.check(threshold, run)
        found = self._kept(f"near-{threshold:g}-{run}", measure)
        return Pairs(*(found[name].to_numpy() for name in Pairs._fields))

    def leakage(self, name: str, train: Dataset) -> pd.DataFrame:
        """The pairs of these examples, as the part `name`, with the training rows; see `leakage.of_part`."""
        return self._kept(
            f"leakage-{name}-{train.reference}", lambda: leakage.of_part(name, train.examples, self.examples)
        )

    def _studio_scores(self) -> pd.DataFrame:
        scored = studio_quality.score_messages({"messages": list(self.examples["messages"])})
        return pd.DataFrame({
            "quality": np.array(scored["quality"], float), "reasons": pd.Series(["\n".join(words) for words in scored["reasons"]], dtype="str"),
        })  # fmt: skip

    def kept(self, name: str, measure: Callable[[], pd.DataFrame], columns: list[str] | None = None) -> pd.DataFrame:
        """What was kept under `name`, else what `measure` gives, kept from then on."""
        return self._kept(name, measure, columns)

    def _kept(
        self, name: str, measure: Callable[[], pd.DataFrame], columns: list[str] | None = None
    ) -> pd.DataFrame:  # fmt: skip
        if self.folder is None:
            return measure()
        path = self.folder / f"{name}.{VERSION}.parquet"
        if not path.exists():
            made, content = measure(), io.BytesIO()
            made.to_parquet(content, index=False)
            path.parent.mkdir(exist_ok=True)
            store.write_bytes(path, content.getvalue())
            return made
        return pd.read_parquet(path, columns=columns)
