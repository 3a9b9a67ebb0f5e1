"""False alarms and faults found by the verdict of ``estimator.check``.

Estimators that draw from the exact posterior of a hierarchical Gaussian, or
with a planted fault. From the root of the repository, with the extra ``flow``::

    python benchmarks/verdict.py             # a few minutes
    python benchmarks/verdict.py --runs 100 --exact-runs 500

Writes ``docs/benchmarks/verdict.md`` and ``verdict.json``.
"""

import argparse
import json
import os
import platform
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import verdict_faults as gaussian

from tfmpe.estimators._verdict.check import check_posterior

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/verdict.md"
N_SIMULATED = 1_000


def check(estimator, observed, seed):
    """Return the verdict on one observation."""
    key = jax.random.key(seed)
    return check_posterior(
        estimator,
        {"obs": observed},
        gaussian.TARGETS,
        key=key,
        model=gaussian.MODEL,
        simulations=gaussian.simulated(jax.random.fold_in(key, 1), N_SIMULATED),
    )


def observed(seed):
    """Return data of one simulation."""
    tokens = gaussian.simulated(jax.random.fold_in(jax.random.key(seed), 2), 1)
    return np.asarray(tokens.decode()["obs"][0])


def elsewhere(seed, away=8.0):
    """Return data with a mean far from that of all simulations."""
    return observed(seed) + np.float32(away)


def noisier(seed):
    """Return data with three times the noise of the simulations."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=1) + rng.normal(size=(gaussian.N_SITES, 1, 1))
    noise = rng.normal(size=(gaussian.N_SITES, gaussian.N_OBS, 1))
    return (theta + 3 * noise).astype(np.float32)


def with_outlier(seed):
    """Return data with one value 10 too high."""
    found = np.array(observed(seed))
    found[2, 1] += 10
    return found


def exact(_):
    """Return the exact posterior."""
    return gaussian.exact()


EXACT = ("no fault", exact, observed)
PLANTED = [
    (
        "draws too narrow, by a factor of 0.7",
        lambda _: gaussian.exact(scale=0.7),
        observed,
    ),
    ("draws biased by 0.5 sd", lambda _: gaussian.exact(shift=0.5), observed),
    (
        "wrong simulator: 1.5 times the noise",
        lambda _: gaussian.exact(noise=1.5),
        observed,
    ),
    (
        "trained on 50 simulations",
        lambda seed: gaussian.fitted(50, jax.random.key(seed)),
        observed,
    ),
    ("observation from elsewhere: all values 8 higher", exact, elsewhere),
]
OTHERS = [
    (
        "draws too wide, by a factor of 1.3",
        lambda _: gaussian.exact(scale=1.3),
        observed,
    ),
    ("draws from the prior", lambda _: gaussian.ignorant(), observed),
    ("parameters drawn independently", lambda _: gaussian.apart(), observed),
    (
        "trained on 200 simulations",
        lambda seed: gaussian.fitted(200, jax.random.key(seed)),
        observed,
    ),
    ("observation: three times the noise", exact, noisier),
    ("observation: one value 10 higher", exact, with_outlier),
]


def measure(case, n_runs):
    """Return counts over several runs of one case."""
    name, estimator, data = case
    verdicts, checks, made, low = Counter(), Counter(), Counter(), Counter()
    for seed in range(n_runs):
        found = check(estimator(seed), data(seed + 10_000), seed)
        verdicts[found.verdict] += 1
        bad = {f.check for f in found.findings if f.severity != "ok"}
        checks.update(bad)
        for each in found.findings:
            if not np.isnan(each.p_value):
                label = " ".join(x for x in (each.check, each.key) if x)
                made[label] += 1
                low[label] += each.p_value < 0.05
    return {
        "case": name,
        "runs": n_runs,
        "verdicts": dict(verdicts),
        "found_by": dict(checks),
        "share_of_p_below_0.05": {k: low[k] / made[k] for k in made},
    }


def table(rows):
    """Return a Markdown table of some cases."""
    lines = ["| case | runs | doubt or reject | found by |", "|---" * 4 + "|"]
    for row in rows:
        n = row["runs"]
        bad = n - row["verdicts"].get("trust", 0)
        found = sorted(row["found_by"].items(), key=lambda item: -item[1])
        by = ", ".join(f"{name} {count / n:.0%}" for name, count in found[:4])
        lines.append(f"| {row['case']} | {n} | {bad / n:.1%} | {by} |")
    return lines


def main():
    """Measure all cases, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--exact-runs", type=int, default=100)
    given = parser.parse_args()
    rows = []
    for case in [EXACT, *PLANTED, *OTHERS]:
        n_runs = given.exact_runs if case is EXACT else given.runs
        rows.append(measure(case, n_runs))
        print(json.dumps(rows[-1]), flush=True)
    none, planted = rows[0], rows[1 : len(PLANTED) + 1]
    others = rows[len(PLANTED) + 1 :]
    PAGE.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    levels = none["share_of_p_below_0.05"]
    lines = [
        "# False alarms and faults found by the verdict",
        "",
        *table([none, *planted]),
        "",
        "Goals: doubt or reject in at most 5 % of the runs without a fault, "
        "and in at\nleast 95 % of the runs with one.",
        "",
        "Other faults, without a goal:",
        "",
        *table(others),
        "",
        "Share of uncorrected p-values below 0.05, without a fault:",
        "",
        "| check | share |",
        "|---|---|",
        *(f"| {name} | {share:.1%} |" for name, share in levels.items()),
        "",
        f"""\
The model is the hierarchical Gaussian with {gaussian.N_SITES} sites and
{gaussian.N_OBS} observations each. Estimators draw from a Gaussian in closed
form: the exact posterior, or one with a fault. Estimators "trained on"
simulations are linear regressions. Each run has {N_SIMULATED:,} fresh
simulations, draws for 200 of them, and a new observation. Measured by
[`benchmarks/verdict.py`](../../benchmarks/verdict.py) on {os.cpu_count()}
cores, {platform.machine()}, {platform.system()}, Python
{platform.python_version()}, jax {jax.__version__}.
""",
    ]
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
