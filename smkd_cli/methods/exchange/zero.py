"""Zero knowledge: two networks that learn alone."""

from smkd_cli.methods.exchange.contract import ExchangeRule


class Zero(ExchangeRule):
    """L_A is A's self-loss: a mode of its own, not a threshold that nothing passes (Section III-B, case ii)."""

    name = "Zero"
