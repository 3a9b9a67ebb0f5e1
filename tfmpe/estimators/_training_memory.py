"""Keys, layout, model and sizes that an estimator remembers of training."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from tfmpe._base.callers import warn_at_caller
from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import Tree, flatten_tree
from tfmpe.estimators._conditionals import Conditional, read_conditional
from tfmpe.estimators._seen import Seen
from tfmpe.estimators._training.errors import UnlikeTrainingWarning
from tfmpe.estimators._types import AnyTokens
from tfmpe.models import Model
from tfmpe.preprocessing import TokenLayout, Tokens, TokenView
from tfmpe.preprocessing.layout.differences import (
    LIKE_TRAINING,
    key_differences,
)
from tfmpe.preprocessing.masks.relations import self_relations
from tfmpe.preprocessing.tokens.observed import check_no_more, observed_tokens

Keys: TypeAlias = Iterable[str] | None


def check_has_values(tokens: AnyTokens | Tree, values: object) -> None:
    """Raise if target values, which a density needs, are missing."""
    if values is None and not isinstance(tokens, (Tokens, TokenView)):
        raise TypeError(
            "log_prob needs target values, which a dictionary of observed "
            "values does not have. Pass them as values=."
        )


@dataclass(frozen=True, eq=False)
class Memory:
    """Conditionals that were trained, one simulation, model, what was seen.

    The template is None before training, the model if ``fit`` got none.
    Nothing is seen by an estimator that is part of another.
    """

    conditionals: tuple[Conditional, ...] = ()
    template: Tokens | None = None
    model: Model | None = None
    seen: Seen = field(default_factory=Seen)

    @property
    def only(self) -> Conditional | None:
        """The learned distribution; None if there are several, or none."""
        return self.conditionals[0] if len(self.conditionals) == 1 else None

    def read_call(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Keys,
        conditioning_keys: Keys,
        functional_inputs: Tree = None,
        groups: Tree = None,
    ) -> tuple[AnyTokens, Conditional]:
        """Return the Tokens and the keys of a call.

        Keys default to the remembered ones. For a dictionary of observed values
        with ``target_keys``, its keys are the conditioning keys.
        """
        if isinstance(tokens, (Tokens, TokenView)):
            check_no_more(functional_inputs=functional_inputs, groups=groups)
            keys = self.read_keys(tokens, target_keys, conditioning_keys)
            if self.template is not None:
                _check_like_training(tokens.layout, self.template.layout)
            self.seen.warn_of_others(tokens, sum(keys, ()))
            return tokens, keys
        observed = [leaf.name for leaf in flatten_tree(tokens, "observed")]
        if target_keys is not None and conditioning_keys is None:
            conditioning_keys = observed
        completed = self.condition(tokens, functional_inputs, groups)
        keys = self.read_keys(completed, target_keys, conditioning_keys)
        missing = [name for name in keys.conditioning if name not in observed]
        unused = [name for name in observed if name not in keys.conditioning]
        if missing or unused:
            raise ValueError(
                f"Expected observed values of {list(keys.conditioning)} for "
                f"{keys}, got values of {observed}."
            )
        self.seen.warn_of_others(completed, sum(keys, ()))
        return completed, keys

    def warn_of_other_keys(self, keys: Conditional) -> None:
        """Warn if there was no training for these keys."""
        trained = [tuple(map(set, each)) for each in self.conditionals]
        if trained and tuple(map(set, keys)) not in trained:
            warn_at_caller(
                UnlikeTrainingWarning(
                    f"The estimator was trained for "
                    f"{', '.join(map(str, self.conditionals))}, not for "
                    f"{keys}, which it does not know. Pass these keys to fit, "
                    "or draw all target keys and select some of them."
                )
            )

    def read_keys(
        self, tokens: AnyTokens, target_keys: Keys, conditioning_keys: Keys
    ) -> Conditional:
        """Return the keys of a call, by default those of training."""
        return read_conditional(
            tokens.layout, target_keys, conditioning_keys, self.only
        )

    def condition(
        self, observed: Tree, functional_inputs: Tree, groups: Tree
    ) -> Tokens:
        """Return Tokens with observed values; see :meth:`Model.condition`."""
        if self.template is None:
            raise ValueError(
                "The layout of observed values is not known before training. "
                "Call fit first, or pass Tokens."
            )
        if self.model is not None:
            return self.model.condition(
                observed, functional_inputs=functional_inputs, groups=groups
            )
        return observed_tokens(
            self.template,
            observed,
            functional_inputs=functional_inputs,
            groups=groups,
        )


def _check_like_training(mine: TokenLayout, training: TokenLayout) -> None:
    """Raise if keys have other values or independence rules than in training.

    Sizes and groups may differ.
    """
    names = [name for name in mine.names if name in training]
    where = "these Tokens", "training"
    faults = key_differences(mine, training, names, where, LIKE_TRAINING)
    ours, theirs = (
        self_relations(each.independence.restrict(names))
        for each in (mine, training)
    )
    faults += [
        f"the independence rules between {a!r} and {b!r} differ"
        for a, b in sorted({*ours, *theirs})
        if ours.get((a, b)) != theirs.get((a, b))
    ]
    raise_faults(
        ValueError,
        "The Tokens do not fit this estimator, which was trained on others. "
        "Build them from observed values, functional_inputs= and groups= with "
        "its method condition",
        faults,
    )
