"""Load, score with the studio preset, exact and near duplicates, statistics, over the guide's own loop per row.

`python -m tests.benchmarks.data [--rows 1000000]`. The baseline is what the guide's code does with a JSONL file: json
for each line, a hash of instruction, input and output, its four scores, its statistics; it finds no near duplicates.
Each is timed in a process of its own, in turns; memory is the sum of the resident memory of all processes of a side
at its highest.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random

WORDS = """account address agree answer arrive ask bank bed begin bill book box bread bring build buy call card care
change city class clean clear close cold colour come copy cost country cut day deal door down draw drive early east easy
eat end enter even evening every eye face fact fall family farm fast feel field find fine fire first fish floor follow
food form free friend full garden get give glass go good great green ground group grow half hand happy hard head hear
heart heat help high hold home hope horse hot hour house idea inside island job join keep kind know land language large
last late laugh lead learn leave left letter life light line list listen live long look lose love low machine main make
many map mark market meet message middle mind minute money month morning mountain move music name near need never new
news night north note number offer office open order paper park part pass pay people picture piece place plan plant play
point pound power press price problem quick quiet rain reach read ready reason receipt record red rest right river road
room round rule run sail sale same sea season second see sell send service shape ship shop short show side sign silver
size sleep slow small snow soft son song soon sound south space speak spring stand star start station stay step stone
stop store story street strong study sun table take talk tall teach team ten thing think time town train travel tree
true turn under unit usual value view visit voice wait walk wall warm watch water way week weight west white wide wind
window winter wood word work world write year young""".split()
GUIDE_LOOP = """
import hashlib, json, sys
WEIGHTS = {"coherence": 0.30, "completeness": 0.25, "formatting": 0.20, "factual_consistency": 0.25}
seen, kept, tokens, sources = set(), [], [], {}
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        row = json.loads(line)
        instruction, given, output = row["instruction"], row.get("input", ""), row["output"]
        digest = hashlib.md5(f"{instruction}{given}{output}".encode()).hexdigest()
        if digest in seen:
            continue
        seen.add(digest)
        coherence = completeness = formatting = factual = 1.0
        if len(output) < 50:
            coherence -= 0.5
            completeness -= 0.3
        if output.strip().endswith(("...", "[", "{")):
            coherence -= 0.3
        words = output.split()
        if len(words) > 10 and len(set(words)) / len(words) < 0.3:
            coherence -= 0.4
        for marker in ["I cannot", "I'm not sure", "I don't know", "TODO", "TBD", "[placeholder]"]:
            if marker.lower() in output.lower():
                completeness -= 0.2
        if output.strip().startswith("{"):
            try:
                json.loads(output)
            except json.JSONDecodeError:
                formatting -= 0.5
        if output.count("(") != output.count(")"):
            formatting -= 0.2
        if output.count("[") != output.count("]"):
            formatting -= 0.2
        for first, second in [("always", "never"), ("all", "none"), ("true", "false")]:
            if first in output.lower() and second in output.lower():
                factual -= 0.1
        parts = {"coherence": max(0, coherence), "completeness": max(0, completeness), "formatting": max(0, formatting),
                 "factual_consistency": max(0, factual)}
        score = sum(WEIGHTS[name] * value for name, value in parts.items())
        if score < 0.7:
            continue
        kept.append((row, score))
        tokens.append(len(f"{instruction}{given}{output}") / 3.5)
        sources[row.get("source", "file")] = sources.get(row.get("source", "file"), 0) + 1
print(json.dumps({"kept": len(kept), "mean": sum(tokens) / len(tokens), "max": max(tokens), "min": min(tokens), "sources": sources}))
"""
OURS = """
import json, sys
from studio import Project
project = Project.open("benchmark", home=sys.argv[2])
data = project.load(sys.argv[1])
project.scores(data, preset="studio")
groups = project.near_duplicate_groups(data)
kept = project.preview_filter(data, min_quality=0.7, preset="studio", near_duplicates=0.8)["kept"]
summary = data.summary()
print(json.dumps({"kept": kept, "near_groups": int(groups["group"].nunique()), "mean": summary["mean_tokens"], "max": summary["max_tokens"]}))
"""


def write_rows(path: Path, rows: int, seed: int = 0) -> None:
    """About 200 tokens (700 characters) a row; 2 % exact and 3 % near duplicates of an earlier row."""
    random = Random(seed)
    sentences = [" ".join(random.choices(WORDS, k=random.randint(6, 12))).capitalize() + "." for _ in range(20_000)]
    kept: list[list[str]] = []
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            form = random.random()
            if form < 0.05 and kept:
                said = [*random.choice(kept)]
                if form > 0.02:
                    said[-1] = random.choice(sentences)
            else:
                said = random.choices(sentences, k=13)
                if len(kept) < 5_000:
                    kept.append(said)
            row = {
                "instruction": said[0],
                "input": " ".join(said[1:4]),
                "output": " ".join(said[4:]),
                "source": f"part-{len(said[0]) % 4}",
            }
            file.write(json.dumps(row) + "\n")


def timed(command: list[str]) -> tuple[float, int, dict[str, object]]:
    """Seconds, the highest sum of resident bytes of the process and its children, and what it printed."""
    import psutil

    began, peak, done = time.monotonic(), 0, threading.Event()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2])
    watched = psutil.Process(process.pid)

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.25):
            total = 0
            try:
                for one in [watched, *watched.children(recursive=True)]:
                    total += one.memory_info().rss
            except psutil.Error:
                continue
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}")
    return time.monotonic() - began, peak, json.loads(printed.splitlines()[-1])


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, rows)
        os.sync()  # what is written before a round is not written during it
        baseline, ours, peaks = [], [], []
        found: dict[str, object] = {}
        for round_ in range(rounds):
            seconds, _, _ = timed([sys.executable, "-c", GUIDE_LOOP, str(path)])
            baseline.append(seconds)
            home = Path(folder) / f"home-{round_}"
            seconds, peak, found = timed([sys.executable, "-c", OURS, str(path), str(home)])
            shutil.rmtree(home)
            os.sync()
            ours.append(seconds)
            peaks.append(peak)
        ratio = statistics.median(baseline) / statistics.median(ours)
        print(
            json.dumps(
                {"name": "data", "ratio": ratio, "rows": rows, "guide_seconds": baseline, "ours_seconds": ours, "peak_bytes": max(peaks), "found": found}
            )
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    main(given.rows, given.rounds)
