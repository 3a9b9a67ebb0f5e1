"""Choice of the shipped cases that are replayed by default."""

import pytest

from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.read import read_head
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.records.checks import NotReplayed
from tfmpe.migrate.verify import choice
from tfmpe.migrate.verify.choice import LEFT_OUT, choose
from tfmpe.migrate.verify.one_file import replay_file
from tfmpe.migrate.verify.verify import verify


@pytest.fixture
def heads(part):
    return {
        file: read_head(file, folder)
        for folder in (stored_folder(), part)
        for file in find_recordings(folder)
    }


def test_every_example_is_chosen_and_the_preprocessing_completely(heads):
    chosen = choose(heads)
    assert chosen.keys() == heads.keys()
    examples = {file.parent for file in chosen if chosen[file]}
    assert examples == {file.parent for file in heads}
    whole = {
        heads[file].function
        for file, names in chosen.items()
        if {*names} == {*heads[file].names}
    }
    assert {
        *("flatten_structured", "decode_theta", "combine_data", "split_data"),
        *("build_padding_mask", "_make_attention_masks", "pad_multidim_event"),
        *("as_batch_iterators", "event_indices", "flatten_index_tuple"),
    } <= whole
    assert "StructuredCNF.sample" not in whole


def test_the_choice_is_fixed_and_does_not_depend_on_the_order(heads):
    chosen = choose(heads)
    other = choose(dict(reversed(heads.items())))
    assert {file: {*other[file]} for file in heads} == {
        file: {*names} for file, names in chosen.items()
    }
    found = {
        f"{heads[file].function} {name}"
        for file, names in chosen.items()
        for name in names
        if file.parent.name == "cnf"
    }
    assert found == {
        "CNF.log_prob default_probes_0",
        "CNF.sample backward_given_3",
    }
    assert sum(map(len, chosen.values())) == 1012


def test_other_cases_are_counted_with_the_reason(part):
    file = part / "dataloader" / "prod.json"
    name = read_head(file, part).names[3]
    result = replay_file(file, part, chosen={name})
    assert result.row.tally.compared == 1
    left = NotReplayed("dataloader", "prod", 9, LEFT_OUT)
    assert result.not_replayed == (left,)


def test_a_quick_verification_is_a_success_and_counts_the_rest(
    folder, right, monkeypatch
):
    monkeypatch.setattr(choice, "REPLAYED", {})
    report = verify(folder, lookup=right, quick=True)
    assert report.exit_code == 0
    tallies = {row.function: row.tally.compared for row in report.rows}
    assert tallies == {"_flatten_index": 1, "decode_theta": 1}
    left = NotReplayed("hierarchical_brownian", "_flatten_index", 3, LEFT_OUT)
    assert left in report.not_replayed
    (whole,) = verify(folder, lookup=right).not_replayed
    assert whole.reason != LEFT_OUT
