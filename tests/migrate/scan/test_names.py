"""Which uses of legacy names are found, and that none is invented."""

import pytest

FLAT = "flatten_structured"
# A comment `# T101` stands at the end of each line that has a site; nothing
# else may be found.
FOUND = {
    "module with alias": """
        import sfmpe.util.dataloader as d  # T001
        d.flatten_structured(x)  # T101
    """,
    "full path": """
        import sfmpe.util.dataloader  # T001
        sfmpe.util.dataloader.combine_data(x, y)  # T103
    """,
    "module from package": """
        from sfmpe.util import dataloader  # T001
        dataloader.decode_theta(x, s, (1,))  # T102
    """,
    "names": """
        from sfmpe.sfmpe import SFMPE  # T001
        from sfmpe.structured_cnf import StructuredCNF as CNF  # T001
        from sfmpe.bottom_up import train_bottom_up  # T001
        from sfmpe.nn.transformer.transformer import Transformer  # T001
        from sfmpe.utils import split_data  # T001
        from sfmpe.fmpe import ut_linear  # T001
        SFMPE  # T204
        CNF(Transformer())  # T201 T206
        train_bottom_up()  # T205
        split_data()  # T110
        ut_linear()  # T208
    """,
    "package shows names": """
        from sfmpe import SFMPE  # T001
        import sfmpe  # T001
        e = sfmpe.SFMPE(x)  # T204
        e.fit(a, b)  # T204
    """,
    "inside other blocks": """
        from typing import TYPE_CHECKING
        try:
            from sfmpe.utils import split_data  # T001
        except ImportError:
            split_data = None
        if TYPE_CHECKING:
            from sfmpe.sfmpe import SFMPE  # T001
        def run(estim: "SFMPE", other: "list[SFMPE] | None"):  # T204 T204
            from sfmpe.util.dataloader import PAD_VALUE as pad  # T001
            split_data(x)  # T110
            return pad  # T111
    """,
    "names without another form": """
        from sfmpe.cnf import CNF  # T001
        from sfmpe.metrics import lc2st  # T001
        from sfmpe.bottom_up import F_IN, SFMPE, gone  # T001 T003
        import sfmpe.train_rounds as r  # T001
        flow = CNF(network)
        flow.sample(context, (1,))
        x: F_IN = lc2st.evaluate_lc2st(*given)
        r.train_fmpe_rounds(key, SFMPE(flow), r.FMPE)  # T204
        r.gone  # T003
    """,
    "star": """
        from sfmpe.util.dataloader import *  # T002
        flatten_structured(x)  # T101
        PAD_VALUE  # T111
    """,
    "other names and partial": """
        import functools
        from sfmpe.util.dataloader import flatten_structured  # T001
        flat = flatten_structured  # T101
        p = functools.partial(flat, pad_value=0)  # T101
        p(x)  # T101
        map(flat, data)  # T101
        f = flat if x else None  # T101
    """,
    "decorator": """
        from sfmpe.bottom_up import train_bottom_up  # T001
        @train_bottom_up  # T205
        def f(): pass
    """,
    "what the bridge lacks": """
        from sfmpe.util.dataloader import no_such  # T003
        import sfmpe.extra.thing  # T003
        import sfmpe.utils as u  # T001
        no_such()  # T003
        u.other()  # T003
    """,
    "methods of an object": """
        from sfmpe.structured_cnf import StructuredCNF  # T001
        cnf = StructuredCNF(field)  # T201
        cnf.sample(*arguments)  # T202
        cnf.log_prob(x)  # T203
        StructuredCNF(field).vector_field(x)  # T201 T207
        draw = cnf.sample  # T202
        draw(x)  # T202
        a, b = StructuredCNF(field), 1  # T201
        a.sample()  # T202
        if (c := StructuredCNF(field)):  # T201
            c.sample()  # T202
    """,
    "attributes of self, and bases": """
        from sfmpe.sfmpe import SFMPE  # T001
        class Holder:
            made: SFMPE  # T204
            def __init__(self, given: SFMPE):  # T204
                self.given = given
            def go(self):
                self.given.fit()  # T204
                self.made.sample_posterior()  # T204
                self.unknown.fit()
        class Mine(SFMPE):  # T204
            def fit(self):
                return super().fit()  # T204
            def other(self):
                self.fit()
                self.sample_base_dist()  # T204
        mine = Mine()
        mine.fit()
        mine.sample_posterior_encoded()  # T204
    """,
    "what functions return and are given": """
        from sfmpe.sfmpe import SFMPE  # T001
        def make(n):
            return SFMPE(n)  # T204
        def use(first, estim):
            estim.fit()  # T204
            first.fit()
        use(1, make(2))
        use(1, estim=make(2))
        make(3).fit()  # T204
    """,
    "nine arguments, wherever": """
        def f(flow, dist):
            flow.sample(a, b, c, d, e, f, g, h, i)  # T202
            flow.log_prob(x, theta_label=y)  # T203
            dist.sample((3,), seed=key)
            dist.log_prob(x)
            dist.sample(1, 2, 3, 4, 5, 6, 7, 8)
            dist.fit(x, y)
    """,
    "dynamic": """
        import importlib, sys
        from unittest import mock
        m = importlib.import_module("sfmpe.utils")  # T004
        m.split_data()  # T110
        mock.patch("sfmpe.util.dataloader.flatten_structured")  # T004
        importlib.import_module("sfmpe")  # T004
        sys.modules["sfmpe"]  # T004
        getattr(m, "split_data")  # T004
        getattr(m, name)  # T901
        importlib.import_module(name)  # T901
        exec("from sfmpe import *")  # T901
        exec("print(1)")
        m.__name__
        call(m)  # T901
    """,
    "objects of unknown origin": """
        def f(estim, dist):
            estim.sample_posterior_encoded(x)  # T901
            g = estim.log_prob_posterior_samples  # T901
            estim.fit(a, b, optimizer=c, n_iter=3)  # T901
            dist.sample(*given)  # T901
            dist.sample(seed=1)
    """,
    "star import of others": """
        from helpers_elsewhere import *
        flatten_structured(x)  # T901
        split_data(x)
    """,
    "attributes of a class of one's own": """
        from sfmpe.sfmpe import SFMPE  # T001
        class Mine(SFMPE):  # T204
            def __init__(self, cnf, name):
                super().__init__(cnf)
                self.name = name
                self.history = []
            def go(self):
                self.history.append(self.name)
                return self.fit(1)  # T204
        m = Mine(cnf, "x")
        m.tag = 3
        m.other()  # T901
    """,
    "what every module has": """
        import sfmpe.utils as u  # T001
        print(u.__name__, u.__dict__, u.__path__)
        u.__version__  # T003
    """,
    "files that were not given": """
        import lib
        from helpers_elsewhere import flatten_structured  # T901
        from helpers_elsewhere import simulate, split_data
        flatten_structured(x)
        lib.data.decode_theta(x)  # T901
        lib.data.simulate(x)
    """,
    "the bridge": """
        from tfmpe import compat, Tokens
        from tfmpe.compat import as_tokens, nine_arguments
        from tfmpe.compat.util.dataloader import flatten_structured
        from tfmpe.compat.util.dataloader import combine_data  # T103
        from tfmpe.compat import SFMPE as E
        flatten_structured(x)  # T101
        compat.decode_theta(x)  # T102
        E(x).fit()  # T204 T204
        as_tokens(x)
    """,
    "nothing": '''
        """import sfmpe; flatten_structured(x), see sfmpe.util.dataloader."""
        # flatten_structured of sfmpe
        from tensorflow_probability import distributions as tfd
        import sbi
        def flatten_structured(x): return x
        flatten_structured(1)
        class A:
            decode_theta = 1
            def combine_data(self): "sfmpe"
            def go(self): return self.combine_data(self.decode_theta)
        def f(decode_theta): return decode_theta(1)
        def g(sfmpe): return sfmpe.SFMPE(1)
        x = {"sfmpe": "the sfmpe.sfmpe package"}
        tfd.Normal(0, 1).sample(*args)
        sbi.Posterior().sample_posterior(x)
        d = {"flatten_structured": f(decode_theta=1)}
        __all__ = ["flatten_structured"]
    ''',
}


