"""Legacy bijector of a tree of arrays."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.compat._bijector_maps import tfb
from tfmpe.compat.defects.l37_first_leaf_only import leaf_event_ndims
from tfmpe.compat.defects.l38_constant_counted_once import count_elements
from tfmpe.compat.fixes import read_fixes


class PyTreeBijector(tfb.Bijector):
    """Bijector that transforms a tree of arrays leaf by leaf.

    Parameters
    ----------
    path_to_bijector : dict of Bijector
        Keys are JAX key paths; see :func:`create_bijector_map`.
    example_tree : tree of arrays
        Only its structure is used, by ``forward_dtype``.
    validate_args : bool
    name : str
    fix : iterable of str, optional
        ``'L37'``: a single ``event_ndims`` applies to every leaf, and a tree
        with other leaves is an error. ``'L38'``: a constant Jacobian counts
        once for each element.

    Raises
    ------
    AttributeError
        If a value of the mapping is not a bijector.

    Notes
    -----
    A subclass of TFP's ``Bijector``; methods that are only inherited do not
    support trees. Works under ``jit``, ``vmap`` and ``grad``.
    Log determinants are one number for all rows; ``jax.vmap`` gives one per
    row. Legacy: ``sfmpe.pytree_bijector.PyTreeBijector``.
    """

    def __init__(
        self,
        path_to_bijector: Mapping[Any, Any],
        example_tree: Any,
        validate_args: bool = False,
        name: str = "pytree_bijector",
        *,
        fix: Iterable[str] | None = None,
    ) -> None:
        parameters = dict(locals())
        bijectors = path_to_bijector.values()
        self._bijectors = dict(path_to_bijector)
        self._example = jax.tree.map(lambda _: 0, example_tree)
        self._fixes = read_fixes(fix)
        super().__init__(
            forward_min_event_ndims=max(
                (b.forward_min_event_ndims for b in bijectors), default=0
            ),
            inverse_min_event_ndims=max(
                (b.inverse_min_event_ndims for b in bijectors), default=0
            ),
            validate_args=validate_args,
            parameters=parameters,
            name=name,
        )

    def forward(self, x: Any, name: str = "forward", **kwargs: Any) -> Any:
        """Return the image of every leaf.

        Parameters
        ----------
        x : tree of arrays
            May have only some of the leaves.
        name, **kwargs
            Ignored.

        Returns
        -------
        tree of Array
            Dictionaries have sorted keys.

        Raises
        ------
        KeyError
            If a leaf has no bijector.
        """
        return self._each("forward", x)

    def inverse(self, y: Any, name: str = "inverse", **kwargs: Any) -> Any:
        """Return the preimage of every leaf; see :meth:`forward`."""
        return self._each("inverse", y)

    def forward_dtype(
        self, dtype: Any = None, name: str = "forward_dtype", **kwargs: Any
    ) -> Any:
        """Return the dtype of the image of every leaf.

        Parameters
        ----------
        dtype : tree of dtypes, optional
            Dtypes of the leaves; without them, most bijectors return None.
        name, **kwargs
            Ignored.

        Returns
        -------
        tree of dtypes or None
        """
        tree = self._example if dtype is None else dtype
        paths, structure = jax.tree_util.tree_flatten_with_path(tree)
        return jax.tree.unflatten(
            structure,
            [
                self._bijectors[path].forward_dtype(
                    None if dtype is None else leaf
                )
                for path, leaf in paths
            ],
        )

    def forward_log_det_jacobian(
        self,
        x: Any,
        event_ndims: Any = None,
        name: str = "forward_log_det_jacobian",
        **kwargs: Any,
    ) -> Any:
        """Return the log determinants of all leaves, summed over all rows.

        Parameters
        ----------
        x : tree of arrays
        event_ndims : tree of int, optional
            Trailing axes of each leaf that belong to one event; 0 by default.
            A number applies to the first leaf only (L37).
        name, **kwargs
            Ignored.

        Returns
        -------
        Array, shape ()
            A constant Jacobian is counted once, whatever the number of
            elements (L38). 0.0 if there are no leaves.
        """
        return self._log_det("forward_log_det_jacobian", x, event_ndims)

    def inverse_log_det_jacobian(
        self,
        y: Any,
        event_ndims: Any = None,
        name: str = "inverse_log_det_jacobian",
        **kwargs: Any,
    ) -> Any:
        """Like :meth:`forward_log_det_jacobian`, but for the inverse."""
        return self._log_det("inverse_log_det_jacobian", y, event_ndims)

    def _each(self, method: str, tree: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: getattr(self._bijectors[path], method)(leaf),
            tree,
        )

    def _log_det(self, method: str, tree: Any, event_ndims: Any) -> Any:
        leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
        ndims = leaf_event_ndims(tree, event_ndims, self._fixes)
        total: Any = 0.0
        for (path, leaf), n in zip(leaves, ndims, strict=False):
            bijector = self._bijectors[path]
            found = getattr(bijector, method)(leaf, n)
            batch_shape = jnp.shape(leaf)[: jnp.ndim(leaf) - n]
            total += count_elements(path, found, batch_shape, self._fixes).sum()
        return jnp.asarray(total)
