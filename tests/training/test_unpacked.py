"""Weights that are unpacked once give the same answers and the same gradients, to the last bit."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from studio import hardware, models
from studio.training.unpacked import keep_unpacked


@pytest.fixture(scope="module")
def model() -> Any:
    if torch.cuda.is_available():
        pytest.skip("for a CPU")
    torch.manual_seed(0)
    base, _ = models.load("starter", "4bit", for_training=True)
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    return adapted


def passed(model: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
    ids = torch.randint(3, 1900, (4, 24), generator=torch.Generator().manual_seed(0))
    model.zero_grad()
    out = model(input_ids=ids, labels=ids)
    out.loss.backward()
    return out.logits.detach(), [weight.grad.clone() for weight in model.parameters() if weight.requires_grad]


def test_the_same_to_the_last_bit_also_after_an_answer(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, slopes = passed(model)
    saved = set(model.state_dict())
    with monkeypatch.context() as patch:
        little = hardware.Machine("cpu", "CPU", 2, 0, 0, 10**9, 10**6, None)
        patch.setattr("studio.training.unpacked.machine", lambda: little)
        assert keep_unpacked(model) == 0
    assert keep_unpacked(model) == 28 and set(model.state_dict()) == saved
    for _ in range(2):
        again, slopes_again = passed(model)
        assert torch.equal(again, logits)
        assert all(torch.equal(one, other) for one, other in zip(slopes, slopes_again, strict=True))
        with torch.no_grad():
            model.eval().generate(input_ids=torch.tensor([[5, 6, 7]]), max_new_tokens=3)
        model.train()
