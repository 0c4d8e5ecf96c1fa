"""After a run that ran out of memory a press starts what the button says, and the reasons that still hold go with it."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from components.again_box import build_again
from studio import Machine, Recipe
from studio.hardware import GIB
from studio.memory import ModelShape
from studio.training.fit import nearest_changes

SHAPE = ModelShape.from_config(
    {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
     "num_key_value_heads": 8, "vocab_size": 128_256}
)  # fmt: skip
FULL = Recipe(
    method="full", learning_rate=2e-5, batch_size=1, gradient_checkpointing=True, max_length=512,
    reasons={"epochs": "enough", "learning_rate": "all weights move", "r": "not used"},
)  # fmt: skip


def test_all_weights_become_an_adapter_at_an_adapters_rate() -> None:
    card = Machine("cuda", "a card", 8, 48 * GIB, 40 * GIB, 64 * GIB, 60 * GIB, None)
    changes = nearest_changes(SHAPE, FULL, card)
    run = SimpleNamespace(
        id="run-001", recipe=FULL, what_fits=lambda: changes, job=SimpleNamespace(request={}), train_dataset="rows@v1", evaluation_dataset=None,
    )  # fmt: skip
    started: list[Recipe] = []
    project = SimpleNamespace(
        runs=lambda: [run],
        run=lambda _: run,
        dataset=str,
        train=lambda dataset, recipe, *rest: started.append(recipe),
    )
    handlers: list[Any] = []
    page = SimpleNamespace(on=lambda trigger, handler, *rest, **options: handlers.append(handler))
    with gr.Blocks():
        live = SimpleNamespace(status=gr.State(), run=gr.Dropdown(), chosen=[], newest=lambda _: {})
        build_again(page, live, SimpleNamespace(done=lambda _: {}))  # type: ignore[arg-type]
    show, press = handlers[0], handlers[2]
    updates = show(project, "run-001")
    (offered,) = (value for value in updates.values() if isinstance(value, list))
    labels = [update["value"] for part, update in updates.items() if isinstance(part, gr.Button) and update["visible"]]
    assert labels[0].startswith(
        "LoRA: a small adapter in place of all weights, at an adapter's learning rate of 0.0002"
    )
    press(project, "run-001", offered)
    (recipe,) = started
    assert (recipe.method, recipe.learning_rate) == ("lora", 2e-4)
    assert recipe.reasons["epochs"] == "enough" and recipe.reasons["method"] == "so that it fits"
    assert "adapters of a model" in recipe.reasons["learning_rate"] and recipe.reasons["r"] != "not used"
