import shutil
from pathlib import Path

import pytest
import torch

from studio import chat, hub, models
from studio.errors import InputError, NotFoundError

CONVERSATION = [
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": '{"topic": "parcel"}'},
]


def test_where_a_model_is(tmp_path: Path) -> None:
    assert models.resolve("starter") == models.STARTER
    shutil.copy(models.STARTER / "config.json", tmp_path / "config.json")
    assert models.resolve(str(tmp_path)) == tmp_path
    assert models.resolve("owner/some-model") == "owner/some-model"


def test_an_unknown_model_says_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="'no-such-model'.*no folder of this machine and no Hub id.*starter"):
        models.resolve("no-such-model")
    with pytest.raises(NotFoundError, match="no config.json"):
        models.resolve(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(NotFoundError, match="an adapter, not a model"):
        models.resolve(tmp_path)


def test_a_hub_id_without_a_network_is_explained(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.invalid")
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    with pytest.raises(NotFoundError, match="owner/some-model.*network.*local folder"):
        models.load("owner/some-model")


def test_what_the_hub_said_is_explained() -> None:
    import httpx
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    answer = httpx.Response(403, request=httpx.Request("GET", "https://hub.invalid/owner/some-model"))
    for said, words in (
        (GatedRepoError("403", response=answer), "is gated.*Accept them at huggingface.co/owner/some-model.*HF_TOKEN"),
        (RepositoryNotFoundError("404", response=answer), "There is no model owner/some-model on the Hub.*private"),
    ):
        wrapped = OSError("the library's own words")
        wrapped.__cause__ = said
        with pytest.raises(NotFoundError, match=words):
            raise hub.why_not_fetched("owner/some-model", wrapped)


def test_bad_folders_are_explained(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models.STARTER, broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(InputError, match="safetensors"):
        models.load(broken)
    with pytest.raises(InputError, match="5bit"):
        models.load("starter", "5bit")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="adapter is missing"):
        models.load("starter", adapter=tmp_path)


def test_for_answers_and_for_training() -> None:
    model, tokenizer = models.load("starter")
    assert not model.training and model.config.use_cache and tokenizer.padding_side == "left"
    model, tokenizer = models.load("starter", for_training=True)
    assert model.training and not model.config.use_cache and tokenizer.padding_side == "right"


def gradients(model: torch.nn.Module, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The gradient of the loss by the embeddings: it passes through every layer."""
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_(True)
    model(inputs_embeds=embedded, labels=labels).loss.backward()
    return embedded.grad.float().flatten()


def dequantised_twin(model: torch.nn.Module) -> torch.nn.Module:
    from bitsandbytes.functional import dequantize_4bit

    twin, _ = models.load("starter")
    plain = dict(twin.named_modules())
    for name, layer in model.named_modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            plain[name].weight.data = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    return twin


def test_gradients_of_4bit_weights_stay_right_after_an_answer() -> None:
    """bitsandbytes repacks 4-bit weights for inference on the CPU and never back; see models.keep_weights_unpacked."""
    model, tokenizer = models.load("starter", "4bit")
    twin = dequantised_twin(model)
    encoded = chat.encode(tokenizer, CONVERSATION)
    ids, labels = torch.tensor([encoded.input_ids]), torch.tensor([encoded.labels])
    prompt = torch.tensor([chat.prompt_ids(tokenizer, CONVERSATION[:1])])
    model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, do_sample=False)
    cosine = torch.cosine_similarity(gradients(model, ids, labels), gradients(twin, ids, labels), dim=0)
    assert cosine > 0.99


def test_every_4bit_layer_is_kept_unpacked() -> None:
    model, _ = models.load("starter", "4bit")
    layers = [layer for layer in model.modules() if type(layer).__name__ == "Linear4bit"]
    assert len(layers) == models.keep_weights_unpacked(model) == 28
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
