"""README, CONTRIBUTING, docs/ and the cards in models/ say what is there: links, paths, commands, layers, limits."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from tombola_device.__main__ import _parser
from tombola_host import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for name in ("docs", "models") for path in (ROOT / name).rglob("*.md")),
]
ROOTS = (ROOT, ROOT / "device/tombola_device", ROOT / "host_tools/tombola_host")
"""From where a path in a document may start, beside the document's own folder."""
FOLDERS = {path.name for root in ROOTS for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
LEARNING_TERMS = re.compile(
    "neural|network|machine|learn|train|model|lottery|ticket|prun|sparse|parameter|weight|layer|unit|loss|dataset|corpus|"
    "inference|torch|onnx|gru|embedding|encoder|decoder|latent|gpu|epoch|merg"
)

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code_of(text: str) -> Iterator[str]:
    """What is set as code: each span, and each line of each block, continued lines joined."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield " ".join(span.split())


def words_of(line: str) -> list[str]:
    """The words of a command line, without its comment; none if it is not one."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def commands_in(text: str, program: str) -> list[list[str]]:
    """What follows the program's name, of each command line that calls it."""
    lines = (words_of(line) for line in code_of(text))
    return [words[1:] for words in lines if words and words[0] in (program, f".venv/bin/{program}")]


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def host_command():
    """The command ``tombola`` with all that the modules of the command line add to it."""
    modules = [importlib.import_module(f"{cli.__name__}.{found.name}") for found in pkgutil.iter_modules(cli.__path__)]
    return typer.main.get_command(next(module.app for module in modules if module.__name__.endswith(".app")))


def options_in(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]


@documents
def test_relative_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), target
        assert not anchor or anchor in anchors_of(found), target


@documents
def test_paths_exist(document):
    folders = ("device", "host_tools", "hardware", "tests")
    names = {path.name for folder in folders for path in (ROOT / folder).rglob("*")}
    text = document.read_text()
    made = set(re.findall(r"`([\w/]+\.py)`:\n\n```python", text))  # Files that an example asks the reader to write.
    for span in code_of(text):
        for word in span.split():
            if word in made or not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)*/?", word) or "NAME" in word or "NNNN" in word:
                continue
            if "/" in word and word.split("/")[0] in FOLDERS:
                assert any((root / word).exists() for root in (*ROOTS, document.parent)), word
            elif re.fullmatch(r"\w+\.(py|c|h)", word):
                assert word in names, word


@documents
def test_commands_of_the_host_are_known(document):
    for words in commands_in(document.read_text(), "tombola"):
        command = host_command()
        for word in words:
            if not hasattr(command, "commands") or word.startswith("-"):
                break
            assert word in command.commands, words
            command = command.commands[word]
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert set(options_in(words)) <= {*known, "--help"}, words


@documents
def test_commands_of_the_device_are_known(document):
    commands = _parser()._subparsers._group_actions[0].choices
    for words in commands_in(document.read_text(), "tombolad"):
        if words:
            assert words[0] in commands, words
            assert set(options_in(words)) <= set(commands[words[0]]._option_string_actions), words


@documents
def test_modules_scripts_and_their_options_are_known(document):
    text = document.read_text()
    for words in commands_in(text, "python"):
        if words[:1] == ["-m"]:
            found = importlib.util.find_spec(words[1])
            assert found is not None, words
            source = Path(found.origin or "").read_text()
        elif words and words[0].endswith(".py"):
            source = (ROOT / words[0]).read_text()
        else:
            source = ""
        if source and "ArgumentParser" in source:
            assert all(f'"{option}"' in source for option in options_in(words) if option != "-m"), words


@documents
def test_targets_of_make_are_known(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) [?:]?=", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {"PYTHON"}
    for words in commands_in(document.read_text(), "make"):
        for word in words:
            name, sign, _ = word.partition("=")
            assert name in (variables if sign else targets), word


def test_the_tests_above_see_commands():
    """A change of the documents' form must not leave them with nothing to look at."""
    texts = [path.read_text() for path in DOCUMENTS]
    counts = {program: sum(len(commands_in(text, program)) for text in texts) for program in ("tombola", "tombolad")}
    assert counts["tombola"] > 20
    assert counts["tombolad"] > 3
    assert len(commands_in(README, "make")) >= 3


def test_readme_has_at_most_120_lines_and_its_limits_within_the_first_40():
    lines = README.splitlines()
    assert len(lines) <= 120
    first = "\n".join(lines[:40])
    assert "Nothing was built, and nothing ran on a Pi yet." in first
    assert "(docs/pictures/panel.svg)" in first
    assert len(re.findall(r"\(docs/sounds/\w+\.ogg\)", first)) == 9


def test_first_two_sentences_are_free_of_machine_learning():
    paragraph = README.split("\n\n")[1]
    sentences = re.split(r"(?<=\.)\s+", paragraph)
    assert len(sentences) == 2
    for word in re.findall(r"[a-z-]+", paragraph.lower()):
        assert not LEARNING_TERMS.match(word), word


def test_every_sound_is_linked_from_the_readme():
    for path in (ROOT / "docs/sounds").iterdir():
        assert f"(docs/sounds/{path.name})" in README


@pytest.mark.parametrize("package", ["tombola_device", "tombola_host"])
def test_contributing_lists_the_layers_of_pyproject(package):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(entry["layers"] for entry in contracts if entry.get("containers") == [package])
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index(f"| `{package}` |") :].split("\n\n")[0].splitlines()[2:]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table]
    assert rows == [re.findall(r"\w+", layer) for layer in layers]


@pytest.mark.parametrize("package", ["device/tombola_device", "host_tools/tombola_host"])
def test_contributing_lists_every_top_level_folder_and_no_other(package):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index(f"| `{Path(package).name}` |") :].split("\n\n")[0].splitlines()[2:]
    listed = {name for row in table for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    there = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert listed == there | modules


def test_how_to_add_names_what_is_in_the_files_that_it_names():
    text = (ROOT / "docs/adding.md").read_text()
    table = [row for row in text.split("\n## ", 1)[0].splitlines() if row.startswith("| a")]
    named = []
    for row in table:
        folder = re.search(r"`(\S+/)NAME", row)
        for name, file in re.findall(r"`(\w+)` in `([\w/]+\.py)`", row):
            path = ROOT / (file if "/" in file else folder[1] + file)
            named.append(name)
            assert re.search(rf"^(class |def )?{name}\b", path.read_text(), re.MULTILINE), f"{name} is not in {file}"
    assert {"CRITERIA", "PIECES", "AudioOut", "open_audio", "MidiIn", "open_sources", "Face", "Config"} <= set(named)


def test_every_figure_names_the_command_or_the_notebook_that_gives_it():
    rows = re.findall(r"^\| (.+) \|$", (ROOT / "docs/figures.md").read_text(), re.MULTILINE)
    rows = [row.split(" | ") for row in rows if not row.startswith(("What |", "---"))]
    assert len(rows) >= 15
    for what, *_, command in rows:
        assert command == "the same" or re.search(r"^`[^`]+`$|\]\(notebook/", command), what


def test_documents_name_no_machine():
    for document in DOCUMENTS:
        assert not re.search(r"/work/|/tmp/|/root/", document.read_text()), document
