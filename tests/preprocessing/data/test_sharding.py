"""Tokens on eight virtual devices, and in two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from other_process import output_of
from tfmpe import Tokens, shard_tokens

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "several_processes.py"


EIGHT_DEVICES = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from preprocessing.simulations import RULES, prior, simulator, times
from tfmpe import TokenGenerator, minibatches, shard_tokens

assert jax.device_count() == 8
source = TokenGenerator(
    prior, simulator, times, RULES, 40, 16, 0, drop_remainder=True
)
batch = source[0]
mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "model"))
spread = {
    "a mesh of one axis": Mesh(jax.devices(), ("data",)),
    "the first axis of two": mesh,
    "both axes": NamedSharding(mesh, PartitionSpec(("data", "model"))),
    "no axis": NamedSharding(mesh, PartitionSpec()),
}
traces = []

@jax.jit
def step(tokens):
    traces.append(tokens.layout)
    mask = tokens.attention_mask()
    weights = mask.sum(-1)[:, 0, :, None]
    return (tokens.data * weights).mean(0), tokens.data * 2

wanted = step(batch)
for name, where in spread.items():
    tokens = shard_tokens(batch, where)
    assert tokens.layout is batch.layout
    rows = {leaf.sharding.shard_shape(leaf.shape)[0]
            for leaf in jax.tree.leaves(tokens)}
    mean, doubled = step(tokens)
    # Sums of 16 numbers of order 10, in another order.
    np.testing.assert_allclose(mean, wanted[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(doubled, wanted[1])
    print(name, rows, len(doubled.sharding.device_set),
          doubled.sharding.shard_shape(doubled.shape)[0])

n_traces = len(traces)
step(shard_tokens(source[1], spread["a mesh of one axis"]))
assert len(traces) == n_traces

# A generator can put its batches there itself.
where = NamedSharding(spread["a mesh of one axis"], PartitionSpec("data"))
for found, batch in zip(source.batches(device=where), source, strict=True):
    assert len(found.data.sharding.device_set) == 8
    np.testing.assert_array_equal(found.data, batch.data)

# A view is spread with its parent.
view = shard_tokens(batch.select_tokens(["obs"]), mesh)
np.testing.assert_array_equal(view.data, batch.select_tokens(["obs"]).data)
"""


def test_eight_devices_give_what_one_gives():
    printed = output_of(EIGHT_DEVICES)
    assert printed.splitlines() == [
        "a mesh of one axis {2} 8 2",
        "the first axis of two {4} 8 4",
        "both axes {2} 8 2",
        "no axis {16} 8 16",
    ]


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _start(folder, *args):
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE), *map(str, args)],
        cwd=folder,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(processes):
    try:
        outputs = [p.communicate(timeout=120) for p in processes]
    finally:
        for p in processes:
            p.kill()
    for p, (_, errors) in zip(processes, outputs, strict=True):
        assert p.returncode == 0, errors
    # Gloo, the connection between processes, prints a message.
    return [
        [line for line in printed.splitlines() if "[Gloo]" not in line]
        for printed, _ in outputs
    ]


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path):
    """The example of the documentation runs over a real connection."""
    (alone,) = _finish([_start(tmp_path)])
    address = f"127.0.0.1:{_free_port()}"
    together = _finish(
        [
            _start(
                tmp_path, "--address", address, "--processes", 2, "--rank", rank
            )
            for rank in range(2)
        ]
    )
    mean, *rest = alone
    assert mean.startswith("mean of mu")
    assert rest == ["1 process, 1 device"]
    assert together == [[mean, "2 processes, 2 devices"]] * 2


@pytest.fixture
def tokens():
    return Tokens.from_pytree({"mu": np.zeros((3, 1))}, {})


@pytest.fixture
def mesh():
    return Mesh(jax.devices()[:1], ("data",))


def test_samples_that_cannot_be_divided():
    code = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import jax, numpy as np
from tfmpe import Tokens, shard_tokens
tokens = Tokens.from_pytree({"mu": np.zeros((3, 1))}, {})
try:
    shard_tokens(tokens, jax.sharding.Mesh(jax.devices(), ("data",)))
except ValueError as error:
    print(error)
"""
    assert output_of(code) == (
        "Tokens with the sample shape (3,) in each of 1 processes cannot be "
        "divided evenly over 2 devices. Use a multiple of 2 samples in "
        "total, for example with TokenGenerator(..., drop_remainder=True).\n"
    )


def test_without_a_sample_axis(mesh):
    tokens = Tokens.from_pytree({"mu": np.zeros((1, 1))}, {}, sample_ndims=0)
    with pytest.raises(ValueError, match=r"the sample shape \(\) in each"):
        shard_tokens(tokens, mesh)


def test_only_samples_are_spread(tokens, mesh):
    where = NamedSharding(mesh, PartitionSpec("data", None))
    assert shard_tokens(tokens, where).data.sharding == where
    for spec in (PartitionSpec(None, "data"),):
        with pytest.raises(ValueError, match="only samples can be sharded"):
            shard_tokens(tokens, NamedSharding(mesh, spec))


def test_something_else_is_refused(tokens):
    with pytest.raises(TypeError, match="Expected a jax"):
        shard_tokens(tokens, jax.devices()[0])
