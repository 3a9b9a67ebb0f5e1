"""Mirror of ``sfmpe.sfmpe``: the estimator for structured data."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from tfmpe.compat._attention import _cross_2d_masks as _cross_2d_masks
from tfmpe.compat._attention import (
    _make_attention_masks as _make_attention_masks,
)
from tfmpe.compat._flow.draws import evaluated
from tfmpe.compat._flow.epochs import DEFAULT_OPTIMIZER, fit_epochs
from tfmpe.compat._flow.loss import _cfm_loss as _cfm_loss
from tfmpe.compat._needs_flow import optax
from tfmpe.compat.defects.l19_repeated_noise import estimator_key
from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.defects.l21_padded_values import (
    check_training_values,
    data_without_padding,
    sampled_width,
    without_padding,
)
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.fmpe import theta_t_linear as theta_t_linear
from tfmpe.compat.fmpe import ut_linear as ut_linear
from tfmpe.compat.structured_cnf import StructuredCNF as StructuredCNF
from tfmpe.compat.train import fit_model_no_branch as fit_model_no_branch
from tfmpe.compat.util.dataloader import decode_theta as decode_theta
from tfmpe.compat.util.dataloader import prod as prod

Direction: TypeAlias = Literal["forward", "backward"]
"""From noise to values, or from values to noise."""

N_PROBES = 10
"""Number of probes, the default of ``StructuredCNF.log_prob``."""


class SFMPE:
    """Posterior estimator for flat data, by flow matching.

    Parameters
    ----------
    vector_field_model : StructuredCNF
        The flow, stored as ``model``. Its ``rngs`` are used for base draws
        and probes.
    rngs : nnx.Rngs, optional
        For training: order of the rows, times, noise. By default all
        instances share ``nnx.Rngs(0)`` (L20).
    fix : iterable of str, optional
        Codes of the defects to turn off, such as ``['L19']``, in addition
        to those in the environment variable ``TFMPE_COMPAT_FIX``.

    Raises
    ------
    ValueError
        If ``fix`` has a code that cannot be turned off.

    Notes
    -----
    Legacy: ``sfmpe.sfmpe.SFMPE``. On Tokens: ``FlowMatchingEstimator``.
    """

    def __init__(
        self,
        vector_field_model: Any,
        rngs: Any = None,
        *,
        fix: Iterable[str] | None = None,
    ) -> None:
        self.fix = read_fixes(fix)
        self.model = vector_field_model
        self.rngs = or_shared(rngs, "sfmpe.SFMPE", self.fix)

    def fit(
        self,
        train: Mapping[str, Any],
        val: Mapping[str, Any],
        optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
        n_iter: int = 1000,
        batch_size: int = 100,
    ) -> tuple[Any, Any]:
        """Train the flow by conditional flow matching.

        Parameters
        ----------
        train, val : dict
            Results of ``flatten_structured``, split by ``split_data``; rows
            are the first axis of every leaf.
        optimizer : optax.GradientTransformation
        n_iter : int
            Number of epochs; the rows are shuffled in each.
        batch_size : int
            Rows per step; must divide the number of rows (L24).

        Returns
        -------
        train_losses, val_losses : Array, shape (n_iter,)
            Mean squared error of the velocities, in squared units of theta.
            The first is the sum over the batches of an epoch plus the mean over
            the rows (L26); the second is computed with dropout (L33).

        Raises
        ------
        TypeError
            If ``batch_size`` does not divide the number of rows, unless L24
            is fixed.

        Notes
        -----
        All epochs are one compiled program; training again with data of
        equal shapes compiles nothing. The flow is left in training mode.
        The path is straight, ``sigma_min`` is 0.001, and times are uniform.
        With padding masks, errors are summed over the tokens of theta that
        are not padding, and divided by the number of these tokens.
        """
        check_training_values(train, self.fix)
        return fit_epochs(
            self.model,
            self.rngs.permutations(),
            _cfm_loss,
            data_without_padding(train, self.fix),
            data_without_padding(val, self.fix),
            optimizer,
            n_iter,
            batch_size,
            self.fix,
        )

    def sample_posterior_encoded(
        self,
        context: Any,
        labels: Mapping[str, Any],
        theta_slices: Mapping[str, Mapping[str, Any]],
        masks: Mapping[str, Any] | None = None,
        index: Mapping[str, Any] | None = None,
        n_samples: int = 1000,
        theta_0: Any = None,
        direction: Any = "forward",
    ) -> Any:
        """Draw flat posterior samples, given one observation.

        Parameters
        ----------
        context : array, shape (1, n_context, width)
            The observation, flat.
        labels : dict
            ``{'theta': (1, n_theta), 'y': (1, n_context)}`` ints.
        theta_slices : dict
            ``{key: {'offset', 'event_shape', 'batch_shape'}}`` of theta.
        masks : dict, optional
            ``'attention'``, ``'padding'``, or both.
        index : dict, optional
            ``{'theta': ..., 'y': ...}`` functional inputs.
        n_samples : int
            Number of draws.
        theta_0 : array, shape (n_samples, n_theta, width), optional
            Initial values; by default noise, the same at every call (L19).
        direction : {'forward', 'backward'}
            From noise to values, or from values to noise.

        Returns
        -------
        Array, shape (n_samples, n_theta, width)

        Raises
        ------
        AssertionError, ValueError, TypeError
            See :meth:`StructuredCNF.sample`.

        Notes
        -----
        Leaves the model in evaluation mode. Works under ``jit``, and under
        ``vmap`` over context, index and ``theta_0``.
        """
        n_theta = sum(
            math.prod(entry["event_shape"]) for entry in theta_slices.values()
        )
        width = max(
            math.prod(entry["batch_shape"]) for entry in theta_slices.values()
        )
        shape = (n_theta, sampled_width(width, context, self.fix))
        model = evaluated(self.model)
        if theta_0 is None:
            key = estimator_key(model.rngs, context, self.fix)
            theta_0 = jax.random.normal(key, (n_samples, *shape))
        return model.sample(
            **self._conditions(context, labels, masks, index),
            theta_shape=shape,
            sample_size=n_samples,
            theta_0=theta_0,
            direction=direction,
        )

    def sample_posterior(
        self,
        context: Any,
        labels: Mapping[str, Any],
        theta_slices: Mapping[str, Mapping[str, Any]],
        masks: Mapping[str, Any] | None = None,
        index: Mapping[str, Any] | None = None,
        n_samples: int = 1000,
        theta_0: Any = None,
        direction: Any = "forward",
    ) -> dict[str, Any]:
        """Draw posterior samples, decoded to one array per key.

        See :meth:`sample_posterior_encoded` for the parameters.

        Returns
        -------
        dict of Array
            In the order of the slices, each of shape
            ``(n_samples,) + event_shape + batch_shape``.
        """
        encoded = self.sample_posterior_encoded(
            context,
            labels,
            theta_slices,
            masks,
            index,
            n_samples,
            theta_0,
            direction,
        )
        return decode_theta(encoded, theta_slices, (n_samples,))

    def sample_base_dist(
        self,
        theta: Any,
        context: Any,
        labels: Mapping[str, Any],
        theta_slices: Mapping[str, Mapping[str, Any]],
        masks: Mapping[str, Any] | None = None,
        index: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Map each theta back to the noise, given the context of its row.

        Parameters
        ----------
        theta : array, shape (n, n_theta, width)
        context : array, shape (n, n_context, width)
        labels, theta_slices, masks, index
            See :meth:`sample_posterior_encoded`; the same for all rows.

        Returns
        -------
        dict of Array
            In sorted order of keys, each of shape
            ``(n, 1) + event_shape + batch_shape``.
        """

        def of_row(theta: Any, context: Any) -> dict[str, Any]:
            return self.sample_posterior(
                context[None],
                labels,
                theta_slices,
                masks,
                index,
                n_samples=1,
                theta_0=theta[None],
                direction="backward",
            )

        return jax.vmap(of_row)(jnp.asarray(theta), jnp.asarray(context))

    def log_prob_posterior_samples(
        self,
        posterior_samples_encoded: Any,
        context: Any,
        labels: Mapping[str, Any],
        masks: Mapping[str, Any] | None = None,
        index: Mapping[str, Any] | None = None,
    ) -> Any:
        """Estimate log densities of flat posterior samples.

        Parameters
        ----------
        posterior_samples_encoded : array, shape (n, n_theta, width)
        context, labels, masks, index
            See :meth:`sample_posterior_encoded`.

        Returns
        -------
        Array, shape (n,)
            In nats, estimated with ten probes, the same at every call (L19).
            Wrong by default, unless the field is even in time (L18).
        """
        model = evaluated(self.model)
        theta = posterior_samples_encoded
        key = estimator_key(model.rngs, context, self.fix)
        probes = jax.random.normal(key, (*jnp.shape(theta), N_PROBES))
        return model._log_prob(
            theta, probes, self._conditions(context, labels, masks, index)
        )

    def _conditions(
        self,
        context: Any,
        labels: Mapping[str, Any],
        masks: Mapping[str, Any] | None,
        index: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Return the arguments of the field other than theta and time."""
        theta_mask, context_mask, cross_mask = _make_attention_masks(masks)
        index = index or {}
        return {
            "context": without_padding(context, self.fix),
            "context_label": labels["y"],
            "context_index": index.get("y"),
            "context_mask": context_mask,
            "theta_label": labels["theta"],
            "theta_index": index.get("theta"),
            "theta_mask": theta_mask,
            "cross_mask": cross_mask,
        }
