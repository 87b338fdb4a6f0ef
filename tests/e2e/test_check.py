# SPDX-License-Identifier: MIT
"""`firstline check` and `firstline match` as a person and a CI job use them, and the guide's examples."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FIRSTLINE_BINARY", str(ROOT / "build/dev/firstline"))
REST = "target: { host: keyword.host }\nsteps:\n  - { check: c, run: a }\n"
HOSTS = "customers:\n  acme:\n    defaults: { user: ops, key: /k }\n    hosts:\n      web1: { address: 127.0.0.1, aliases: [w1] }\n"


def firstline(*words, cwd=ROOT):
    return subprocess.run([BINARY, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def scenario(folder, name, match, rest=REST):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"scenario: {name}\nmatch: {match}\n{rest}")


@pytest.mark.short
def test_the_shipped_scenarios_have_no_mistake():
    done = firstline("check", "--strict", "scenarios")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ scenarios, no inventory looked at: 0 errors, 0 warnings$", done.stdout)


@pytest.mark.short
def test_a_mistake_has_its_place_line_and_caret(tmp_path):
    scenario(tmp_path / "s", "a", "{ keyword: a }", REST + "stpes: []\n")
    done = firstline("check", "s", cwd=tmp_path)
    assert done.returncode == 2
    assert 's/a.yaml:6:1: error: unknown key "stpes"; did you mean "steps"? [stpes]\n      6 | stpes: []\n' in done.stdout
    assert "scenarios not usable" in done.stdout


def test_json_for_ci(tmp_path):
    scenario(tmp_path / "s", "a", "{ keyword: a b }")
    scenario(tmp_path / "s", "b", "{ keyword: b, title: 're:(' }")
    done = firstline("check", "--format", "json", tmp_path / "s")
    assert done.returncode == 2
    rows = json.loads(done.stdout)
    assert [(r["level"], pathlib.Path(r["file"]).name, r["line"]) for r in rows] == [("error", "a.yaml", 2), ("error", "b.yaml", 2)]
    (tmp_path / "s" / "a.yaml").unlink()
    scenario(tmp_path / "s", "b", "{ keyword: b }")
    done = firstline("check", "--format", "json", tmp_path / "s")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_a_folder_without_scenarios_is_warned_about(tmp_path):
    done = firstline("check", tmp_path)
    assert done.returncode == 0 and "no scenario is here" in done.stdout and "1 warning" in done.stdout, done.stdout
    assert firstline("check", "--strict", tmp_path).returncode == 2


def test_strict_makes_warnings_mistakes(tmp_path):
    scenario(tmp_path / "s", "a", "{ keyword: x }")
    scenario(tmp_path / "s", "b", "{ keyword: x }")
    assert firstline("check", tmp_path / "s").returncode == 0
    assert firstline("check", "--strict", tmp_path / "s").returncode == 2
    (tmp_path / "s" / "order.yaml").write_text("order: [b, a]\n")
    assert firstline("check", "--strict", tmp_path / "s").returncode == 0


def test_scenarios_and_inventory_must_fit_together(tmp_path):
    (tmp_path / "inventory.yaml").write_text(HOSTS)
    scenario(tmp_path / "scenarios", "a", "{ keyword: a, customer: beta }",
             "target: { default: web2 }\nsteps:\n  - { check: c, run: a, on: web3 }\n")
    done = firstline("check", tmp_path)
    assert done.returncode == 2
    assert 'has the host "web2"' in done.stdout and 'has the host "web3"' in done.stdout
    assert 'has no customer "beta"' in done.stdout
    assert "1 scenario, 1 host of 1 customer: 2 errors, 1 warning" in done.stdout
    scenario(tmp_path / "scenarios", "a", "{ keyword: a, customer: acme }",
             "target: { default: W1 }\nsteps:\n  - { check: c, run: a, on: web1 }\n")
    assert firstline("check", tmp_path).returncode == 0
    assert firstline("check", "--inventory", tmp_path / "inventory.yaml", tmp_path / "scenarios").returncode == 0


def test_a_broken_inventory_is_told(tmp_path):
    scenario(tmp_path / "scenarios", "a", "{ keyword: a }")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "one.yaml").write_text(HOSTS.replace("address", "adress"))
    done = firstline("check", tmp_path)
    assert done.returncode == 2
    assert 'did you mean "address"?' in done.stdout and "inventory not usable" in done.stdout


@pytest.mark.parametrize("words", [["check"], ["check", "a", "b"], ["check", "/nowhere"], ["check", "--format", "xml", "scenarios"],
                                   ["check", "--nonsense"], ["match", "scenarios"], ["match", "--title", "x"],
                                   ["match", "--title", "x", "--detail", "oops", "scenarios"], ["match", "--title", "x", "/nowhere"]])
def test_wrong_usage(words):
    done = firstline(*words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr != ""


@pytest.mark.parametrize("command", ["check", "match"])
def test_help_has_examples(command):
    done = firstline(command, "--help")
    assert done.returncode == 0 and "examples:" in done.stdout


@pytest.mark.short
def test_match_says_why(tmp_path):
    folder = tmp_path / "scenarios"
    scenario(folder, "first", "{ keyword: disk-full, customer: other }")
    scenario(folder, "second", "{ keyword: disk-full }", "target: { host: [keyword.host, alert.details.host] }\n"
             "values: { mount: { type: path, from: keyword.mount } }\nsteps:\n  - { check: c, run: 'df $mount' }\n")
    (folder / "order.yaml").write_text("order: [first, second]\n")
    (tmp_path / "inventory.yaml").write_text(HOSTS)
    done = firstline("match", tmp_path, "--title", "［ＡＭＳ：disk-full mount=/var］", "--customer", "acme", "--detail", "host=w1")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [re.sub(" +", " ", line).strip() for line in done.stdout.splitlines()]
    assert lines[0] == "first it is for the customer other, not for acme"
    assert lines[1] == "-> second the keyword disk-full is in the title"
    assert "host w1 (alert.details.host; in the inventory)" in lines and "mount /var (keyword.mount)" in lines

    done = firstline("match", tmp_path, "--title", "[AMS:disk-full mount=var]", "--format", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["scenario"] == "second"
    assert told["problem"] == 'the value "mount": keyword.mount is "var", which is not an absolute path'

    done = firstline("match", tmp_path, "--title", "[AMS:other]")
    assert done.returncode == 1 and "no scenario is for this title; its keyword is other" in done.stdout


def test_the_guides_example_is_a_scenario(tmp_path):
    blocks = re.findall(r"```yaml\n(scenario: (\S+).*?)```", (ROOT / "docs/scenarios.md").read_text(), re.S)
    assert blocks
    for text, name in blocks:
        (tmp_path / f"{name}.yaml").write_text(text)
    done = firstline("check", "--strict", tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_the_shipped_scripts_parse_in_every_shell(shell):
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        for step in yaml.safe_load(path.read_text()).get("steps", []):
            if "run" in step:
                done = subprocess.run([*shell.split(), "-n"], input=step["run"], capture_output=True, text=True, check=False)
                assert done.returncode == 0 and done.stderr == "", f"{path.name}: {step['run']}: {done.stderr}"


def test_the_schema_is_json():
    schema = json.loads(firstline("help", "scenario-schema").stdout)
    assert {"scenario", "match", "target", "steps"} <= set(schema["required"])
    assert schema["properties"]["steps"]["items"]["properties"]["timeout"]["pattern"]
    assert schema["properties"]["match"]["properties"]["keyword"]["oneOf"]
