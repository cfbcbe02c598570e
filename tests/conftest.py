"""How Hypothesis behaves: no test fails on a clock, and a failure can be run again.

And how wide a table is, whatever terminal the tests run in: set before the console is made.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

os.environ["COLUMNS"] = "200"
