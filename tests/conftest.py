"""What all tests share: how hypothesis runs. Examples are the same each time where CI is set; time is no criterion."""

import os

from hypothesis import settings

settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tests")
