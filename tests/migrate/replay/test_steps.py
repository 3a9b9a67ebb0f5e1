"""Replay of steps: objects, calls, views and differences."""

import dataclasses
import math
import os
import sys
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tfmpe.migrate.recordings.cases import Call, Case, Compared, Raised
from tfmpe.migrate.recordings.nodes import Made
from tfmpe.migrate.replay.names import AbsentError, MissingPackageError, named
from tfmpe.migrate.replay.steps import replay_steps
from tfmpe.migrate.replay.views import plain, seen

PACKAGE = "legacylike"


class Net(nnx.Module):
    def __init__(self, n, rngs):
        self.linear = nnx.Linear(1, n, use_bias=False, rngs=rngs)
        self.n = n

    def __call__(self, x):
        return self.linear(x)


@dataclasses.dataclass
class Stopping:
    count: int = 0

    def update(self):
        self.count += 1
        return np.bool_(self.count > 1), self


class ClearerError(KeyError):
    """A subclass of the recorded exception."""


def double(x):
    return 2 * x


def change(numbers):
    numbers[0] = 5


def fail(kind):
    if kind == "missing":
        raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")
    raise {"clearer": ClearerError, "other": ValueError}[kind]("text")


def save(name):
    print("saved")
    Path(name).write_text("")


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """Install a small package in which the calls are looked up."""
    module = ModuleType(PACKAGE)
    module.os = os
    module.number = 3
    for each in (Net, Stopping, double, change, fail, save):
        monkeypatch.setattr(each, "__module__", PACKAGE)
        setattr(module, each.__name__, each)
    module.foreign = math.sqrt
    monkeypatch.setitem(sys.modules, PACKAGE, module)


def step(target, *args, **fields):
    return Call(target=target, args=args, **fields)


def differences(*steps, setup=()):
    """Replay; return the differences as text, tolerated ones in brackets."""
    first, *then = steps or [step("v:number", output=3)]
    names = dict.fromkeys(("example", "name", "function"), "f")
    case = Case(**names, setup=tuple(setup), then=tuple(then), **vars(first))
    found = replay_steps(case, PACKAGE).differences
    return [f"({each})" if each.tolerated else str(each) for each in found]


ONES, OFF, SHAPE = jnp.ones(2), jnp.asarray([2.0, 2.1]), Compared("shape")
NUMBERS = np.zeros(1)
KEY_ERROR = Raised("KeyError", "builtins", "")
ONE = "values at output[1]: 2.0, was 2.1 (1 of 2 differ)"
OTHER = "exception at output: raised ValueError (text), was "


def doubled(output, how=None, x=ONES, **fields):
    """Return a step that doubles an array and is compared as specified."""
    fields |= {} if how is None else {"compare": how}
    return step("f:double", x, output=output, **fields)


STEPS = [
    (doubled(np.full(2, 2, "float32"), x=np.ones(2, "float32")), None),
    (step("v:number", output=3), None),
    (doubled(OFF), ONE),
    (doubled(OFF, Compared("close", 0.2, 0)), f"({ONE})"),
    (doubled(OFF, Compared("close", 0, 0.01)), ONE),
    (doubled(OFF, SHAPE), None),
    (doubled(jnp.ones(3), SHAPE), "shape at output: (2,), was (3,)"),
    (doubled(jnp.float32(2), x=jnp.asarray(1.0)), None),
    # Arguments may be changed only if they were.
    (step("f:change", NUMBERS, args_after=(np.full(1, 5.0),)), None),
    (
        step("f:change", NUMBERS),
        "values at args_after[0][0]: 5.0, was 0.0 (1 of 1 differ)",
    ),
    # Exceptions are compared by type.
    (step("f:fail", "clearer", raises=KEY_ERROR), None),
    (step("f:fail", "other", raises=KEY_ERROR), f"{OTHER}raised KeyError"),
    # A name that the package does not define is absent.
    *(
        (
            step(f"f:{path}"),
            f"absent at output: {PACKAGE}.{path}, was in the package",
        )
        for path in ("nothing", "double.nothing", "os.getcwd", "os", "foreign")
    ),
]


