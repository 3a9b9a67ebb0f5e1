"""How Sphinx builds the pages of this folder: ``make docs``. Offline."""

import sys
from pathlib import Path

import tfmpe

sys.path.append(str(Path(__file__).parent / "_extensions"))

project = "tfmpe"
author = "tfmpe developers"
project_copyright = author
release = version = tfmpe.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # In _extensions.
    "command_help",
    "docstrings",
    "package_map",
    "repository_links",
]
exclude_patterns = ["_extensions"]

# As on a code host: [text](page.md#some-heading).
myst_heading_anchors = 3

# Annotations hold shapes, which say less than the docstrings do.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 72

# Every reference that a docstring writes must lead somewhere. The types in
# front of parameters are words ("array of bool") as often as names: they are
# linked where they can be.
nitpicky = True
nitpick_ignore_regex = [
    ("py:(class|obj)", r"(?!tfmpe\.).*"),
    # Annotations may name what is not exported.
    ("py:class", r"tfmpe\.(\w+\.)*_\w+\..*"),
]

html_theme = "furo"
html_title = "tfmpe"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
