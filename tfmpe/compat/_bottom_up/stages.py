"""Steps of one round of bottom-up training."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe.compat._bottom_up.callbacks import repeated
from tfmpe.compat._combine import pad_multidim_event
from tfmpe.compat._flatten import flatten_structured
from tfmpe.compat.defects.l24_whole_batches import masks_of
from tfmpe.compat.defects.l26_rounds import one_unit
from tfmpe.compat.utils import split_rows

_TRAINING_SHARE = 0.8


@dataclass(frozen=True)
class Stages:
    """An estimator and the settings of all rounds.

    Attributes
    ----------
    estim : SFMPE
    independence : dict
        Rules.
    global_names, local_names : sequence of str
    n_local, n_simulations : int
    fixes : collection of str
    """

    estim: Any
    independence: Mapping[str, Any]
    global_names: Sequence[str]
    local_names: Sequence[str]
    n_local: int
    n_simulations: int
    fixes: Collection[str]

    def flatten(self, theta: Any, y: Any, index: Any) -> tuple[Any, Any]:
        """Return ``flatten_structured`` of two sides."""
        return flatten_structured(
            {"theta": theta, "y": y},
            index=index,
            independence=self.independence,
        )

    def train(self, data: Any, key: Any, **options: Any) -> Any:
        """Train the estimator on a fraction of the rows; return its losses."""
        n_rows = len(data["data"]["y"])
        train, val = split_rows(data, n_rows, _TRAINING_SHARE, key)
        return self.estim.fit(train, val, **options)

    def infer(
        self, theta: Any, y_observed: Any, index: Any, key: Any
    ) -> dict[str, Any]:
        """Draw from the posterior; keep one unit of each local parameter.

        Parameters
        ----------
        theta : dict
            Parameters; only their names and shapes are used.
        y_observed, index
            The observation and its functional inputs.
        key : key array
            For the choice of the unit.
        """
        flat, slices = self.flatten(theta, y_observed, index)
        draws = self.estim.sample_posterior(
            flat["data"]["y"],
            flat["labels"],
            slices["theta"],
            masks=masks_of(flat, self.fixes),
            index=flat.get("index"),
            n_samples=self.n_simulations,
        )
        kept = {name: draws[name] for name in self.global_names}
        return kept | one_unit(key, draws, self.local_names, self.fixes)

    def simulate(
        self, theta: Any, one_y: Any, index: Any, key: Any
    ) -> dict[str, Any]:
        """Draw observations of all local units from the estimator.

        Parameters
        ----------
        theta : dict
            Parameters, a row for every simulation.
        one_y : dict
            Observations of one unit; only their names and shapes are used.
        index : dict or None
        key : key array
            For the noise, if L19 is fixed.
        """
        wanted = {
            name: pad_multidim_event(leaf, 1, (self.n_local,))
            for name, leaf in one_y.items()
        }
        flat, slices = self.flatten(wanted, theta, index)
        masks = masks_of(flat, self.fixes)
        rows = {"context": flat["data"]["y"]}
        if "index" in flat:
            rows["index"] = repeated(flat["index"], self.n_simulations)
        if "L19" in self.fixes:
            shape = flat["data"]["theta"].shape
            rows["theta_0"] = jax.random.normal(key, shape)

        def of_row(row: dict[str, Any]) -> dict[str, Any]:
            given = jax.tree.map(lambda leaf: leaf[None], row)
            return self.estim.sample_posterior(
                given.pop("context"),
                flat["labels"],
                slices["theta"],
                masks=masks,
                n_samples=1,
                **given,
            )

        draws = jax.vmap(of_row)(rows)
        # In the order of the slices, which vmap does not keep.
        return {name: draws[name][:, 0] for name in slices["theta"]}