@pytest.mark.parametrize(("taken", "expected"), STEPS)
def test_a_step_is_compared(taken, expected):
    assert differences(taken) == ([expected] if expected else [])
    assert NUMBERS[0] == 0, "what was recorded stays as it was"


STOPPING = [("es", Made("new", ("Stopping",), {}))]


def test_names_of_python_itself_are_not_looked_up():
    with pytest.raises(AbsentError):
        named(PACKAGE, "double.__globals__", called=False)
    shown = step("e:es.__class__", view="exists")
    (text,) = differences(shown, setup=STOPPING)
    assert "AttributeError" in text
    # A missing package is not a difference either.
    with pytest.raises(MissingPackageError, match="nowhere is not installed"):
        differences(step("f:fail", "missing"))


def test_objects_live_through_all_steps():
    steps = (
        step(
            "o:es.update",
            output=[False, {"type": "Stopping", "count": 1}, True],
            view="update",
            after={"es": {"count": 1}},
        ),
        step("o:es.update", output="tuple", view="type", keep="last"),
        step("e:last", output=(np.bool_(True), 0), view="same", view_arg="es"),
    )
    # The first step that differs is the last one that runs.
    (text,) = differences(*steps, *steps, setup=STOPPING)
    assert text == "structure at then[1].output: bool, was tuple"


def test_files_and_prints_stay_apart(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert differences(step("f:save", "a.txt", files=("a.txt",))) == []
    (text,) = differences(step("f:save", "a.txt"))
    assert text == "structure at files: list of 1, was list of 0"
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def _net(weights):
    """Return the recipe of a network whose two weights were changed."""
    rngs = Made("Rngs", (0,), {})
    state = {"linear/kernel": jnp.asarray(weights)[None]}
    return [("net", Made("new", ("Net", 2), {"rngs": rngs}, state))]


def test_first_weights_are_compared_then_put_in():
    begun = np.asarray(Net(2, nnx.Rngs(0)).linear.kernel)[0]
    asked = step(
        "o:net", jnp.ones(1), output=jnp.ones(2), compare=Compared("close", 1)
    )
    equal = differences(asked, setup=_net(begun))
    assert not any("first" in text for text in equal)
    near = differences(setup=_net(begun * (1 + 5e-7)))
    assert [text[:1] for text in near] in ([], ["("])
    planted = begun + np.float32([0, 1])
    for expected, said in (
        (None, "structure at output['linear/kernel']: jax array, was None"),
        (planted[None], "library"),
        (jnp.asarray(planted)[None], None),
    ):
        output = {"linear/kernel": expected}
        look = step("e:net", output=output, view="params")
        first, *more = differences(look, setup=_net(planted))
        place = "first weights of Net['linear/kernel'][0, 1]: "
        assert first.startswith(f"values at {place}")
        assert len(more) == (said is not None)
        assert all(text.startswith(said) for text in more)


def test_first_weights_of_another_shape_are_left():
    (text,) = differences(setup=_net(np.zeros(3, np.float32)))
    assert text.endswith("weights of Net['linear/kernel']: (1, 2), was (1, 3)")


RAISED = "exception at setup: raised "
NODES = [
    (Made("system", (), {}), RAISED),
    (Made("optimiser", ("os",), {}), RAISED),
    (Made("path", ("../x.png",), {}), RAISED),
    (Made("path", ("/x.png",), {}), RAISED),
    (Made("attr", (STOPPING[0][1], "__class__"), {}), RAISED),
    (Made("new", ("nn.Missing",), {}), f"absent at output: {PACKAGE}.nn.Miss"),
]


@pytest.mark.parametrize(("node", "said"), NODES)
def test_only_known_recipes_are_followed(node, said):
    (text,) = differences(setup=[("it", node)])
    assert text.startswith(said)


def test_other_views_and_keys():
    with pytest.raises(LookupError, match="no view 'eval'"):
        seen("eval", 1, None, {})
    # New-style keys are compared by their data.
    assert plain([jax.random.key(0)])[0].dtype == jnp.uint32
