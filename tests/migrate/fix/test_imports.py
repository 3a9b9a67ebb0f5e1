"""Step 1: what becomes of imports, and what is left with a reason."""

import importlib
import subprocess
import sys

import pytest

pytest.importorskip("libcst", reason="needs the extra cli")

from tfmpe.migrate.fix.bridge_names import bridge_has, loaded_with, star_names
from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.fix.rewrite import rewrite
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, NAMES, SURFACE

REWRITTEN = {
    "from": (
        "from sfmpe.util.dataloader import (\n"
        "    decode_theta as d,  # kept\n"
        "    flatten_structured,\n"
        ")\n",
        "from tfmpe.compat.util.dataloader import (\n"
        "    decode_theta as d,  # kept\n"
        "    flatten_structured,\n"
        ")\n",
    ),
    "as": (
        "import os, sfmpe.util.dataloader as d\nd.pad_1d(x, 3)\n",
        "import os, tfmpe.compat.util.dataloader as d\nd.pad_1d(x, 3)\n",
    ),
    "a module of a package": (
        "from sfmpe import sfmpe, utils as u\nsfmpe.SFMPE(u.split_data)\n",
        "from tfmpe.compat import sfmpe, utils as u\n"
        "sfmpe.SFMPE(u.split_data)\n",
    ),
    "every attribute chain": (
        "import sfmpe.util.dataloader\n"
        "x = sfmpe.util.dataloader.decode_theta("
        "sfmpe . util.dataloader.pad_1d)\n",
        "import tfmpe.compat.util.dataloader\n"
        "x = tfmpe.compat.util.dataloader.decode_theta("
        "tfmpe.compat . util.dataloader.pad_1d)\n",
    ),
    "star": (
        "from sfmpe.sfmpe import *\nSFMPE\n",
        "from tfmpe.compat.sfmpe import *\nSFMPE\n",
    ),
    "function, try, if": (
        "def f():\n\ttry:\n\t\timport sfmpe.utils\n"
        "\texcept ImportError: from sfmpe.utils import split_data\n"
        "\treturn sfmpe.utils.split_data\n"
        "if TYPE_CHECKING:\n    from sfmpe.sfmpe import SFMPE\n",
        "def f():\n\ttry:\n\t\timport tfmpe.compat.utils\n"
        "\texcept ImportError: from tfmpe.compat.utils import split_data\n"
        "\treturn tfmpe.compat.utils.split_data\n"
        "if TYPE_CHECKING:\n    from tfmpe.compat.sfmpe import SFMPE\n",
    ),
    "shadowed by a parameter": (
        "import sfmpe.utils\n\ndef f(sfmpe): return sfmpe.own\n",
        "import tfmpe.compat.utils\n\ndef f(sfmpe): return sfmpe.own\n",
    ),
    "used as a value": (
        "import sfmpe\nf(sfmpe)\n",
        "import tfmpe.compat\nf(tfmpe.compat)\n",
    ),
    "bound otherwise as well": (
        "try:\n    import sfmpe\nexcept ImportError:\n    sfmpe = None\n"
        "sfmpe.utils.split_data\n",
        "try:\n    import tfmpe.compat as sfmpe\n"
        "except ImportError:\n    sfmpe = None\n"
        "sfmpe.utils.split_data\n",
    ),
    "tfmpe is something else": (
        "import sfmpe.utils\ntfmpe = 1\nsfmpe.utils.split_data\n",
        "import tfmpe.compat as sfmpe\ntfmpe = 1\nsfmpe.utils.split_data\n",
    ),
    "quoted annotation": (
        'import sfmpe\nx: "sfmpe.sfmpe.SFMPE" = 1\n',
        'import tfmpe.compat as sfmpe\nx: "sfmpe.sfmpe.SFMPE" = 1\n',
    ),
    "a submodule that the package had loaded": (
        "import sfmpe as s\ns.bottom_up.train_bottom_up\n",
        "import tfmpe.compat as s, tfmpe.compat.bottom_up\n"
        "s.bottom_up.train_bottom_up\n",
    ),
    "a name that a package showed": (
        "from sfmpe.nn import Transformer\n",
        "from tfmpe.compat.nn.transformer.transformer import Transformer\n",
    ),
    "names that another module shows, and annotations": (
        "from sfmpe.bottom_up import F_IN, SFMPE\n"
        "import sfmpe.plot.plot as p\n",
        "from tfmpe.compat.bottom_up import F_IN, SFMPE\n"
        "import tfmpe.compat.plot.plot as p\n",
    ),
    "names that are imported when they are asked for": (
        "from sfmpe.pytree_bijector import PyTreeBijector as P, "
        "_chain_with_zscale\n",
        "from tfmpe.compat.pytree_bijector import PyTreeBijector as P, "
        "_chain_with_zscale\n",
    ),
    "relative, and other packages": (
        "from . import sfmpe\nfrom .sfmpe import x\nimport sfmpe_tools\n",
        "from . import sfmpe\nfrom .sfmpe import x\nimport sfmpe_tools\n",
    ),
}
LEFT = {
    "unknown module": (
        "import sfmpe.unknown\nimport sfmpe.utils\nsfmpe.utils.split_data\n",
        ["T003", "T003"],
    ),
    "unknown name": ("from sfmpe.utils import split_data, other\n", ["T003"]),
    "unknown attribute": (
        "import sfmpe.utils as u\nu.split_data(u.other)\n",
        ["T003"],
    ),
    "star that gives more": (
        "from sfmpe.util.dataloader import *\njnp.zeros(3)\n",
        ["T002"],
    ),
    "dynamic": (
        "import_module('sfmpe.util.dataloader')\nf'sfmpe.{x}'\n",
        ["T004", "T004"],
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_imports_are_rewritten(name):
    before, after = REWRITTEN[name]
    result = rewrite(before, Options())
    assert result.code == after
    assert not result.left
    assert bool(result.edits) == (before != after)
    assert rewrite(after, Options()).code == after


@pytest.mark.parametrize("name", LEFT)
def test_what_the_bridge_lacks_is_left_with_one_comment(name):
    before, codes = LEFT[name]
    result = rewrite(before, Options())
    assert [left.code for left in result.left] == codes
    assert not result.edits
    lines = result.code.splitlines(keepends=True)
    assert "".join(line for line in lines if line[0] != "#") == before
    assert sum("# TODO(tfmpe" in line for line in lines) == len(codes)
    again = rewrite(result.code, Options())
    assert again.code == result.code
    assert len(again.left) == len(codes)


def test_a_comment_says_why_and_links():
    text = "def f():\n    if x: import sfmpe.unknown\n"
    assert rewrite(text, Options()).code == (
        "def f():\n"
        "    # TODO(tfmpe T003): tfmpe.compat does not have sfmpe.unknown; "
        "MIGRATION.md#t003\n"
        "    if x: import sfmpe.unknown\n"
    )


def test_a_module_that_shadows_the_package_is_left():
    text = "from sfmpe import train\nimport sfmpe.utils as u\n"
    result = rewrite(text, Options(shadowed="sfmpe.py is beside it"))
    assert [left.why for left in result.left] == ["sfmpe.py is beside it"] * 2
    assert not result.edits


def test_codes_are_selected_and_ignored():
    text = "from sfmpe.utils import *\nfrom sfmpe.sfmpe import SFMPE\n"
    selected = rewrite(text, Options(select=("T002",)))
    assert [edit.code for edit in selected.edits] == ["T002"]
    ignored = rewrite(text, Options(ignore=("T002",)))
    assert [edit.code for edit in ignored.edits] == ["T001"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_and_characters_stay(newline):
    # libcst would lose a carriage return at the very end; files keep it.
    end = "x" if newline == "\r" else ""
    text = newline.join(
        ["x = 'é∂'", "import sfmpe.unknown", "import sfmpe.utils as π", end]
    )
    code = rewrite(text, Options()).code
    assert code.split(newline) == [
        "x = 'é∂'",
        "# TODO(tfmpe T003): tfmpe.compat does not have sfmpe.unknown; "
        "MIGRATION.md#t003",
        "import sfmpe.unknown",
        "import tfmpe.compat.utils as π",
        end,
    ]


def test_names_of_the_bridge_are_there():
    pytest.importorskip("flax", reason="needs the extra flow")
    for entry in NAMES.values():
        name = entry.name.partition(".")[0]
        assert bridge_has(f"{LEGACY}.{entry.module}", name)
    for module, names in SURFACE.items():
        for name in names.split():
            assert bridge_has(f"{LEGACY}.{module}", name), (module, name)
    for module in MODULES:
        mirror = importlib.import_module(module.replace(LEGACY, BRIDGE, 1))
        given: dict[str, object] = {}
        # Its names need TensorFlow Probability.
        if module != f"{LEGACY}.pytree_bijector":
            exec(f"from {mirror.__name__} import *", given)
            assert star_names(module) <= set(given)
        for name in ("flatten_structured", "SFMPE", "Transformer", "util"):
            assert bridge_has(module, name) == hasattr(mirror, name)


def test_what_is_loaded_with_a_module():
    wanted = [m.replace(LEGACY, BRIDGE, 1) for m in loaded_with("sfmpe.nn")]
    code = (
        f"import sys, tfmpe.compat.nn; print(set({wanted}) <= set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
    assert "sfmpe.bottom_up" not in loaded_with("sfmpe.nn")
