"""Linear probes: they find a law that is there, are as good as chance where there is none, and never look at what they must not."""

import builtins

import numpy as np
import pytest

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, UnknownNameError
from simtouch.models.probes import LinearProbe, linear_probe
from simtouch.models.scores import balanced_accuracy, f1_score, mean_absolute_error


def numbers(rows=400, width=12, noise=0.1, seed=0):
    """Features of very different scales, and two numbers that are linear in them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, width)) * np.logspace(-3, 3, width) + 5
    y = (x - 5) / np.logspace(-3, 3, width) @ np.random.default_rng(99).normal(size=(width, 2))
    return x, y + noise * rng.normal(size=y.shape)


def words(rows=400, seed=0, share=0.5):
    """Features whose first component tells two words apart."""
    rng = np.random.default_rng(seed)
    x, slips = rng.normal(size=(rows, 6)), rng.random(rows) < share
    x[:, 0] += 3 * slips
    return x, np.where(slips, "slip", "none")


def test_a_linear_law_is_found_to_the_noise_in_it():
    probe = linear_probe(*numbers(), *numbers(seed=1))
    x, y = numbers(seed=2)
    assert mean_absolute_error(y, probe.predict(x)) == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.1)


def test_the_closed_form_is_the_minimum_of_what_it_minimises():
    x, y = numbers(rows=60)
    probe = linear_probe(x, y, x, y, strengths=(0.3,))
    z = (x - x.mean(0)) / x.std(0)
    residual = z @ probe.weight + probe.bias - y
    np.testing.assert_allclose(z.T @ residual / len(x) + 0.3 * probe.weight, 0, atol=1e-10)
    np.testing.assert_allclose(residual.mean(0), 0, atol=1e-10)


def test_a_probe_does_not_change_with_the_unit_of_a_feature():
    x, y = numbers()
    scale = np.logspace(2, -2, x.shape[1])
    one, other = (linear_probe(x * s, y, x * s, y).predict(x * s) for s in (1.0, scale))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_numbers_without_a_law_are_answered_with_nearly_their_mean():
    rng = np.random.default_rng(0)
    draw = lambda: (rng.normal(size=(200, 30)), rng.normal(size=200))  # noqa: E731
    probe = linear_probe(*draw(), *draw())
    assert probe.strength >= 1
    assert probe.predict(rng.normal(size=(50, 30))).std() < 0.3
    assert probe.predict(np.zeros((5, 30))).shape == (5,)


def test_the_strength_is_the_one_that_does_best_on_validation_rows():
    x, y = numbers(rows=30, width=25, noise=2.0)
    probe = linear_probe(x, y, *numbers(rows=300, width=25, noise=2.0, seed=1))
    assert probe.validation[probe.strength] == min(probe.validation.values())
    assert min(probe.validation) < probe.strength < max(probe.validation)


def test_validation_rows_choose_the_strength_and_nothing_else():
    """Mean, spread and weights are those of the training rows."""
    x, y = numbers()
    one = linear_probe(x, y, *numbers(seed=1), strengths=(0.1,))
    other = linear_probe(x, y, 1000 * numbers(seed=3)[0], numbers(seed=3)[1], strengths=(0.1,))
    np.testing.assert_array_equal(one.weight, other.weight)
    np.testing.assert_array_equal(one.mean, other.mean)


def test_without_validation_rows_whole_groups_are_held_out():
    """Features that name the clip, beside a weak one that means something: of other clips only the weak one says anything."""
    rng = np.random.default_rng(0)
    clips = np.repeat(np.arange(30), 10)
    of_clip, meant = rng.normal(size=30), rng.normal(size=300)
    x = np.concatenate([np.eye(30)[clips] + 0.01 * rng.normal(size=(300, 30)), meant[:, None]], 1)
    y = 3 * of_clip[clips] + meant
    by_clip, by_row = linear_probe(x, y, groups=clips), linear_probe(x, y)
    assert by_clip.strength > by_row.strength
    assert min(by_clip.validation.values()) > 5 * min(by_row.validation.values())


def test_words_that_can_be_told_apart_are():
    probe = linear_probe(*words(), *words(seed=1), task="classification")
    x, y = words(seed=2)
    assert set(probe.predict(x)) == {"none", "slip"}
    assert balanced_accuracy(y, probe.predict(x)) == pytest.approx(0.933, abs=0.03)  # the normal cdf at 1.5
    chance = probe.predict_proba(x)
    np.testing.assert_allclose(chance.sum(1), 1)
    assert list(probe.classes) == ["none", "slip"]


def test_three_classes_are_three_scores():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    x = np.eye(3)[y] * 4 + rng.normal(size=(300, 3))
    probe = linear_probe(x[:200], y[:200], x[200:], y[200:], task="classification", select="log_loss")
    assert probe.weight.shape == (3, 3)
    assert (probe.predict(x[200:]) == y[200:]).mean() > 0.9
    assert probe.validation[probe.strength] == min(probe.validation.values())


def test_balanced_classes_find_the_rare_one():
    train, val, test = (words(rows=2000, seed=s, share=0.03) for s in range(3))
    even, plain = (
        linear_probe(*train, *val, task="classification", strengths=(1e-3,), balanced=b).predict(test[0]) for b in (True, False)
    )
    assert (even[test[1] == "slip"] == "slip").mean() > (plain[test[1] == "slip"] == "slip").mean() + 0.1


def test_a_selection_by_f1_moves_the_threshold_to_where_f1_is_best():
    train, val, test = (words(rows=2000, seed=s, share=0.03) for s in range(3))
    by_f1 = linear_probe(*train, *val, task="classification", select="f1")
    plain = linear_probe(*train, *val, task="classification")
    assert by_f1.threshold > 0.6  # balanced classes make the rare one too likely
    found, before = (f1_score(test[1], probe.predict(test[0]), "slip") for probe in (by_f1, plain))
    assert found > before + 0.1


def test_a_constant_feature_does_no_harm():
    x, y = numbers()
    x = np.concatenate([x, np.full((len(x), 1), 7.0)], 1)
    shifted = x.copy()
    shifted[:, -1] += 1
    probe = linear_probe(x, y, x, y)
    np.testing.assert_allclose(probe.weight[-1], 0, atol=1e-12)
    np.testing.assert_allclose(probe.predict(shifted), probe.predict(x), atol=1e-9)


X, Y = numbers(rows=20)
BAD = [
    (lambda: linear_probe(X, Y[:5], X, Y), ShapeError, "`y` must have one label for each of 20 rows"),
    (lambda: linear_probe(X, Y, X[:, :3], Y), ShapeError, "`x_val` must have shape"),
    (lambda: linear_probe(X * np.nan, Y, X, Y), ArgumentError, "`x` must be finite"),
    (lambda: linear_probe(X, Y, X, Y, strengths=(0.0,)), ArgumentError, "`strengths`"),
    (lambda: linear_probe(X, Y, X, Y, task="ranking"), UnknownNameError, "not a known task"),
    (lambda: linear_probe(X, Y, X, Y, select="f1"), UnknownNameError, "not a known selection"),
    (lambda: linear_probe(X, np.ones(20), X, np.ones(20), task="classification"), ArgumentError, "at least 2 classes"),
    (lambda: linear_probe(X, Y, groups=np.zeros(20)), ArgumentError, "name at least 2 for 20 rows; got 1"),
    (lambda: linear_probe(X, Y, X, Y).predict_proba(X), ArgumentError, "no probabilities"),
    (lambda: linear_probe(X, Y, X, Y).predict(X[:, :2]), ShapeError, "`x` must have shape"),
]


@pytest.mark.parametrize(("fit", "error", "words"), BAD)
def test_rows_that_do_not_fit_are_refused(fit, error, words):
    with pytest.raises(error, match=words):
        fit()


def test_a_missing_scikit_learn_names_the_line_that_installs_it(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(f"No module named '{name}'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[train\]'"):
        linear_probe(X, Y[:, 0] > 0, X, Y[:, 0] > 0, task="classification")
    assert isinstance(linear_probe(X, Y, X, Y), LinearProbe)
