from __future__ import annotations

import ast
import re
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
FOLDERS = {"tombola_device": ROOT / "device", "tombola_host": ROOT / "host_tools"}
DISTRIBUTIONS = {
    "alsaaudio": "pyalsaaudio",
    "google": "protobuf",
    "nacl": "PyNaCl",
    "PIL": "pillow",
    "luma": "luma.oled",
    "rtmidi": "python-rtmidi",
    "serial": "pyserial",
}
"""Name of the import → name on the index, where the two differ."""
DATA = {
    "tombola_device": {"tombola_device/hal/panel/pin_map.json"},
    "tombola_host": {
        "tombola_host/cost/arm64/counter.c",
        *(
            f"tombola_host/study/sessions/page/{name}"
            for name in (
                "index.html",
                "page.css",
                "icon.svg",
                "main.js",
                "answers.js",
                "desk.js",
                "dom.js",
                "player.js",
            )
        ),
    },
}
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Wheel:
    package: str
    names: frozenset[str]
    metadata: Message
    entry_points: str
    size_bytes: int


def build_wheel(package: str, source: Path, folder: Path) -> Wheel:
    (path,) = WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert len(names) == len(set(names))
    return Wheel(package, frozenset(names), metadata, entry_points, Path(path).stat().st_size)


@pytest.fixture(scope="module", params=sorted(FOLDERS))
def wheel(request, tmp_path_factory):
    return build_wheel(request.param, FOLDERS[request.param], tmp_path_factory.mktemp("wheels"))


def sources(package: str) -> set[str]:
    root = FOLDERS[package]
    return {path.relative_to(root).as_posix() for path in (root / package).rglob("*.py")}


def factory_files() -> set[str]:
    models = ROOT / "models"
    files = (path for path in models.rglob("*") if path.is_file() and path.name != ".gitkeep")
    return {f"tombola_device/models/{path.relative_to(models).as_posix()}" for path in files}


def test_a_wheel_holds_the_package_its_marker_its_factory_bundles_and_nothing_else(wheel):
    version = wheel.metadata["Version"]
    info = f"{wheel.package}-{version}.dist-info"
    about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    data = DATA[wheel.package]
    factory = data | (factory_files() if wheel.package == "tombola_device" else set())
    assert wheel.names == sources(wheel.package) | {f"{wheel.package}/py.typed"} | about | factory


def test_a_wheel_brings_one_importable_name(wheel):
    assert {name.split("/")[0] for name in wheel.names if ".dist-info/" not in name} == {wheel.package}


def test_every_folder_of_code_is_a_package(wheel):
    folders = {name.rsplit("/", 1)[0] for name in wheel.names if name.endswith(".py")}
    assert {f"{folder}/__init__.py" for folder in folders} <= wheel.names


def test_a_wheel_stays_below_8_mib(wheel):
    assert wheel.size_bytes < MOST_BYTES


def test_a_wheel_asks_for_python_3_11_and_says_mit(wheel):
    assert wheel.metadata["Requires-Python"] == ">=3.11"
    assert wheel.metadata["License-Expression"] == "MIT"


def test_each_distribution_brings_its_one_command(wheel):
    command = {"tombola_device": "tombolad", "tombola_host": "tombola"}[wheel.package]
    assert wheel.entry_points.split("\n")[:2] == ["[console_scripts]", f"{command} = {wheel.package}.__main__:main"]


def test_a_wheel_made_from_the_source_archive_holds_the_same_files(wheel, tmp_path):
    (path,) = SdistBuilder(str(FOLDERS[wheel.package])).build(directory=str(tmp_path))
    with tarfile.open(path) as archive:
        assert not [member.name for member in archive if member.issym() or "tests" in member.name.split("/")]
        archive.extractall(tmp_path, filter="data")
    (source,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    assert build_wheel(wheel.package, source, tmp_path).names == wheel.names


def versions() -> dict[str, str]:
    texts = {package: (folder / package / "__init__.py").read_text() for package, folder in FOLDERS.items()}
    return {package: re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[0] for package, text in texts.items()}


def requirements(folder: str) -> list[str]:
    with (ROOT / folder / "pyproject.toml").open("rb") as file:
        return [str(item) for item in tomllib.load(file)["project"]["dependencies"]]


def test_both_distributions_have_one_version_and_the_host_asks_for_it():
    (version,) = set(versions().values())
    assert f"tombola-device=={version}" in requirements("host_tools")


def optional_requirements(folder: str) -> list[str]:
    with (ROOT / folder / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    return [str(item) for items in extras.values() for item in items]


def imported(package: str) -> set[str]:
    names: set[str] = set()
    for path in (FOLDERS[package] / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {package}


@pytest.mark.parametrize("package", sorted(FOLDERS))
def test_every_library_that_is_imported_is_asked_for_by_name(package):
    folder = FOLDERS[package].name
    # The host may import the libraries of the device's extras, because it requires the device.
    items = requirements(folder) + optional_requirements(folder) + optional_requirements("device")
    asked = {re.split(r"[<>=~\[; ]", item)[0] for item in items}
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in imported(package)} <= asked


def test_the_device_asks_for_seven_libraries_and_not_for_torch():
    names = sorted(re.split(r"[<>=~]", item)[0] for item in requirements("device"))
    assert names == ["PyNaCl", "cobs", "microdot", "msgspec", "numpy", "onnxruntime", "pyserial"]


def test_the_licence_is_the_same_in_both_archives_and_at_the_root():
    assert len({(folder / "LICENSE").read_bytes() for folder in (ROOT, *FOLDERS.values())}) == 1