@pytest.mark.parametrize("form", FOUND)
def test_every_marked_line_and_no_other(found, form):
    expected = [
        (number, code)
        for number, line in enumerate(FOUND[form].splitlines(), start=1)
        if "# T" in line
        for code in line.rpartition("# ")[2].split()
    ]
    assert sorted(pair[:2] for pair in found(FOUND[form])) == sorted(expected)


def test_local_names_and_parameters_hide_imported_ones(found):
    code = """
        from sfmpe.utils import split_data
        def f(split_data): return split_data(1)
        def g():
            def split_data(x): return x
            return split_data(1)
        def h(): return split_data(1)
        [split_data(1) for split_data in x]
    """
    assert found(code) == [(2, "T001", "utils"), (7, "T110", "split_data")]


PROJECT = {
    "flat": "from sfmpe.util.dataloader import flatten_structured as flat\n",
    "pkg__init": "from .inner import *\nfrom . import inner\n",
    "pkg__inner": """
        from ..flat import flat as flatten
        from sfmpe.sfmpe import SFMPE
        def make(): return SFMPE(1)
        class Base:
            def __init__(self): self.estim = make()
    """,
    "init": "",
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from flat import flat\nflat(x)", [(2, "T101", FLAT)]),
        ("from .flat import flat\nflat(x)", [(2, "T101", FLAT)]),
        ("import flat\nflat.flat(x)", [(2, "T101", FLAT)]),
        ("import pkg\npkg.inner.flatten(x)", [(2, "T101", FLAT)]),
        ("import pkg.inner\npkg.flatten(x)", [(2, "T101", FLAT)]),
        ("from pkg import flatten as f\nf(x)", [(2, "T101", FLAT)]),
        ("from pkg import *\nflatten(x)", [(2, "T101", FLAT)]),
        ("from pkg import make\nmake().fit()", [(2, "T204", "fit")]),
        (
            "from pkg import Base\nclass A(Base):\n"
            " def f(self):\n  self.estim.fit()",
            [(4, "T204", "fit")],
        ),
        ("from other import flat\nflat(x)", []),
        ("from pkg import no_such\nno_such(x)", []),
    ],
)
def test_names_are_followed_through_the_project(found, code, expected):
    assert found(code, **PROJECT) == expected


