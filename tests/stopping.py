"""Controls that end a job in mid-way."""

from dnis.control import Control


class StopAfter(Control):
    """Says stop before epoch n + 1."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def may_go_on(self):
        self.left -= 1
        return self.left >= 0
