"""Replay of flow calls: fields, noise, tolerances."""

import shutil
from dataclasses import replace

import pytest

from nightly import some_of
from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.replay import replay, why_not

STORED = stored_folder()


def _case(line):
    example, function, name = line.split()
    if example in ("gaussian", "brownian"):
        example = f"hierarchical_{example}"
    cases = read_cases(STORED / example / f"{function}.json", STORED)
    return next(case for case in cases if case.name == name)


DRAWN = "gaussian StructuredCNF_sample sample__V1_attention_drawn_rep1"
BACKWARD = "gaussian StructuredCNF_sample sample__V1_nomask_noindex_backward_7"
DENSITY = "gaussian SFMPE_log_prob_posterior_samples sfmpe__V1_log_prob"
NETWORK = "seir Transformer_call transformer__forward_t0.0"

# A draw, a density; a network's decoded draw, a refusal, a trace. Single calls
# of the network, eager here, are compared in test_transformer.py.
SOME = f"""
{DRAWN}
{BACKWARD}
{DENSITY}
brownian StructuredCNF_log_prob logprob__V3_attention_padding_skew_v1_eps10
gaussian SFMPE_sample_posterior n3_o5__trace054_sample_posterior
errors StructuredCNF_sample sample_context_batch_2
errors SFMPE_sample_posterior_encoded sfmpe_theta0_wrong
seir StructuredCNF_sample s5_o5_prior__trace013_cnf_sample
brownian SFMPE_sample_posterior n4_o3_prior__trace010_sample_posterior
""".strip().splitlines()
NIGHTLY = [
    "seir SFMPE_sample_posterior sfmpe__V1_sample_posterior_forward",
    "seir Transformer_call transformer__forward_t0.35",
]


@pytest.mark.parametrize(
    "line", some_of([*SOME, *NIGHTLY], SOME, "stored calls")
)
def test_some_stored_calls(line):
    case = _case(line)
    assert why_not(case) is None
    result = replay(case)
    assert result.agrees, result.differences


def test_the_stored_calls_of_flows_can_all_be_made():
    names = ("SFMPE", "StructuredCNF", "Transf")
    files = [f for f in find_recordings(STORED) if f.stem.startswith(names)]
    cases = [case for file in files for case in read_cases(file, STORED)]
    assert len(cases) == 954 - 726
    assert not any(map(why_not, cases))


@pytest.mark.parametrize(
    ("line", "name"), [(BACKWARD, "field"), (DRAWN, "key")]
)
def test_another_field_or_noise_is_seen(line, name):
    case = _case(line)
    key = case.extra.get("base_key_data", 0)
    other = {"field": {"field": "skew_v1"}, "key": {"base_key_data": key + 1}}
    changed = replace(case, extra=case.extra | other[name])
    differences = replay(changed).differences
    assert {each.kind for each in differences} == {"values"}


def test_fixes_of_the_user_are_not_replayed(monkeypatch):
    """A replay proves that defects are reproduced."""
    monkeypatch.setenv("TFMPE_COMPAT_FIX", "L18")
    assert replay(_case(DENSITY)).agrees


def test_weights_come_from_the_call_inside(tmp_path):
    """They were recorded with the encoded draw, one number higher."""
    example = "hierarchical_gaussian"
    name = "n3_o5__trace054_sample_posterior"
    case = _case(f"{example} SFMPE_sample_posterior {name}")
    encoded = "sample_posterior_encoded"
    inner = _case(f"{example} SFMPE_{encoded} n3_o5__trace055_{encoded}")
    assert compare(inner.extra, case.extra).identical
    for suffix in (".json", ".npz"):
        file = f"SFMPE_sample_posterior{suffix}"
        shutil.copy(STORED / example / file, tmp_path / file)
    cases = read_cases(tmp_path / "SFMPE_sample_posterior.json")
    (alone,) = (case for case in cases if case.name == name)
    assert alone.extra is None
    assert why_not(alone) == "its weights are in a recording that is missing"
    assert sum(why_not(case) is None for case in cases) == 6


def test_without_the_extra_nothing_is_replayed(monkeypatch):
    name = "tfmpe.migrate.replay.replay._PACKAGES"
    monkeypatch.setattr(name, ("no_such_package",))
    reason = "needs the extra flow: pip install 'tfmpe[flow]'"
    assert why_not(_case(NETWORK)) == reason
    other = read_cases(STORED / "seir" / "decode_theta.json")
    assert not any(map(why_not, other))
