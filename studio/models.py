"""Models: where one is, and loading it with its quantisation and its adapter.

A model's own code runs only where the owner of the machine allowed exactly that code for that model (see consent).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio import chat, consent, hub, model_files
from studio.errors import InputError, NotFoundError
from studio.jobs import launching

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STARTER = Path(__file__).resolve().parent.parent / "assets" / "starter"
BASE = "__base__"
TUNED = "tuned"
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
SHOWN = 200
"""Letters of a name that means no model, at most."""
READ_PAST = dict.fromkeys(("mamba", "falcon_mamba", "jamba"), ("dt_proj",))
"""By family (model_type), linear layers whose weights transformers 5.23 reads directly: in 4 bits they are no matrix to it, and
an adapter on them would never be asked."""
Quantisation = Literal["4bit", "8bit", "none"]


def resolve(model: str | Path) -> Path | str:
    """Where a model is: "starter" and a local folder give a folder, `owner/name` the same Hub id back.

    Raises NotFoundError, which says what was looked for and what to do. Nothing is downloaded.
    """
    if str(model) == "starter":
        return _checked_folder(STARTER, "starter")
    folder = _place(model)
    if os.path.isdir(folder):
        return _checked_folder(folder.absolute(), str(model))
    if isinstance(model, str) and HUB_ID.fullmatch(model):
        return model
    raise NotFoundError(
        "There is no such model",
        f"{str(model)[:SHOWN]!r}, which is no folder of this machine and no Hub id",
        'Give "starter", the path of a model folder (with config.json), or a Hub id such as owner/name',
    )


def _place(model: str | Path) -> Path:
    """The folder that a name may mean. Such a name is anybody's text: os.path answers for one that is too long, of an
    unknown user or out of reach as for any that is no folder, where Path raises an error for each."""
    return Path(os.path.expanduser(model))


def _checked_folder(folder: Path, asked: str) -> Path:
    if os.path.isfile(folder / "config.json"):
        return folder
    if asked == "starter":
        raise NotFoundError(
            "The starter model is missing", f"no config.json in {folder}", "Restore assets/starter from the repository"
        )
    if os.path.isfile(folder / "adapter_config.json"):
        raise NotFoundError(
            "This folder holds an adapter, not a model",
            str(folder),
            "Choose the base model, or export the run as merged",
        )
    raise NotFoundError(
        "This folder holds no model",
        f"no config.json in {folder}",
        "Choose the folder with config.json and model.safetensors",
    )


@dataclass(frozen=True)
class Source:
    """What the library is given: a folder or a Hub id, whether to leave the Hub alone, and whether the model's own code may
    run."""

    place: Path | str
    offline: bool
    trusted: bool = False


def source_of(model: str | Path, home: Path | None = None, code_of: str | None = None) -> Source:
    """Where a causal language model comes from and whether its own code may run, which `home` (STUDIO_HOME) knows.

    A model that is whole in the Hub's cache is taken from there as it is. `code_of` names the model that the one in a
    folder was trained from: the consent to that one's code counts. Raises NotFoundError, and InputError for what is no
    causal language model or needs code that nobody allowed.
    """
    place = resolve(model)
    folder = place if isinstance(place, Path) else model_files.cached_folder(place)
    offline = isinstance(place, str) and (folder is not None or not hub.answers())
    there = folder or _fetched_configuration(str(place), offline)
    config = model_files.read_json(there / "config.json")
    model_files.check_causal(str(model), config)
    if not model_files.needs_own_code(config):
        return Source(place, offline)
    if others := model_files.elsewhere(config, model_files.read_json(there / "tokenizer_config.json")):
        raise InputError(f"The model {model} needs code that lies elsewhere", ", ".join(others), "Choose another model")
    if folder is None:
        raise InputError(
            f"The model {model} needs code of its own to run", "it is not on this machine yet", f"Download it in tab 3 first. {consent.REMEDY}"
        )  # fmt: skip
    consent.check(home, known_as(code_of or model), folder, made_from_it=code_of is not None)
    return Source(folder, False, True)


def known_as(model: str | Path) -> str:
    """How a consent names a model: its Hub id, or the whole path of its folder, whether that is still there or not."""
    folder = _place(model)
    return str(model) if HUB_ID.fullmatch(str(model)) and not os.path.isdir(folder) else str(folder.absolute())


def check_before(model: str | Path, home: Path) -> None:
    """What can be said before a job begins and without asking the Hub. Raises NotFoundError and InputError as `source_of`."""
    place = resolve(model)
    if isinstance(place, Path) or model_files.cached_folder(place) is not None:
        source_of(model, home)


def _fetched_configuration(model: str, offline: bool) -> Path:
    """The folder in the cache with the model's config.json, which is fetched where it isn't there."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model, "config.json", local_files_only=offline)).parent
    except (OSError, ValueError) as error:
        raise hub.why_not_fetched(model, error) from error


