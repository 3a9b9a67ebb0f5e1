"""A generative model of parameters and observations, with its layout."""

import copy
import textwrap
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe._base.arrays import AnyArray, PRNGKey, flatten_samples
from tfmpe._base.errors import raise_faults
from tfmpe._base.keys import takes_key
from tfmpe._base.static import positive
from tfmpe._base.trees import Tree, flatten_tree
from tfmpe.preprocessing import TokenGenerator, TokenLayout, Tokens, TokenView
from tfmpe.preprocessing.data.simulation import check_functions, parameter_names
from tfmpe.preprocessing.data.static_dataset import batch_size_of, collect
from tfmpe.preprocessing.layout.layout import checked_names
from tfmpe.preprocessing.tokens.functional_inputs import decode_inputs
from tfmpe.preprocessing.tokens.observed import (
    check_no_more,
    observed_tokens,
    template_of,
)


class NoDensityError(ValueError):
    """A model has no density, but one is needed."""


class Model:
    """Prior, simulator and layout of a hierarchical model.

    Parameters
    ----------
    prior_fn, simulator_fn, functional_input_fn, independence
        See :class:`tfmpe.TokenGenerator`.
    target_keys
        The keys to infer; by default those that ``prior_fn`` returns. All
        others are observed.
    batch_ndims, labels, dims, groups, positions
        See :meth:`tfmpe.Tokens.from_pytree`.
    bijectors
        Bijectors of bounded parameters; see :meth:`tfmpe.Standardizer.fit`.
    exchangeable
        Keys whose tokens have no order, such as independent observations.
    log_density_fn
        ``log_density_fn(parameters, observations)``, or with
        ``functional_input_fn`` ``log_density_fn(parameters, observations,
        functional_inputs)``, returns the log of the joint density: one number
        for each of ``n`` simulations, or a dictionary of log factors that add
        up to it, one ``(n, *event)`` array per key.
    reasons
        Pairs of a rule and its reason, for :meth:`explain`.

    Raises
    ------
    TypeError
        If a function does not accept its arguments.

    Notes
    -----
    :func:`tfmpe.from_numpyro` reads all of this from a NumPyro model.

    Examples
    --------
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     mu = parameters["mu"]
    ...     return {"obs": mu + jax.random.normal(key, (len(mu), 3, 1))}
    >>> model = Model(prior, simulator)
    >>> simulations = model.simulate(jax.random.key(0), 100)
    >>> simulations.data.shape
    (100, 4, 1)
    >>> model.condition({"obs": jnp.zeros((5, 1))}).data.shape
    (6, 1)
    >>> model
    Model(p(mu | obs))
    """

    def __init__(
        self,
        prior_fn: Any,
        simulator_fn: Callable[..., Tree],
        functional_input_fn: Callable[..., Tree] | None = None,
        independence: object = None,
        *,
        target_keys: Iterable[str] | None = None,
        batch_ndims: Tree = None,
        labels: Mapping[str, SupportsIndex] | None = None,
        dims: Tree = None,
        groups: Tree = None,
        positions: Tree = None,
        bijectors: Mapping[str, Any] | None = None,
        exchangeable: Iterable[str] = (),
        log_density_fn: Callable[..., Any] | None = None,
        reasons: Iterable[tuple[str, str]] = (),
    ) -> None:
        check_functions(prior_fn, simulator_fn, functional_input_fn)
        self.prior_fn = prior_fn
        self.simulator_fn = simulator_fn
        self.functional_input_fn = functional_input_fn
        self.bijectors = dict(bijectors or {})
        self.exchangeable = checked_names(exchangeable)
        self.reasons = tuple(reasons)
        self._log_density_fn = log_density_fn
        self._given_targets = None
        if target_keys is not None:
            self._given_targets = checked_names(target_keys)
        self._arguments = (
            prior_fn,
            simulator_fn,
            functional_input_fn,
            independence,
        )
        self._generators: dict[SupportsIndex, TokenGenerator] = {}
        self._options = {
            "batch_ndims": batch_ndims,
            "labels": labels,
            "dims": dims,
            "groups": groups,
            "positions": positions,
        }

    @takes_key
    def simulate(
        self,
        key: PRNGKey,
        n: SupportsIndex,
        *,
        batch_size: SupportsIndex | None = None,
        progress: bool = False,
    ) -> Tokens:
        """Return ``n`` simulations; see :func:`tfmpe.generate_static_dataset`.

        All random numbers come from ``key``. Compiled once per ``batch_size``,
        by default ``n``, but at most 1,000. Does not work under ``jit``.
        """
        n = positive(n, "n")
        size = batch_size_of(n, batch_size)
        if size not in self._generators:
            self._generators[size] = self.generator(n, size, key)
        generator = self._generators[size].reseeded(n, key)
        tokens = collect(generator, progress)
        for names in (self.exchangeable, self._given_targets or ()):
            tokens.layout.select(names)  # Raises if a key does not exist.
        # Two simulations show whether functional inputs differ.
        if len(tokens) > 1 and "_template" not in self.__dict__:
            self._template = template_of(tokens)
        return tokens

    def with_template(self, tokens: Tokens) -> "Model":
        """Return a copy that has the layout of some simulations."""
        other = copy.copy(self)
        other._template = template_of(tokens)
        return other

    def generator(
        self, n_samples: SupportsIndex, batch_size: SupportsIndex, seed: object
    ) -> TokenGenerator:
        """Return a generator of batches of simulations."""
        return TokenGenerator(
            *self._arguments, n_samples, batch_size, seed, **self._options
        )

    @cached_property
    def _template(self) -> Tokens:
        return template_of(self.simulate(jax.random.key(0), 2))

    @property
    def layout(self) -> TokenLayout:
        """Layout of a simulation; the first access makes two simulations."""
        return self._template.layout

    @cached_property
    def parameter_keys(self) -> tuple[str, ...]:
        """The keys that ``prior_fn`` returns."""
        return tuple(parameter_names(self.prior_fn))

    @cached_property
    def target_keys(self) -> tuple[str, ...]:
        """The keys to infer."""
        names = self._given_targets
        if names is None:
            names = self.parameter_keys
        return self.layout.select(names).names

    @property
    def conditioning_keys(self) -> tuple[str, ...]:
        """The observed keys."""
        return tuple(
            name for name in self.layout.names if name not in self.target_keys
        )

    def condition(
        self,
        observed: Tree,
        *,
        functional_inputs: Tree = None,
        groups: Tree = None,
    ) -> Tokens:
        """Return Tokens with observed values, to infer the target keys.

        Parameters
        ----------
        observed : nested dict of arrays (*sample, *event, *batch)
            A value for every observed key; or Tokens, which are returned
            unchanged. Sample axes count data sets; a single data set needs
            none. Event shapes may differ from those of simulations: parameters
            are resized along dimensions that have the same name, or that an
            independence rule matches.
        functional_inputs, groups
            Needed for keys that have them, if their event shape changes.

        Returns
        -------
        Tokens
            Target values are 0.

        Raises
        ------
        UnknownKeyError, ValueError
            If a key does not exist, observed keys are missing, or shapes do not
            fit.
        """
        if isinstance(observed, (Tokens, TokenView)):
            check_no_more(functional_inputs=functional_inputs, groups=groups)
            return observed.select_tokens(observed.layout.names).to_tokens()
        tokens = observed_tokens(
            self._template,
            observed,
            functional_inputs=functional_inputs,
            groups=groups,
            positions=self._options["positions"],
        )
        given = [leaf.name for leaf in flatten_tree(observed, "observed")]
        missing = [n for n in self.conditioning_keys if n not in given]
        if missing:
            raise ValueError(
                f"The observed values of {missing} are missing; got only "
                f"values of {given}."
            )
        return tokens

    def check_arguments(self, tokens: Tokens) -> None:
        """Raise if the simulator and the density do not fit ``tokens``.

        Usually they receive the sizes and functional inputs of the data; those
        of :func:`tfmpe.from_numpyro` use the arguments of the model instead.

        Raises
        ------
        ValueError
            If the data have other functional inputs, groups or sizes.
        """

    @property
    def has_density(self) -> bool:
        """Whether the joint density of all keys is known."""
        return self._log_density_fn is not None

    def log_factors(
        self, tokens: Tokens | TokenView, changed: Tree = None
    ) -> dict[str, Float[Array, "*sample_and_event"]]:
        """Return the terms of the log of the joint density, in nats.

        Parameters
        ----------
        tokens
            Values of all keys.
        changed : nested dict of arrays, optional
            Values of some target keys that replace those of the tokens, with
            one sample axis.

        Returns
        -------
        dict
            An array ``(*sample, *event)`` per key; or, if the density has no
            factors, one array ``(*sample,)`` under ``""``.

        Raises
        ------
        NoDensityError, ValueError
            If the model has no density, or an array that ``log_density_fn``
            returns has another shape.

        Notes
        -----
        Works under ``jit`` if ``log_density_fn`` does. Factors of padding are
        0; a density without factors includes padding.
        """
        if self._log_density_fn is None:
            raise NoDensityError(
                f"{self!r} has no density. Pass log_density_fn= to Model."
            )
        sample_shape = tokens.sample_shape
        rows = flatten_samples(
            tokens.select_tokens(tokens.layout.names).to_tokens(),
            len(sample_shape),
        )
        targets = [n for n in rows.layout.names if n in self.target_keys]
        given = [n for n in rows.layout.names if n not in self.target_keys]
        arguments: list[Tree] = [
            rows.select_tokens(names).decode() for names in (targets, given)
        ]
        arguments[0] = _with_changes(arguments[0], changed or {})
        if self.functional_input_fn is not None:
            arguments.append(decode_inputs(rows.functional_inputs, rows.layout))
        found = self._log_density_fn(*arguments)
        if not isinstance(found, Mapping):
            found = {"": found}
        _check_factors(found, rows)
        factors = {}
        for name, value in found.items():
            if name and rows.padding is not None:
                key = rows.layout[name]
                real = rows.padding[:, key.block].reshape(jnp.shape(value))
                value = jnp.where(real, value, 0)
            shape = (*sample_shape, *jnp.shape(value)[1:])
            factors[name] = jnp.reshape(value, shape)
        return factors

    def log_density(
        self, tokens: Tokens | TokenView
    ) -> Float[Array, "*sample"]:
        """Return the log of the joint density of all keys, in nats.

        See :meth:`log_factors` for the argument, errors and notes.
        """
        n_axes = len(tokens.sample_shape)
        sums = [
            factor.sum(tuple(range(n_axes, factor.ndim)))
            for factor in self.log_factors(tokens).values()
        ]
        return jnp.stack(sums).sum(0)

    def explain(self) -> str:
        """Return the layout, and each rule with its reason, as text."""
        lines = [*str(self._template).splitlines(), repr(self)]
        lines += [f"  {rule}: {reason}" for rule, reason in self.reasons]
        return "\n".join(
            part
            for line in lines
            for part in textwrap.wrap(line, 79, subsequent_indent=" " * 6)
        )

    def __repr__(self) -> str:
        # The keys are not known before the first simulation.
        if "_template" not in self.__dict__:
            return "Model(not simulated yet)"
        given = ", ".join(self.conditioning_keys)
        return f"Model(p({', '.join(self.target_keys)} | {given}))"


def _with_changes(tree: Tree, changed: Tree) -> Tree:
    """Return a nested dict in which some arrays are replaced."""
    if not isinstance(tree, Mapping):
        return changed
    return {
        name: _with_changes(each, changed[name]) if name in changed else each
        for name, each in tree.items()
    }


def _check_factors(
    factors: Mapping[str, Float[AnyArray, "..."]], rows: Tokens
) -> None:
    """Check that factors have one number per simulation, or per token."""
    n = len(rows)
    faults = []
    for name, value in factors.items():
        expected = (n, *rows.layout[name].event_shape) if name else (n,)
        if jnp.shape(value) != expected:
            what = f"{name!r} has" if name else "the density has"
            faults.append(
                f"{what} shape {jnp.shape(value)}, expected {expected}"
            )
    raise_faults(ValueError, "log_density_fn returned wrong shapes", faults)
