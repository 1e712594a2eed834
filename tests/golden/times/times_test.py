#!/usr/bin/python3
"""What `rbkc times --format json` prints is as docs/times.schema.json says, over every plan of tests/golden that
compiles; and its sums are right: the steps of each strategy add up to it, the strategies and the rest to the total.

RBK_BIN is the folder of rbkc."""

import glob
import json
import os
import subprocess
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.dirname(HERE)
ROOT = os.path.dirname(os.path.dirname(GOLDEN))
RBKC = os.path.join(os.environ["RBK_BIN"], "rbkc")
ENVIRONMENT = {**os.environ, "RBK_STDLIB": os.path.join(ROOT, "stdlib"), "LC_ALL": "C", "NO_COLOR": "1"}


def times(path, *options):
    return subprocess.run([RBKC, "times", *options, path], cwd=GOLDEN, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def plans():
    found = glob.glob("**/*.rbk", root_dir=GOLDEN, recursive=True)
    return sorted(path for path in found if not os.path.basename(path).startswith("_"))


def check_sums(path, found):
    longest = found["longest"]
    for leg in longest["way_back"]:
        assert leg["ms"] == sum(step["ms"] for step in leg["steps"]), (path, leg)
    assert longest["back_ms"] == sum(leg["ms"] for leg in longest["way_back"]), path
    for point in [*found["abort_points"], longest]:
        assert point["total_ms"] == point["stop_ms"] + point["back_ms"] + point["release_ms"], (path, point)
    assert longest["total_ms"] == max(point["total_ms"] for point in found["abort_points"]), path
    for stage in found["stages"]:
        last = len(stage["strategies"]) - 1
        parts = [way["ok_ms" if i == last else "end_ms"] for i, way in enumerate(stage["strategies"])]
        assert stage["back_ms"] == sum(parts), (path, stage["stage"])


def test_json_is_what_its_schema_says_and_adds_up():
    with open(os.path.join(ROOT, "docs", "times.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    count = 0
    for path in plans():
        result = times(path, "--format", "json")
        assert result.returncode in (0, 1), (path, result.stderr)
        if result.stdout:
            found = json.loads(result.stdout)
            errors = [error.message for error in validator.iter_errors(found)]
            assert not errors, (path, errors)
            check_sums(path, found)
            count += 1
    assert count > 20, count


def test_the_command_line_is_checked():
    assert times("times/design_page.rbk", "--format", "yaml").returncode == 2
    assert times("times/design_page.rbk", "times/design_page.rbk").returncode == 2
    assert times("no_such_plan.rbk").returncode == 3
    assert times("times/every_kind_of_step.rbk").returncode == 1  # it promises too much, and is shown all the same
    assert not times("invalid/rules/RBK101_a_stage_without_rollback.rbk").stdout  # no figures for what is no plan


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}")


if __name__ == "__main__":
    sys.exit(main())
