"""What the Model cell says, without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components import model_words
from studio import Project, hardware
from studio.catalogue.listing import Known
from studio.catalogue.remote import Found
from studio.catalogue.report import ModelReport
from studio.consent import Consent


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.open("words", home=tmp_path)
    made.load(
        pasted="\n".join(json.dumps({"prompt": f"Say {n}.", "completion": "Yes."}) for n in range(40)), name="rows"
    )
    return made


def test_a_list_says_where_each_model_is() -> None:
    assert model_words.choice(Known("starter", "starter", 6_930_944)) == ("starter", "starter")
    assert model_words.choice(Known("a/b", "cache", 988_000_000))[0] == "a/b · on this machine, 988.0 MB"
    assert model_words.choice(Known("/models/b", "folder", 2e9))[0] == "/models/b · a folder of this machine, 2.0 GB"  # type: ignore[arg-type]
    assert (
        model_words.found_choice(Found("a/b", 1_234_567, True, True))[0] == "a/b · Hub, 1.2 M downloads, gated, private"
    )
    assert model_words.found_choice(Found("a/b", 12_345, False, False)) == ("a/b · Hub, 12.3 k downloads", "a/b")


def test_what_stands_in_the_way_is_said_and_markup_is_not_run() -> None:
    words = model_words.report_words(ModelReport("a/<b>", "hub", why_not="it is <i>an encoder"))
    assert "cannot be trained here: it is &lt;i&gt;an encoder." in words and "<b>a/&lt;b&gt;</b>" in words
    code = model_words.code_words("a/b", {"m.py": "print('</pre><script>')"}, "changed")
    assert "it has changed since it was allowed" in code and "<script>" not in code
    assert "c0ffee000000" in model_words.consents_table(
        [Consent("a/b", "c0ffee" + "0" * 34, "2026-11-25", {"m.py": ""})]
    )


def test_time_without_a_gpu_is_said_with_the_data(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = replace(hardware.machine(), device="cpu", name="CPU", cores=2, gpu_problem=None)
    monkeypatch.setattr(hardware, "machine", lambda: cpu)
    monkeypatch.setattr(model_words, "machine", lambda: cpu)
    assert "how slow is said when there is data" in model_words.machine_words(project, "starter", "qlora", None)
    small = model_words.machine_words(project, "starter", "lora", "rows@v1")
    assert "Without a GPU a first run over rows@v1 takes roughly" in small and "32 bits, for there is no GPU" in small
    large = model_words.machine_words(project, "someone/llama-7B", "qlora", "rows@v1")
    assert "! Training without a GPU is slow: a first run over rows@v1 takes roughly" in large and " h " in large
    unknown = model_words.machine_words(project, "someone/unknown", "qlora", "rows@v1")
    assert "! Training without a GPU is slow." in unknown and "roughly" not in unknown


def test_with_a_gpu_there_is_no_word_of_slowness(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    card = hardware.Machine("cuda", "A100", 8, 80 * 1024**3, 70 * 1024**3, 1, 1, None)
    monkeypatch.setattr(model_words, "machine", lambda: card)
    words = model_words.machine_words(project, "starter", "lora", "rows@v1")
    assert "A100 · 70.0 of 80 GB free. LoRA keeps the base in 16 bits" in words and "slow" not in words


def test_the_table_names_what_works_and_what_it_takes(project: Project) -> None:
    table = model_words.machine_table(project, "starter")
    assert "8-bit" in table and "6.9 MB" in table and "bitsandbytes" in table and "0.41 ✓" in table
    assert "needed at least" in model_words.machine_table(project, "someone/unknown")
