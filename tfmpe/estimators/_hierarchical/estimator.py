"""An estimator for any number of groups."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.keys import takes_key
from tfmpe._base.trees import Tree
from tfmpe.estimators._base_estimator import BaseEstimator
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._default_network import (
    default_group_posterior,
    describe_network,
)
from tfmpe.estimators._flow.continuous import check_draws
from tfmpe.estimators._flow.vector_field import Field
from tfmpe.estimators._flow_matching import FlowMatchingEstimator
from tfmpe.estimators._hierarchical.whitened import (
    WhitenedFlow,
    WhiteningField,
    whitened_loss,
)
from tfmpe.estimators._own_units import draw_tokens, log_density
from tfmpe.estimators._seen import Seen
from tfmpe.estimators._storage.estimator_file import (
    load_estimator,
    save_estimator,
)
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.loss import SIGMA_MIN
from tfmpe.estimators._training.options import LEARNING_RATE, read_options
from tfmpe.estimators._training.prepare import (
    Start,
    missing_target_keys,
    prepare,
    simulated,
)
from tfmpe.estimators._training_memory import Memory, check_has_values
from tfmpe.estimators._types import (
    AnyTokens,
    BijectorLike,
    PRNGKey,
    Simulations,
    Values,
)
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, StorageError, Tokens, TokenView
from tfmpe.preprocessing.layout.layout import checked_names
from tfmpe.preprocessing.tokens.observed import template_of

_KIND = "HierarchicalEstimator"
_GLOBAL, _LOCAL = "global.safetensors", "local.safetensors"
_DEFAULTS = {
    "learning_rate": LEARNING_RATE,
    "n_epochs": 100,
    "batch_size": 128,
    "progress": False,
}


class HierarchicalHistory(NamedTuple):
    """Losses of both networks of a :class:`HierarchicalEstimator`.

    Attributes
    ----------
    global_keys
        For the global keys: the loss of the flow, plus the negative log
        likelihood of the normal approximation.
    local_keys
        For all other target keys; None if there are no others.
    """

    global_keys: TrainingHistory
    local_keys: TrainingHistory | None


class HierarchicalEstimator(BaseEstimator):
    """Infers global and local parameters from any number of groups.

    The global keys are inferred first, from all groups, in units of a normal
    approximation whose precision is a sum over groups. The estimator can be
    used for many more groups than the simulations have. The other target keys
    are inferred given the global keys.

    Parameters
    ----------
    global_keys
        Target keys that all groups depend on, such as means and standard
        deviations of populations. They have no padding.
    posterior
        The network for global keys, by default one that :meth:`fit` builds; see
        :class:`tfmpe.nn.GroupPosterior`.
    vector_field, bijectors, exchangeable
        The network for the other keys, bijectors of all keys, and keys whose
        tokens have no order; see :class:`FlowMatchingEstimator`.

    Attributes
    ----------
    posterior : GroupPosterior or None
    local : FlowMatchingEstimator
        Infers the other keys, given the global ones.

    Notes
    -----
    The independence rules must separate the groups given the global keys. For
    many more groups than in training, posterior standard deviations of global
    parameters remain correct, but errors of posterior means do not shrink with
    them: in posterior standard deviations, the errors grow with the square root
    of the number of groups. They shrink with the number of simulations. See
    ``docs/benchmarks/groups.md``.

    Examples
    --------
    >>> from tfmpe.models import Model
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     mu = parameters["mu"]
    ...     return {"obs": mu + jax.random.normal(key, (len(mu), 4, 1))}
    >>> model = Model(prior, simulator, independence={"local": ["obs"]})
    >>> estimator = HierarchicalEstimator(["mu"])
    >>> key = jax.random.key(0)
    >>> history = estimator.fit(model, n_simulations=64, key=key, n_epochs=1)
    >>> observed = {"obs": jnp.zeros((100, 1))}
    >>> draws = estimator.sample(observed, key=key, n_samples=10)
    >>> draws["mu"].shape
    (10, 1, 1)
    """

    def __init__(
        self,
        global_keys: Iterable[str],
        posterior: WhiteningField | None = None,
        vector_field: Field | None = None,
        *,
        bijectors: Mapping[str, BijectorLike] | None = None,
        exchangeable: Iterable[str] = (),
    ) -> None:
        self.global_keys = checked_names(global_keys)
        self.posterior = posterior
        self.local = FlowMatchingEstimator(
            vector_field, bijectors=bijectors, exchangeable=exchangeable
        )
        self._memory = Memory()

    @property
    def standardizer(self) -> Standardizer | None:
        """The standardizer; None before training."""
        return self.local.standardizer

    @moves_arrays
    @takes_key
    def fit(
        self,
        data: Simulations | Model,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey,
        n_simulations: SupportsIndex | None = None,
        **options: Any,
    ) -> HierarchicalHistory:
        """Train both networks.

        Parameters
        ----------
        data, target_keys, conditioning_keys, key, n_simulations
            See :meth:`FlowMatchingEstimator.fit`. Target keys include the
            global keys. Simulations may have different numbers of groups. In
            each step, about a tenth of them are used without some random
            groups.
        **options
            ``validation``, ``optimizer``, ``learning_rate``, ``n_epochs``,
            ``batch_size``, ``n_noise``, ``patience``, ``progress``,
            ``checkpoint``, ``checkpoint_every``, ``steps_per_epoch``, used
            for both networks.

        Raises
        ------
        ValueError
            If global keys are not target keys, if the independence rules do
            not separate groups given the global keys, or as in
            :meth:`FlowMatchingEstimator.fit`.
        TrainingDivergedError, UnknownKeyError, TypeError
            See :meth:`FlowMatchingEstimator.fit`.
        """
        progress = bool(options.get("progress"))
        model, data = simulated(data, n_simulations, key, progress)
        if model is not None:
            target_keys = target_keys or model.target_keys
            conditioning_keys = conditioning_keys or model.conditioning_keys
        if target_keys is None:
            raise missing_target_keys(data)
        keys = self._read_keys(data, target_keys, conditioning_keys)
        checkpoint = options.pop("checkpoint", None)
        folders = [
            None if checkpoint is None else Path(checkpoint) / name
            for name in ("global", "local")
        ]
        loop, reached, start = prepare(
            partial(self._start, model, key, keys),
            data,
            ((self.global_keys, keys.conditioning),),
            key,
            read_options(**_DEFAULTS | options, checkpoint=folders[0]),
            SIGMA_MIN,
            whitened_loss,
        )
        self.local.standardizer = loop.standardizer
        self._memory = start.memory
        keep = partial(setattr, self, "posterior")
        history = loop.train(reached, start.field, keep)
        others = self._local_keys(keys)
        if others is None:
            return HierarchicalHistory(history, None)
        if model is not None:
            names = self.local._exchangeable + model.exchangeable
            self.local._exchangeable = tuple(dict.fromkeys(names))
        of_locals = self.local.fit(
            data,
            *others,
            key=jax.random.fold_in(key, 1),
            checkpoint=folders[1],
            **options,
        )
        # Calls of the whole estimator warn of other data.
        self.local._memory = replace(self.local._memory, seen=Seen())
        return HierarchicalHistory(history, of_locals)

    @moves_arrays
    @takes_key
    def sample(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey,
        n_samples: SupportsIndex = 1,
        functional_inputs: Tree = None,
        groups: Tree = None,
        **options: Any,
    ) -> Tokens:
        """Draw target values for every sample of the tokens.

        Parameters
        ----------
        tokens, key, n_samples, functional_inputs, groups
            See :meth:`FlowMatchingEstimator.sample`. The numbers of groups may
            differ from those in training.
        target_keys
            Some or all target keys of :meth:`fit`, by default all. Drawing
            only global keys takes a small part of the time.
        conditioning_keys
            The conditioning keys of :meth:`fit`.
        **options
            See :meth:`FlowMatchingEstimator.sample`, without ``theta_0``.

        Returns
        -------
        Tokens, sample axes (n_samples, *sample)
            See :meth:`FlowMatchingEstimator.sample`.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            See :meth:`FlowMatchingEstimator.sample`.
        """
        tokens, keys = self._read_call(
            tokens, target_keys, conditioning_keys, functional_inputs, groups
        )
        global_key, local_key = jax.random.split(key)
        question = Conditional(self.global_keys, keys.conditioning)
        draws = draw_tokens(
            WhitenedFlow(self._trained()),
            self.standardizer,
            tokens,
            question,
            key=global_key,
            n_samples=n_samples,
            **options,
        )
        full = _with_draws(tokens, draws.layout.names, draws.data)
        others = self._local_keys(keys)
        if others is not None:
            drawn = self.local.sample(full, *others, key=local_key, **options)
            view = full.select_tokens(others.target)
            full = view.with_data(drawn.data[0])
        return full.select_tokens(keys.target).to_tokens()

    @moves_arrays
    def log_prob(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        values: Values | None = None,
        functional_inputs: Tree = None,
        groups: Tree = None,
        **options: Any,
    ) -> Float[Array, "*draws"]:
        """Return the log density of target values given the conditioning.

        Parameters
        ----------
        tokens, values, functional_inputs, groups, **options
            See :meth:`FlowMatchingEstimator.log_prob`.
        target_keys, conditioning_keys
            The global keys, or all target keys of :meth:`fit`, in any order.

        Returns
        -------
        Array, shape (*sample,), or (n, *sample) with ``values``
            See :meth:`FlowMatchingEstimator.log_prob`.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            See :meth:`FlowMatchingEstimator.log_prob`.
        """
        check_has_values(tokens, values)
        tokens, keys = self._read_call(
            tokens, target_keys, conditioning_keys, functional_inputs, groups
        )
        if not {*self.global_keys} <= {*keys.target} or len(
            keys.target
        ) not in (len(self.global_keys), len(self.target_keys or ())):
            raise ValueError(
                f"log_prob of {list(keys.target)} is unavailable. Pass the "
                f"target keys {list(self.global_keys)} or "
                f"{list(self.target_keys or ())}."
            )
        view = tokens.select_tokens(keys.target)
        if values is None:
            drawn = view.data[None]
        elif isinstance(values, (Tokens, TokenView)):
            drawn = values.select_tokens(keys.target).data
        else:
            drawn = jnp.asarray(values)
        check_draws(drawn, view)
        full = _with_draws(tokens, keys.target, drawn)
        density = log_density(
            WhitenedFlow(self._trained()),
            self.standardizer,
            tokens,
            Conditional(self.global_keys, keys.conditioning),
            full.select_tokens(self.global_keys).data,
            **options,
        )
        others = self._local_keys(keys)
        if others is not None:
            density = density + self.local.log_prob(full, *others, **options)
        return density[0] if values is None else density

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the estimator, without its model, to a folder.

        Existing files in it are replaced.

        Raises
        ------
        StorageError, ImportError
            See :meth:`FlowMatchingEstimator.save`.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "estimator": _KIND,
            "sigma_min": SIGMA_MIN,
            "network": describe_network(self._trained()),
        }
        save_estimator(
            folder / _GLOBAL,
            self._trained(),
            self.standardizer,
            self._memory,
            settings,
        )
        if self.local.vector_field is not None:
            self.local.save(folder / _LOCAL)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        posterior: WhiteningField | None = None,
        vector_field: Field | None = None,
        *,
        bijectors: Mapping[str, BijectorLike] | None = None,
        model: Model | None = None,
    ) -> "HierarchicalEstimator":
        """Read a folder that :meth:`save` wrote.

        Parameters
        ----------
        folder
            The folder.
        posterior, vector_field
            Networks of the same architectures; not needed for networks of
            ``tfmpe.nn``.
        bijectors, model
            See :meth:`FlowMatchingEstimator.load`.

        Raises
        ------
        FileNotFoundError, StorageError
            See :meth:`FlowMatchingEstimator.load`.
        """
        folder = Path(folder)
        if folder.is_file():
            raise FileNotFoundError(
                f"{folder} is a file, expected the folder that the method save "
                "wrote. FlowMatchingEstimator.load and DensityEstimator.load "
                "read files."
            )
        if bijectors is None and model is not None:
            bijectors = model.bijectors
        found, standardizer, memory, _ = load_estimator(
            folder / _GLOBAL, posterior, bijectors, model, kind=_KIND
        )
        if not isinstance(found, WhiteningField):
            raise StorageError(
                f"{folder / _GLOBAL} holds a {type(found).__name__}, which is "
                "not a network for global keys."
            )
        estimator = cls(found.global_keys, found, bijectors=bijectors)
        if (folder / _LOCAL).exists():
            estimator.local = FlowMatchingEstimator.load(
                folder / _LOCAL, vector_field, bijectors=bijectors
            )
        estimator.local.standardizer = standardizer
        estimator._memory = memory
        return estimator

    def _read_keys(
        self,
        data: Simulations,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None,
    ) -> Conditional:
        target = checked_names(target_keys)
        if conditioning_keys is None:
            layout = getattr(data, "layout", None)
            if layout is None:
                raise TypeError(
                    "fit needs conditioning_keys if data are batches, because "
                    "their keys are not known in advance."
                )
            conditioning_keys = [n for n in layout.names if n not in target]
        missing = [name for name in self.global_keys if name not in target]
        if missing:
            raise ValueError(
                f"The global keys {missing} are not among the target keys "
                f"{list(target)}."
            )
        return Conditional(target, checked_names(conditioning_keys))

    def _read_call(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Iterable[str] | None,
        conditioning_keys: Iterable[str] | None,
        functional_inputs: Tree,
        groups: Tree,
    ) -> tuple[Tokens, Conditional]:
        """Return Tokens and keys of a call, if they fit the training."""
        known = self._memory.only
        if known is None:
            raise ValueError("The estimator was never trained. Call fit first.")
        found, keys = self._memory.read_call(
            tokens,
            target_keys,
            conditioning_keys or known.conditioning,
            functional_inputs,
            groups,
        )
        others = [name for name in keys.target if name not in known.target]
        if others or {*keys.conditioning} != {*known.conditioning}:
            raise ValueError(f"The estimator learned {known}, not {keys}.")
        if isinstance(found, TokenView):
            found = found.to_tokens()
        return found, Conditional(keys.target, known.conditioning)

    def _local_keys(self, keys: Conditional) -> Conditional | None:
        """Return the conditional of the other keys; None if none is wanted."""
        known = self._memory.only
        wanted = [n for n in keys.target if n not in self.global_keys]
        if known is None or not wanted:
            return None
        target = tuple(n for n in known.target if n not in self.global_keys)
        return Conditional(target, (*self.global_keys, *known.conditioning))

    def _trained(self) -> Any:
        if self.posterior is None or self._memory.only is None:
            raise ValueError("The estimator was never trained. Call fit first.")
        return self.posterior

    def _start(
        self,
        model: Model | None,
        key: PRNGKey,
        keys: Conditional,
        tokens: Tokens,
        conditionals: tuple[Conditional, ...],
    ) -> Start:
        """Return what the training of the global keys starts from."""
        del conditionals
        standardizer = self.local._standardizer_for(model, tokens)
        field = self.posterior
        if field is None:
            field = default_group_posterior(
                tokens, self.global_keys, keys.conditioning, key
            )
        seen = Seen(self.global_keys)
        memory = Memory((keys,), template_of(tokens), model, seen)
        return Start(field, standardizer, memory)


def _with_draws(tokens: Tokens, keys: Iterable[str], draws: Any) -> Tokens:
    """Return Tokens with a new first axis, of draws of some keys."""
    full = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (len(draws), *leaf.shape)), tokens
    )
    return full.select_tokens(keys).with_data(draws)
