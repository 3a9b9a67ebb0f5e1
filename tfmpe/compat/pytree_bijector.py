"""Mirror of the legacy module ``sfmpe.pytree_bijector``.

Its names need TensorFlow Probability (extra ``legacy``) and are imported at
first use.
"""

from typing import TYPE_CHECKING

from tfmpe.compat._lazy import lazily

# So that a star import includes the lazy names.
__all__ = [
    "PyTreeBijector",
    "create_bijector_map",
    "create_zscaling_bijector_tree",
]

if TYPE_CHECKING:
    from tfmpe.compat._bijector_maps import (
        _chain_with_zscale as _chain_with_zscale,
    )
    from tfmpe.compat._bijector_maps import (
        _create_path_bijector_mapping as _create_path_bijector_mapping,
    )
    from tfmpe.compat._bijector_maps import (
        _find_bijector_for_path as _find_bijector_for_path,
    )
    from tfmpe.compat._bijector_maps import (
        create_bijector_map as create_bijector_map,
    )
    from tfmpe.compat._bijector_maps import (
        create_zscaling_bijector_tree as create_zscaling_bijector_tree,
    )
    from tfmpe.compat._tree_bijector import PyTreeBijector as PyTreeBijector

_MAPS = "tfmpe.compat._bijector_maps"
__getattr__, __dir__ = lazily(
    __name__,
    {
        "PyTreeBijector": "tfmpe.compat._tree_bijector",
        "create_bijector_map": _MAPS,
        "create_zscaling_bijector_tree": _MAPS,
        "_chain_with_zscale": _MAPS,
        "_create_path_bijector_mapping": _MAPS,
        "_find_bijector_for_path": _MAPS,
    },
)
