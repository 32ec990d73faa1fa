"""The checks of the simulator that are too slow for tests, and the page that reports them.

`make simulator-report` writes docs/simulator.md. For developers: it needs hemometric's "dev" extra.
"""
