import pytest

from smkd_cli.train.step.schedule import learning_rate


def test_milestones_multiply_the_rate():
    def at(done):
        return learning_rate("multistep", 0.1, done, milestones=(0.5, 0.75), gamma=0.1)

    assert [at(d) for d in (0, 0.4999, 0.5, 0.7499, 0.75, 0.99)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("epochs", [7, 30, 90, 100, 200])
def test_a_milestone_falls_on_the_first_step_of_its_epoch(epochs):
    steps = 391
    first = [
        e for e in range(epochs) if learning_rate("multistep", 1.0, (e + 0 / steps) / epochs, milestones=(0.5,)) < 1
    ]
    assert first[0] == -(-epochs // 2)


def test_cosine_falls_from_the_base_to_zero():
    assert learning_rate("cosine", 0.2, 0.0) == pytest.approx(0.2)
    assert learning_rate("cosine", 0.2, 0.5) == pytest.approx(0.1)
    assert learning_rate("cosine", 0.2, 1.0) == pytest.approx(0.0)


def test_warm_up_rises_linearly_and_ends():
    assert learning_rate("constant", 0.1, 0.05, warmup=0.1) == pytest.approx(0.05)
    assert learning_rate("constant", 0.1, 0.0, warmup=0.1) == 0
    assert learning_rate("constant", 0.1, 0.2, warmup=0.1) == pytest.approx(0.1)


def test_linear_stays_and_then_falls_in_a_straight_line_to_zero():
    def at(done):
        return learning_rate("linear", 0.2, done, start=0.6)

    assert [at(d) for d in (0, 0.3, 0.6, 0.7, 0.8, 1.0)] == pytest.approx([0.2, 0.2, 0.2, 0.15, 0.1, 0.0])
    assert learning_rate("linear", 0.2, 0.25) == pytest.approx(0.15)
