"""Defects of the legacy package, reproduced on purpose, one per module.

Each module contains the code that reproduces a defect and the class of its
warning. The numbers are those of MIGRATION.md, which also lists the defects
that need no code.
"""

from tfmpe.compat.defects.l01_index_rows_sorted import (
    IndexRowsSortedWarning as IndexRowsSortedWarning,
)
from tfmpe.compat.defects.l02_index_rows_missing import (
    IndexRowsMissingWarning as IndexRowsMissingWarning,
)
from tfmpe.compat.defects.l03_shared_labels import (
    SharedLabelsWarning as SharedLabelsWarning,
)
from tfmpe.compat.defects.l08_one_way_rules import (
    OneWayRuleWarning as OneWayRuleWarning,
)
from tfmpe.compat.defects.l09_elementwise_pairing import (
    ElementwisePairingWarning as ElementwisePairingWarning,
)
from tfmpe.compat.defects.l11_width_of_extras import (
    WidthOfExtrasWarning as WidthOfExtrasWarning,
)
from tfmpe.compat.defects.l12_caller_changed import (
    CallerChangedWarning as CallerChangedWarning,
)
from tfmpe.compat.defects.l14_pad_value_overflow import (
    PadValueOverflowWarning as PadValueOverflowWarning,
)
from tfmpe.compat.defects.l16_parts_dropped import (
    PartsDroppedWarning as PartsDroppedWarning,
)
from tfmpe.compat.defects.l17_samples_mixed_up import (
    SamplesMixedUpWarning as SamplesMixedUpWarning,
)
from tfmpe.compat.defects.l18_negative_time import (
    NegativeTimeWarning as NegativeTimeWarning,
)
from tfmpe.compat.defects.l18_negative_time import (
    PlainNegativeTimeWarning as PlainNegativeTimeWarning,
)
from tfmpe.compat.defects.l19_repeated_noise import (
    RepeatedNoiseWarning as RepeatedNoiseWarning,
)
from tfmpe.compat.defects.l20_shared_rngs import (
    SharedRngsWarning as SharedRngsWarning,
)
from tfmpe.compat.defects.l21_padded_values import (
    PaddedValuesWarning as PaddedValuesWarning,
)
from tfmpe.compat.defects.l22_masks_without_effect import (
    MasksWithoutEffectWarning as MasksWithoutEffectWarning,
)
from tfmpe.compat.defects.l25_clamped_split import (
    ClampedSplitWarning as ClampedSplitWarning,
)
from tfmpe.compat.defects.l26_rounds import RoundsWarning as RoundsWarning
from tfmpe.compat.defects.l30_dropped_axis import (
    DroppedAxisWarning as DroppedAxisWarning,
)
from tfmpe.compat.defects.l35_return_times import (
    ReturnTimesWarning as ReturnTimesWarning,
)
from tfmpe.compat.defects.l36_repeated_rounds import (
    RepeatedRoundsWarning as RepeatedRoundsWarning,
)
from tfmpe.compat.defects.l37_first_leaf_only import (
    FirstLeafOnlyWarning as FirstLeafOnlyWarning,
)
from tfmpe.compat.defects.l38_constant_counted_once import (
    ConstantCountedOnceWarning as ConstantCountedOnceWarning,
)
from tfmpe.compat.defects.l39_columns_by_place import (
    ColumnsByPlaceWarning as ColumnsByPlaceWarning,
)
from tfmpe.compat.defects.l40_scaled_by_itself import (
    ScaledByItselfWarning as ScaledByItselfWarning,
)
from tfmpe.compat.defects.l41_specs_by_last_key import (
    SpecsByLastKeyWarning as SpecsByLastKeyWarning,
)
from tfmpe.compat.defects.l42_p_value import (
    NanStatisticWarning as NanStatisticWarning,
)
from tfmpe.compat.defects.l45_unused_samples import (
    UnusedSamplesWarning as UnusedSamplesWarning,
)
from tfmpe.compat.defects.l49_names_not_compared import (
    NamesNotComparedWarning as NamesNotComparedWarning,
)
from tfmpe.compat.defects.l51_always_shuffled import (
    AlwaysShuffledWarning as AlwaysShuffledWarning,
)
from tfmpe.compat.defects.l54_unequal_points import (
    UnequalPointsWarning as UnequalPointsWarning,
)
