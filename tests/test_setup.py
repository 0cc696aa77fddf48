"""What ``setup.cfg`` says of the package is what the tree holds."""

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if not line.lstrip().startswith("#")]


FOLDERS = {
    name.strip(): ROOT / folder.strip()
    for name, folder in (line.split("=") for line in lines(SETUP["options"]["package_dir"]))
}
"""Where the top packages lie."""

PACKAGES = lines(SETUP["options"]["packages"])


def folder_of(package: str) -> Path:
    top = ".".join(package.split(".")[:2])
    return FOLDERS[top].joinpath(*package.split(".")[2:])


def test_every_package_of_the_tree_is_installed_and_no_other():
    in_tree = {
        ".".join((top, *module.parent.relative_to(folder).parts))
        for top, folder in FOLDERS.items()
        for module in folder.rglob("__init__.py")
    }
    # the profile is data: IPython reads it, nothing imports it; reactune itself is a namespace
    assert sorted(PACKAGES) == sorted(in_tree | {"reactune.profile", "reactune"})


def test_no_module_lies_in_a_folder_that_is_no_package():
    stray = [
        module
        for top, folder in FOLDERS.items()
        if top not in ("reactune.profile", "reactune")
        for module in folder.rglob("*.py")
        if not (module.parent / "__init__.py").exists()
    ]
    assert not stray


@pytest.mark.parametrize(
    ("package", "pattern"),
    [
        (package, pattern.strip())
        for package, patterns in SETUP["options.package_data"].items()
        if package != "*"
        for pattern in patterns.split(",")
    ],
)
def test_package_data_are_there(package, pattern):
    assert list(folder_of(package).glob(pattern))


def test_every_file_beside_the_code_is_package_data():
    """A template, a problem or a rig that no pattern names would be missing in the wheel."""
    named = {
        file
        for package, patterns in SETUP["options.package_data"].items()
        for folder in map(folder_of, PACKAGES if package == "*" else [package])
        for pattern in patterns.split(",")
        for file in folder.glob(pattern.strip())
    }
    beside = {
        file
        for top, folder in FOLDERS.items()
        if top != "reactune.profile"  # IPython leaves things of its own there
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    assert beside <= named
