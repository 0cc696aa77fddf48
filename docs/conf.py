"""How Sphinx builds the site: ``make docs``. It opens with the network off."""

import pkgutil
import warnings
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Any

warnings.filterwarnings("ignore", "Unknown section Subscriptions")  # in ophyd's docstrings

project = "reactune"
author = "the reactune developers"
release = version_of("reactune")
version = release

extensions = [
    "myst_parser",  # pages are Markdown
    "numpydoc",  # docstrings are in numpy's form
    "sphinx.ext.autodoc",  # the reference of the code is read off the code
    "sphinx.ext.autosummary",  # one page a room, whichever there are
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"  # `Name` in a docstring: a link where there is such a thing

html_theme = "furo"  # fonts of the system, all files its own: nothing comes from afar
html_title = f"reactune {release}"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "member-order": "bysource",
    "ignore-module-all": True,  # a name that several rooms offer is documented where it is made
}
autodoc_docstring_signature = False  # the code says it; docstrings of tuple and scipy confuse it
python_maximum_signature_line_length = 88
autosummary_generate = True
autosummary_context = {
    "rooms": [
        module.name
        for folder in ("devices", "plans", "analysis")
        for module in pkgutil.walk_packages(
            import_module(f"reactune.{folder}").__path__, f"reactune.{folder}."
        )
        if module.ispkg
    ]
}
autosummary_ignore_module_all = True  # every module of a room, not only what its face names
numpydoc_show_class_members = False  # autodoc shows them where they are

# What other projects document is not linked: their inventories are on the network.
_ELSEWHERE = [
    "abc", "annotated_types", "argparse", "bluesky", "bluesky_adaptive", "collections",
    "concurrent", "contextlib", "databroker", "datetime", "enum", "event_model", "functools",
    "IPython", "logging", "matplotlib",
    "numpy", "np", "NDArray", "ophyd", "optype", "os", "pandas", "pathlib", "pd", "pydantic",
    "rich", "serial", "socket", "threading", "tiled", "types", "typing",
]  # fmt: skip
nitpick_ignore_regex = [
    ("py:obj", ".*"),  # `code` in a docstring is more often code than a link
    ("py:.*", rf"({'|'.join(_ELSEWHERE)})(\..*)?"),
    ("py:.*", r"(reactune\..*\.)?(_\w+|[A-Z])"),  # private bases, type variables
    ("py:class", r"t\.Any"),  # as IPython has it, whose magics ours are
    ("py:class", r"reactune\..*\.check_text"),  # a validator, in the type of a field
    (
        "py:.*",
        r"FieldInfo|NoneType|[GL][et]|tuple\[~?[\w.]+|dict\[\w+|list\[\w+\[~?[\w.]+|_PydanticGeneralMetadata|[0-9.]+",
    ),  # of fields of pydantic and dataclasses
]


def setup(app: Any) -> None:
    """Keep numpydoc from giving what has no signature one of its own, where Sphinx stumbles."""
    app.connect(
        "autodoc-process-signature",
        lambda app, what, name, obj, options, signature, returns: () if signature is None else None,
        priority=100,  # before numpydoc
    )
