"""transformers and peft, set up to reach no hub, to run no code from model folders, and to say nothing unasked.

Import them from here only: the variables must be set before the libraries are imported for the first time.
"""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import peft
import transformers

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

VERSIONS = {"transformers": transformers.__version__, "peft": peft.__version__}
FROM_FOLDER = {"local_files_only": True, "trust_remote_code": False}

__all__ = ["FROM_FOLDER", "VERSIONS", "peft", "transformers"]
