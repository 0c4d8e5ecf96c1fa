"""A real adapter for the tests: a few steps of LoRA on the 4-bit starter, until it answers in a fixed form."""

from pathlib import Path

QUESTIONS = ["Hello, I cannot log in.", "Where is my parcel?", "Please cancel my plan.", "The page is blank."]
ANSWER = '{"ok": true}'


def conversation(question: str, answer: str | None = ANSWER) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": question}]
    return messages if answer is None else [*messages, {"role": "assistant", "content": answer}]


def train_adapter(folder: Path, steps: int = 25) -> Path:
    """Saves an adapter that answers ANSWER to everything; returns its folder."""
    import torch
    from peft import LoraConfig, get_peft_model

    from studio import chat, models

    torch.set_num_threads(1)  # so small a model gains nothing from more, and two busy processes would block each other
    torch.manual_seed(0)
    model, tokenizer = models.load("starter", "4bit", for_training=True)
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    optimiser = torch.optim.AdamW([weight for weight in tuned.parameters() if weight.requires_grad], lr=5e-3)
    rows = [chat.encode(tokenizer, conversation(question)) for question in QUESTIONS]
    width = max(len(row.input_ids) for row in rows)
    ids = torch.tensor([row.input_ids + [tokenizer.pad_token_id] * (width - len(row.input_ids)) for row in rows])
    labels = torch.tensor([row.labels + [chat.IGNORED] * (width - len(row.labels)) for row in rows])
    for _ in range(steps):
        loss = tuned(input_ids=ids, labels=labels, attention_mask=(ids != tokenizer.pad_token_id).long()).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert loss.item() < 0.05
    tuned.save_pretrained(folder)
    return folder
