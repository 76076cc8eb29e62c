#!/usr/bin/env python3
"""Checks the models of docs/models with spin.

usage: models.py            all of them
       models.py election   one

Each model is searched completely for a broken assertion, then for an endless run in which what it promises
never comes. Then each of its planted bugs (-DBUG_...) is searched: spin must find a counterexample, else
the model proves nothing.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "docs" / "models"
SECONDS_MAX = 120  # of one search
DEPTH_MAX = 2_000_000

# model, what is searched for, definitions, is one to be found?
SEARCHES = [
    ("election", "assertion", [], False),
    ("election", "cycle", ["-DLOSSES_MAX=1"], False),
    ("election", "assertion", ["-DBUG_NO_FENCE"], True),
    ("election", "assertion", ["-DBUG_BLIND_CLAIM"], True),
    ("election", "cycle", ["-DBUG_DEAF"], True),
    ("swap", "assertion", [], False),
    ("swap", "cycle", [], False),
    ("swap", "assertion", ["-DBUG_SWAP_EARLY"], True),
    ("swap", "assertion", ["-DBUG_RETIRE_EARLY"], True),
    ("swap", "assertion", ["-DBUG_DROP_READ"], True),
]


def call(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS_MAX, check=False)
    return done.returncode, done.stdout


def search(model, what, definitions):
    """The number of errors that spin found, the number of states, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        code, said = call(["spin", "-a", *definitions, str(MODELS / f"{model}.pml")], folder)
        if code != 0 or "syntax error" in said:
            raise SystemExit(f"models: {model}: spin does not understand it:\n{said}")
        wanted = ["-DSAFETY", "-DNOCLAIM"] if what == "assertion" else ["-DNFAIR=6"]
        code, said = call(["gcc", "-w", "-O2", *wanted, "-o", "pan", "pan.c"], folder)
        if code != 0:
            raise SystemExit(f"models: {model}: its search does not compile:\n{said}")
        code, said = call(["./pan", f"-m{DEPTH_MAX}", *([] if what == "assertion" else ["-a", "-f"])], folder)
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said)
    if errors is None or "max search depth too small" in said:
        raise SystemExit(f"models: {model}: the search was not complete:\n{said}")
    return int(errors[1]), int(states[1]) if states else 0, said


def main():
    wanted = sys.argv[1:] or sorted({model for model, *_ in SEARCHES})
    failed = 0
    for model, what, definitions, is_planted in SEARCHES:
        if model not in wanted:
            continue
        errors, states, said = search(model, what, definitions)
        title = " ".join([f"{model}: {what}", *definitions])
        if (errors > 0) == is_planted:
            print(f"{title}: {'found, as it must be' if is_planted else f'none in {states} states'}")
        else:
            failed += 1
            print(f"{title}: {'NOT FOUND, though it is planted' if is_planted else 'FOUND'}\n{said}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
