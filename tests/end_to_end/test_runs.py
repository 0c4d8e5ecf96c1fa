"""The methods beside QLoRA, on the sample. Runs that are stopped, killed and resumed: tests/jobs/test_faults.py."""

import pytest

from studio import Project, Recipe
from studio.examples import Dataset


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("runs", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def parts(project: Project) -> tuple[Dataset, Dataset]:
    """Some eighty rows of the sample to learn from, and twenty to watch."""
    clean = project.filter(project.load(Project.sample()))
    _, few = project.split(clean, test=0.1, seed=0)
    return project.split(few, test=0.2, seed=0)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_other_methods_train(
    project: Project, parts: tuple[Dataset, Dataset], method: str, jobs_here: None
) -> None:
    train, test = parts
    recipe = Recipe(method=method, batch_size=4, accumulation=1, epochs=2, learning_rate=5e-4, max_length=256, logging_steps=1,
                    evaluations=2)  # fmt: skip
    run = project.train(train, recipe, evaluation=test)
    assert run.state == "finished" and run.is_ready
    losses = run.metrics()["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    assert run.result["trainable_parameters"] > 100_000
