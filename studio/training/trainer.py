"""TRL's trainer with a resume that continues to the last bit."""

from typing import Any

from trl import SFTTrainer


class Trainer(SFTTrainer):  # type: ignore[misc]
    def _load_from_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """TRL 1.16 trains the adapter of a 4-bit model in bf16, but peft 0.21 gives it back in float32: then each step
        after a resume is rounded in another way than it would have been, and takes twice the memory."""
        dtypes = {name: weight.dtype for name, weight in self.model.named_parameters() if weight.requires_grad}
        super()._load_from_checkpoint(*arguments, **options)
        for name, weight in self.model.named_parameters():
            if name in dtypes:
                weight.data = weight.data.to(dtypes[name])
