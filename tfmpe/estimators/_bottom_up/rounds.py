"""Rounds of bottom-up training, stage by stage."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe._base.errors import unknown_key
from tfmpe._base.extras import import_extra
from tfmpe.estimators._bottom_up.folder import Drawn, Folder
from tfmpe.estimators._bottom_up.plated_model import PlatedModel
from tfmpe.estimators._bottom_up.plates import Group
from tfmpe.estimators._bottom_up.result import (
    BottomUpResult,
    BottomUpRound,
    check_observed,
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
from tfmpe.estimators._estimator import FlowMatchingEstimator
from tfmpe.estimators._types import ArrayTree, PRNGKey
from tfmpe.preprocessing import TokenLayout, concatenate_tokens


@dataclass
class Rounds:
    """One bottom-up training; its estimators are trained in place.

    Round ``i`` depends on ``fold_in(key, i)`` only.
    """

    estimator: FlowMatchingEstimator
    likelihood: FlowMatchingEstimator
    model: PlatedModel
    scheme: Scheme
    options: Options
    observed: ArrayTree | None
    observed_inputs: ArrayTree | None
    key: PRNGKey
    folder: Folder
    progress: bool

    def check(self) -> tuple[Conditional, tuple[Group, ...]]:
        """Check functions and observation with few simulations."""
        parameters, observations = self.model.names(self.key)
        self._check_truncate(parameters)
        plates = self.model.plates
        groups = plates.groups(parameters, observations)
        if self.observed is not None and not self.folder.holds_simulations():
            observed = (self.observed, self.observed_inputs, observations)
            check_observed(*observed, plates, self.model.batch_ndims)
            prior = self._prior(plates.one_unit, None)
            one = self.model.simulate(self.key, 2, observations, prior)
            observed_tokens(*observed, one.layout, plates)
        return Conditional(parameters, observations), groups

    def run(
        self, posterior: Conditional, groups: tuple[Group, ...]
    ) -> BottomUpResult:
        """Run all rounds; stages in the folder are not computed again."""
        bar = _bar(self.scheme.n_rounds) if self.progress else None
        rounds: list[BottomUpRound] = []
        simulations = synthetic = box = None
        for number in range(self.scheme.n_rounds):
            keys = _stage_keys(self.key, number)
            with _stage(bar, number, "simulating"):
                if simulations is not None:
                    box = self._box(
                        number, box, posterior, simulations.layout, keys[0]
                    )
                new, acceptance = self._simulate(
                    number, posterior.conditioning, box, keys[1]
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
            with _stage(bar, number, "synthesising"):
                synthetic, full_acceptance = self._synthesise(
                    number, groups, box, simulations.layout, keys[3]
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
                    self.scheme.n_simulations,
                    inside.sample_shape[0],
                    self.scheme.n_synthetic,
                    acceptance,
                    full_acceptance,
                    learned,
                    history,
                )
            )
        if bar is not None:
            bar.close()
        assert simulations is not None
        assert synthetic is not None
        return BottomUpResult(
            self.estimator,
            self.likelihood,
            posterior,
            tuple(rounds),
            simulations,
            synthetic,
            self.model.plates,
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
            plates = self.model.plates
            draws = self.estimator.sample(
                observed_tokens(
                    self.observed,
                    self.observed_inputs,
                    posterior.conditioning,
                    one,
                    plates,
                ),
                *posterior,
                key=key,
                n_samples=self.scheme.n_draws,
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

    def _simulate(
        self,
        number: int,
        observations: tuple[str, ...],
        box: Box | None,
        key: PRNGKey,
    ) -> Drawn:
        def compute() -> Drawn:
            prior = self._prior(self.model.plates.one_unit, box)
            tokens = self.model.simulate(
                key,
                self.scheme.n_simulations,
                observations,
                prior,
                self.scheme.simulation_batch_size,
                self.progress,
            )
            return tokens, prior.acceptance

        return self.folder.tokens(number, "simulations", compute)

    def _synthesise(
        self,
        number: int,
        groups: tuple[Group, ...],
        box: Box | None,
        one: TokenLayout,
        key: PRNGKey,
    ) -> Drawn:
        def compute() -> Drawn:
            prior = self._prior(self.model.plates.sizes, box)
            prior_key, noise_key = jax.random.split(key)
            tokens = synthesise(
                self.likelihood,
                self.model.draw_full(
                    prior_key, self.scheme.n_synthetic, one, prior
                ),
                one,
                self.model.plates,
                groups,
                noise_key,
                self.options.sample,
            )
            return tokens, prior.acceptance

        return self.folder.tokens(number, "synthetic", compute)

    def _prior(
        self, sizes: Mapping[str, int], box: Box | None
    ) -> TruncatedPrior:
        return TruncatedPrior(
            self.model.prior_fn, sizes, box, self.scheme.min_acceptance
        )

    def _check_truncate(self, parameters: tuple[str, ...]) -> None:
        for name in self.scheme.truncate or ():
            if name not in parameters:
                error = unknown_key(name, parameters)
                error.add_note("It is named in truncate.")
                raise error


def _stage_keys(key: PRNGKey, number: int) -> list[PRNGKey]:
    """Return keys for box, simulations, likelihood, synthetic, posterior."""
    round_key = jax.random.fold_in(key, number)
    return [jax.random.fold_in(round_key, stage) for stage in range(5)]


def _bar(n_rounds: int) -> Any:
    tqdm = import_extra("tqdm.auto", "data", "progress=True needs tqdm")
    return tqdm.tqdm(total=4 * n_rounds, unit="stage")


@contextmanager
def _stage(bar: Any, number: int, what: str) -> Iterator[None]:
    """Show the name of a stage, then that it is finished."""
    if bar is None:
        yield
        return
    bar.set_description(f"round {number + 1}, {what}")
    yield
    bar.update()
