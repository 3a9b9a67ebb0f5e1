"""Replaying steps: what is made, called, looked at and noticed."""

import dataclasses
import math
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

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
    """A network with two weights."""

    def __init__(self, n, rngs):
        self.linear = nnx.Linear(1, n, use_bias=False, rngs=rngs)
        self.n = n

    def __call__(self, x):
        """Return one number for each weight."""
        return self.linear(x)


@dataclasses.dataclass
class Stopping:
    """Counts how often it was asked."""

    count: int = 0

    def update(self):
        """Return whether it is time, and itself."""
        self.count += 1
        return np.bool_(self.count > 1), self


class ClearerError(KeyError):
    """A subclass of what was raised."""


def double(x, note=None):
    """Return twice an array."""
    return 2 * x


def change(numbers):
    """Change an argument."""
    numbers[0] = 5


def fail(kind):
    """Raise."""
    if kind == "missing":
        raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")
    raise {"clearer": ClearerError, "other": ValueError}[kind]("text")


def save(name):
    """Write a file, and print."""
    print("saved")
    Path(name).write_text("")


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """Have a small package below whose name the calls are looked up."""
    module = ModuleType(PACKAGE)
    module.os = os
    module.number = 3
    for each in (Net, Stopping, double, change, fail, save):
        monkeypatch.setattr(each, "__module__", PACKAGE)
        setattr(module, each.__name__, each)
    module.foreign = math.sqrt
    monkeypatch.setitem(sys.modules, PACKAGE, module)


def step(target, *args, **fields):
    """Return a step; its result is None if nothing else is given."""
    return Call(target=target, args=args, **fields)


def differences(*steps, setup=()):
    """Replay; return the differences in words, tolerated ones in brackets."""
    first, *then = steps or [step("v:number", output=3)]
    case = Case(
        example="group",
        name="one",
        function="f",
        setup=tuple(setup),
        then=tuple(then),
        **vars(first),
    )
    found = replay_steps(case, PACKAGE).differences
    return [f"({each})" if each.tolerated else str(each) for each in found]


ONES = np.ones(2, np.float32)


def test_the_same_result_is_identical():
    assert differences(step("f:double", ONES, output=2 * ONES)) == []
    assert differences(step("v:number", output=3)) == []


def test_a_planted_difference_is_found_in_every_mode():
    x = jnp.ones(2)
    off = jnp.asarray([2.0, 2.1])
    one = "values at output[1]: 2.0, was 2.1 (1 of 2 differ)"
    assert differences(step("f:double", x, output=off)) == [one]
    for atol, rtol, expected in ((0.2, 0, f"({one})"), (0, 0.01, one)):
        how = Compared("close", atol, rtol)
        assert differences(step("f:double", x, output=off, compare=how)) == [
            expected
        ]
    shape = Compared("shape")
    assert differences(step("f:double", x, output=off, compare=shape)) == []
    longer = step("f:double", x, output=jnp.ones(3), compare=shape)
    assert differences(longer) == ["shape at output: (2,), was (3,)"]


def test_arguments_are_changed_only_where_they_were():
    numbers = np.zeros(1)
    after = (np.full(1, 5.0),)
    assert differences(step("f:change", numbers, args_after=after)) == []
    assert differences(step("f:change", numbers)) == [
        "values at args_after[0][0]: 5.0, was 0.0 (1 of 1 differ)"
    ]
    assert differences(step("f:double", ONES, output=2 * ONES)) == []
    assert numbers[0] == 0
    weak = jnp.asarray(1.0)
    assert differences(step("f:double", weak, output=jnp.float32(2))) == []


OTHER = "exception at output: raised ValueError (text), was "


@pytest.mark.parametrize(
    ("kind", "raised", "expected"),
    [
        ("other", "ValueError", []),
        ("clearer", "KeyError", []),
        ("other", "KeyError", [f"{OTHER}raised KeyError"]),
        ("other", None, [f"{OTHER}returned"]),
    ],
)
def test_an_exception_is_compared_by_its_type(kind, raised, expected):
    raises = raised and Raised(raised, "builtins", "")
    assert differences(step("f:fail", kind, raises=raises)) == expected


def test_a_call_that_no_longer_raises_is_different():
    raises = Raised("KeyError", "builtins", "")
    assert differences(step("f:double", ONES, raises=raises)) == [
        "exception at output: returned, was raised KeyError"
    ]


