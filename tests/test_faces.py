"""The packages' public names: importable, and cheap until they are used."""

import subprocess
import sys

import pytest

import reactune.analysis
import reactune.devices
import reactune.plans

HEAVY = "bluesky", "ophyd", "tiled", "databroker", "scipy", "pandas", "matplotlib", "numpy"


@pytest.mark.parametrize("package", [reactune.analysis, reactune.devices, reactune.plans])
def test_every_public_name_is_there(package):
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name


def test_the_promised_names_are_public():
    assert {"Agent", "Catalogue", "Problem", "Snobfit"} <= set(reactune.analysis.__all__)
    assert {"FlowRig", "load"} <= set(reactune.devices.__all__)
    assert "optimise" in reactune.plans.__all__


def test_importing_the_packages_imports_nothing_heavy():
    code = (
        "import sys, reactune.analysis, reactune.devices, reactune.plans, reactune.plans.cli\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