def load(
    model: str | Path,
    quantisation: Quantisation = "none",
    adapter: Path | None = None,
    for_training: bool = False,
    home: Path | None = None,
    code_of: str | None = None,
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The causal language model and its tokenizer, on the GPU where torch can use one, else on the CPU.

    `4bit` is NF4 with double quantisation and bf16 compute; `none` is bf16 on a GPU and float32 on a CPU. `adapter` is
    loaded under the name "tuned" onto the one copy of the base. For answers the model is in eval mode with padding on
    the left; for training the cache is off and padding on the right. `home` and `code_of`: see `source_of`; without a home
    no model's own code runs. Raises NotFoundError and InputError.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as library_logging

    library_logging.disable_progress_bar()
    source = source_of(model, home, code_of)
    on_gpu = torch.cuda.is_available()
    half = on_gpu or quantisation != "none"
    if not on_gpu:
        check_without_gpu(quantisation)
    try:
        tokenizer = chat.load_tokenizer(source.place, local_files_only=source.offline, trusted=source.trusted)
        family = AutoConfig.from_pretrained(
            source.place, trust_remote_code=source.trusted, local_files_only=source.offline
        ).model_type
        loaded = AutoModelForCausalLM.from_pretrained(
            source.place,
            dtype=torch.bfloat16 if half else torch.float32,
            quantization_config=_quantisation_config(quantisation, family),
            device_map={"": int(os.environ.get("LOCAL_RANK", 0)) if on_gpu else "cpu"},
            use_safetensors=True,
            trust_remote_code=source.trusted,
            local_files_only=source.offline,
        )
    except (OSError, ValueError, ImportError) as error:
        raise _why_not(source.place, error) from error
    if source.trusted and isinstance(where := resolve(model), str):
        loaded.name_or_path = loaded.config._name_or_path = where  # an adapter names its base by this, not by the cache
    keep_weights_unpacked(loaded)
    if getattr(loaded.config, "rescale_every", 0):
        # RWKV halves weights when it answers, against overflow in float16, which is not used here; an adapter's it would not
        loaded.config.rescale_every = 0
    if adapter is not None:
        from peft import PeftModel

        if not (adapter / "adapter_config.json").is_file():
            raise NotFoundError(
                "The adapter is missing", f"no adapter_config.json in {adapter}", "Has the run finished?"
            )
        loaded = PeftModel.from_pretrained(loaded, adapter, adapter_name=TUNED, is_trainable=for_training)
    tokenizer.padding_side = "right" if for_training else "left"
    loaded.config.use_cache = not for_training
    loaded.train(for_training)
    return loaded, tokenizer


def check_without_gpu(quantisation: Quantisation) -> None:
    """Raises InputError for an 8-bit base on a machine without a GPU: bitsandbytes 0.50.2 loads it there, and fails in the
    first pass."""
    if quantisation == "8bit":
        raise InputError(
            "An 8-bit base needs a GPU", "this machine has none that torch can use", "Use the 4-bit base, or 16 bits (lora)"
        )  # fmt: skip


def load_encoder(model: str | Path) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """A model whose hidden states stand for texts (a sentence encoder, or any causal one), in eval mode on the GPU where
    torch can use one, and its tokenizer, padded on the right. Raises NotFoundError and InputError."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as library_logging

    library_logging.disable_progress_bar()
    place = resolve(model)
    offline = isinstance(place, str) and not hub.answers()
    on_gpu = torch.cuda.is_available()
    common = {"trust_remote_code": False, "local_files_only": offline}
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **common)
        loaded = AutoModel.from_pretrained(
            place, dtype=torch.bfloat16 if on_gpu else torch.float32, use_safetensors=True, **common
        )
    except (OSError, ValueError) as error:
        raise _why_not(place, error) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    return loaded.to("cuda" if on_gpu else "cpu").eval(), tokenizer


def _quantisation_config(quantisation: Quantisation, family: str) -> object | None:
    import torch
    from transformers import BitsAndBytesConfig

    past = READ_PAST.get(family)
    left_whole = ["lm_head", *past] if past else None  # else the library leaves the head by itself
    if quantisation == "4bit":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=left_whole,
            # FSDP joins the weights of a layer, and can only where all are of one dtype
            bnb_4bit_quant_storage=torch.bfloat16 if launching.is_sharded() else torch.uint8,
        )
    if quantisation == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=left_whole)
    if quantisation == "none":
        return None
    raise InputError("There is no such quantisation", repr(quantisation), 'Choose "4bit", "8bit" or "none"')


def keep_weights_unpacked(model: "torch.nn.Module") -> int:
    """Stops bitsandbytes from repacking 4-bit weights on the CPU, and returns how many layers there are.

    On a processor with AVX512-BF16 the first forward without gradients packs a layer for inference and never unpacks
    it; gradients after that are wrong without any error (bitsandbytes 0.50.2, kin of its issue 2078).
    """
    layers = [module for module in model.modules() if hasattr(module, "support_avx512bf16_for_cpu")]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def _why_not(place: Path | str, error: Exception) -> InputError | NotFoundError:
    """The library's error in words that say what to do."""
    words = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return InputError("This model needs code of its own to run, which nobody allowed", str(place), consent.REMEDY)
    if isinstance(place, Path):
        if "safetensors" in str(error):
            return InputError("The model has no safetensors weights", str(place), "Convert it with save_pretrained")
        return InputError("The model could not be loaded", f"{place}: {words}", "Check that the folder is complete")
    if isinstance(error, OSError):
        return hub.why_not_fetched(place, error)
    return InputError(f"The model {place} could not be loaded", words, "Choose a causal language model")