@pytest.mark.parametrize(
    "path", ["nothing", "double.nothing", "os.getcwd", "os", "foreign"]
)
def test_what_the_package_does_not_define_is_absent(path):
    assert differences(step(f"f:{path}")) == [
        f"absent at output: {PACKAGE}.{path}, was in the package"
    ]
    with pytest.raises(AbsentError):
        named(PACKAGE, path)


def test_names_of_python_itself_are_not_looked_up():
    with pytest.raises(AbsentError):
        named(PACKAGE, "double.__globals__", called=False)
    setup = [("net", Made("new", ("Stopping",), {}))]
    (text,) = differences(step("e:net.__class__", view="exists"), setup=setup)
    assert "AttributeError" in text
    setup = [("net", Made("new", ("nn.Missing",), {}))]
    assert differences(setup=setup) == [
        f"absent at output: {PACKAGE}.nn.Missing, was in the package"
    ]


def test_a_missing_package_is_no_difference():
    with pytest.raises(MissingPackageError, match="nowhere is not installed"):
        differences(step("f:fail", "missing"))


def test_objects_live_through_all_steps():
    setup = [("es", Made("new", ("Stopping",), {}))]
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
    assert differences(*steps, setup=setup) == [
        "structure at then[1].output: bool, was tuple"
    ]


def test_the_first_step_that_differs_is_the_last_one_taken():
    wrong = step("v:number", output=4)
    assert differences(wrong, wrong) == ["values at output: 3, was 4"]


def test_files_and_prints_stay_apart(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert differences(step("f:save", "a.txt", files=("a.txt",))) == []
    assert differences(step("f:save", "a.txt")) == [
        "structure at files: list of 1, was list of 0"
    ]
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def _net(weights):
    rngs = Made("Rngs", (0,), {})
    state = {"linear/kernel": jnp.asarray(weights)[None]}
    return [("net", Made("new", ("Net", 2), {"rngs": rngs}, state))]


def _begun():
    return np.asarray(Net(2, nnx.Rngs(0)).linear.kernel)[0]


def test_first_weights_are_compared_then_put_in():
    asked = step(
        "o:net", jnp.ones(1), output=jnp.ones(2), compare=Compared("close", 1)
    )
    look = step("e:net", output={"linear/kernel": None}, view="params")
    assert not any(
        "first" in d for d in differences(asked, setup=_net(_begun()))
    )
    near = differences(setup=_net(_begun() * (1 + 5e-7)))
    assert [text[:1] for text in near] in ([], ["("])
    planted = _begun() + np.float32([0, 1])
    first, second = differences(look, setup=_net(planted))
    assert first.startswith(
        "values at first weights of Net['linear/kernel'][0, 1]: "
    )
    assert second == (
        "structure at output['linear/kernel']: jax array, was None"
    )
    told = dataclasses.replace(look, output={"linear/kernel": planted[None]})
    assert "library" in differences(told, setup=_net(planted))[1]
    told.output["linear/kernel"] = jnp.asarray(planted)[None]
    assert len(differences(told, setup=_net(planted))) == 1


def test_first_weights_of_another_shape_are_left():
    (text,) = differences(setup=_net(np.zeros(3, np.float32)))
    assert text == (
        "shape at first weights of Net['linear/kernel']: (1, 2), was (1, 3)"
    )


NODES = [
    *(Made("system", (), {}), Made("optimiser", ("os",), {})),
    *(Made("path", ("../x.png",), {}), Made("path", ("/x.png",), {})),
    Made("attr", (Made("new", ("Stopping",), {}), "__class__"), {}),
]


@pytest.mark.parametrize("node", NODES)
def test_only_known_recipes_are_followed(node):
    (text,) = differences(setup=[("it", node)])
    assert text.startswith("exception at setup: raised ")


def test_views_of_networks():
    net = Net(2, nnx.Rngs(0))
    assert list(seen("params", net, None, {})) == ["linear/kernel"]
    (path, kind, shape), *_ = seen("state_paths", net, None, {})
    assert (path, kind, shape) == ("linear/kernel", "Param", [1, 2])
    found = seen("attrs", SimpleNamespace(model=net), ["model"], {})
    assert list(found["model"]["params"]) == ["linear/kernel"]


def test_other_views_and_keys():
    with pytest.raises(LookupError, match="no view 'eval'"):
        seen("eval", 1, None, {})
    # Keys of the new kind are compared by their data.
    assert plain([jax.random.key(0)])[0].dtype == jnp.uint32