def test_modules_that_import_one_another_come_to_an_end(found):
    others = {
        "a": "from b import x\nfrom b import *\nsfmpe = 1",
        "b": "from a import x\nfrom a import *\nsfmpe = 1",
    }
    code = "from a import x\nx(1)\ny = z\nz = y\nflatten_structured(y)"
    assert found(code, **others) == [(5, "T901", "")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("{'theta': y, 'y': theta}", ["T301"]),
        ("{'theta': flat['y'], 'y': draws}", ["T301"]),
        ("{'theta': theta, 'y': y}", []),
        ("{'theta': a, 'y': b}", []),
        (
            "{'theta': {k: v for k, v in s.items() if k in names}, 'y': y}",
            ["T302"],
        ),
        ("{'theta': {k: s[k] for k in names}, 'y': y}", ["T302"]),
        ("{'theta': a | b, 'y': y}", ["T303"]),
        ("{'theta': {**a, 'mu': mu}, 'y': y}", ["T303"]),
        ("{'theta': {'mu': s['mu'][:, 0]}, 'y': y}", ["T304"]),
        ("{'theta': {k: v[0] for k, v in s.items()}, 'y': y}", ["T304"]),
        ("given", ["T303", "T301"]),
    ],
)
@pytest.mark.parametrize("call", ["flatten_structured(", "f(data="])
def test_patterns_are_found_where_they_feed_a_call(found, code, call, expected):
    script = f"""
from sfmpe.util.dataloader import flatten_structured, flatten_structured as f
merged = one | other
unused = {{'theta': y, 'y': theta}}
given = {{'theta': y, 'y': merged}}
{call}{code})
"""
    codes = [code for _, code, _ in found(script) if code.startswith("T3")]
    assert codes == expected
