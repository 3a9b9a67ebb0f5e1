"""Rounds of bottom-up training, stage by stage."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from tfmpe._base.errors import unknown_key
from tfmpe._base.progress import advance, progress_bar
from tfmpe.estimators._bottom_up.folder import Drawn, Folder
from tfmpe.estimators._bottom_up.plated_model import PlatedModel
from tfmpe.estimators._bottom_up.plates import Group
from tfmpe.estimators._bottom_up.result import (
    BottomUpResult,
    BottomUpRound,
    observed_tokens,
)
from tfmpe.estimators._bottom_up.scheme import Options, Scheme
from tfmpe.estimators._bottom_up.synthesis import synthesise
from tfmpe.estimators._bottom_up.truncation import (
    Box,
    TruncatedPrior,
    arrays_by_name,
    box_of_draws,
    keep_inside,
)
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._types import ArrayTree, PRNGKey
from tfmpe.preprocessing import (
    Independence,
    TokenLayout,
    Tokens,
    concatenate_tokens,
)


@dataclass
class Rounds:
    """A bottom-up training run; the estimators are trained in place.

    Round ``i`` depends only on ``fold_in(key, i)``.
    """

    estimator: NetworkEstimator
    likelihood: NetworkEstimator
    model: PlatedModel
    scheme: Scheme
    options: Options
    observed: ArrayTree | None
    observed_inputs: ArrayTree | None
    key: PRNGKey
    folder: Folder
    progress: bool

    def check(self) -> tuple[Conditional, tuple[Group, ...]]:
        """Check the functions and the observation with a few simulations."""
        parameters, observations = self.model.names(self.key)
        for name in self.scheme.truncate or ():
            if name not in parameters:
                raise unknown_key(
                    name, parameters, "It was named in truncate=."
                )
        plates = self.model.plates
        rules = Independence.parse(self.model.independence)
        groups = plates.groups(parameters, observations, rules)
        if self.observed is not None and not self.folder.holds_simulations():
            prior = self._prior(plates.one_unit, None)
            one = self.model.simulate(self.key, 2, observations, prior)
            observed = self.observed, self.observed_inputs, observations
            observed_tokens(*observed, one.layout, plates)
        return Conditional(parameters, observations), groups

    def run(
        self, posterior: Conditional, groups: tuple[Group, ...]
    ) -> BottomUpResult:
        """Run all rounds; stages found in the folder are not computed again."""
        n_stages = 4 * self.scheme.n_rounds
        with progress_bar(self.progress, n_stages, "stage", "round 1") as bar:
            return self._run(posterior, groups, bar)

    def _run(
        self, posterior: Conditional, groups: tuple[Group, ...], bar: Any
    ) -> BottomUpResult:
        rounds: list[BottomUpRound] = []
        simulations = synthetic = box = None
        plates, scheme = self.model.plates, self.scheme
        for number in range(scheme.n_rounds):
            keys = _stage_keys(self.key, number)
            with _stage(bar, number, "simulating"):
                if simulations is not None:
                    one = simulations.layout
                    box = self._box(number, box, posterior, one, keys[0])
                simulate = partial(
                    self.model.simulate,
                    keys[1],
                    scheme.n_simulations,
                    posterior.conditioning,
                    batch_size=scheme.simulation_batch_size,
                    progress=self.progress,
                )
                new, acceptance = self._draw(
                    number, "simulations", plates.one_unit, box, simulate
                )
                if simulations is not None:
                    new = concatenate_tokens(simulations, new)
                simulations = new
                inside = keep_inside(simulations, box)
            if box is not None:
                # Values vary less in the box, so they are standardized anew.
                self.likelihood.standardizer = None
                self.estimator.standardizer = None
            with _stage(bar, number, "likelihood"):
                learned = self.likelihood.fit(
                    inside,
                    conditionals=[group.conditional for group in groups],
                    key=keys[2],
                    progress=self.progress,
                    checkpoint=self.folder.checkpoint(number, "likelihood"),
                    **self.options.likelihood,
                )
            with _stage(bar, number, "synthesizing"):
                observe = partial(
                    self._synthesise, groups, simulations.layout, keys[3]
                )
                synthetic, full_acceptance = self._draw(
                    number, "synthetic", plates.sizes, box, observe
                )
            with _stage(bar, number, "posterior"):
                history = self.estimator.fit(
                    concatenate_tokens(synthetic, inside),
                    *posterior,
                    key=keys[4],
                    progress=self.progress,
                    checkpoint=self.folder.checkpoint(number, "posterior"),
                    **self.options.posterior,
                )
            rounds.append(
                BottomUpRound(
                    box,
                    scheme.n_simulations,
                    inside.sample_shape[0],
                    scheme.n_synthetic,
                    acceptance,
                    full_acceptance,
                    learned,
                    history,
                )
            )
        assert simulations is not None
        assert synthetic is not None
        return BottomUpResult(
            self.estimator,
            self.likelihood,
            posterior,
            tuple(rounds),
            simulations,
            synthetic,
            groups,
            self.model,
            self.options,
        )

    def _box(
        self,
        number: int,
        before: Box | None,
        posterior: Conditional,
        one: TokenLayout,
        key: PRNGKey,
    ) -> Box:
        def compute() -> Box:
            assert self.observed is not None
            plates, names = self.model.plates, posterior.conditioning
            observed = self.observed, self.observed_inputs, names
            draws = self.estimator.sample(
                observed_tokens(*observed, one, plates),
                *posterior,
                key=key,
                n_samples=self.scheme.n_draws,
                progress=self.progress,
                **self.options.sample,
            )
            names = self.scheme.truncate or posterior.target
            box = box_of_draws(
                arrays_by_name(draws, names),
                {name: plates.grown(name).values() for name in names},
                self.scheme.margin,
            )
            return box if before is None else box.intersect(before)

        return self.folder.box(number, compute)

    def _draw(
        self,
        number: int,
        name: str,
        sizes: Mapping[str, int],
        box: Box | None,
        tokens_of: Callable[..., Tokens],
    ) -> Drawn:
        """Return Tokens with parameters from the prior inside a box."""

        def compute() -> Drawn:
            prior = self._prior(sizes, box)
            return tokens_of(prior=prior), prior.acceptance

        return self.folder.tokens(number, name, compute)

    def _synthesise(
        self,
        groups: tuple[Group, ...],
        one: TokenLayout,
        key: PRNGKey,
        prior: TruncatedPrior,
    ) -> Tokens:
        prior_key, noise_key = jax.random.split(key)
        n = self.scheme.n_synthetic
        return synthesise(
            self.likelihood,
            self.model.draw_full(prior_key, n, one, prior),
            one,
            self.model.plates,
            groups,
            noise_key,
            {**self.options.sample, "progress": self.progress},
        )

    def _prior(
        self, sizes: Mapping[str, int], box: Box | None
    ) -> TruncatedPrior:
        return TruncatedPrior(
            self.model.prior_fn, sizes, box, self.scheme.min_acceptance
        )


def _stage_keys(key: PRNGKey, number: int) -> list[PRNGKey]:
    """Return keys for box, simulations, likelihood, synthetic, posterior."""
    round_key = jax.random.fold_in(key, number)
    return [jax.random.fold_in(round_key, stage) for stage in range(5)]


@contextmanager
def _stage(bar: Any, number: int, what: str) -> Iterator[None]:
    """Show the name of a stage, and advance the bar at its end."""
    label = f"round {number + 1}, {what}"
    if bar is not None:
        bar.set_description(label)
    yield
    advance(bar, label)
