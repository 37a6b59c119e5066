"""The libraries as the worker's process gets them: offline by construction, whatever the caller's environment says."""

import json
import os
import subprocess
import sys

from studio.places import ROOT

ASK = """
import json
from studio.workshop import heavy
heavy.prepare()
import huggingface_hub.constants, diffusers.utils.constants
from huggingface_hub.errors import OfflineModeIsEnabled
try:
    huggingface_hub.hf_hub_download("somebody/something", "config.json")
    tried = "it came"
except Exception as error:
    chain = [error, error.__cause__, error.__context__]
    tried = "refused" if any(isinstance(one, OfflineModeIsEnabled) for one in chain) else repr(chain)
print(json.dumps({
    "hub": huggingface_hub.constants.HF_HUB_OFFLINE,
    "telemetry": not huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY,
    "remote code": not diffusers.utils.constants.DIFFUSERS_DISABLE_REMOTE_CODE,
    "download": tried,
}))
"""


def test_the_libraries_are_offline_even_where_the_caller_says_otherwise(tmp_path):
    said = {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "0"}
    # A port of our own machine that nobody listens on: if the switch fails, the test still asks nobody outside
    said |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={**os.environ, **said},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found == {"hub": True, "telemetry": False, "remote code": False, "download": "refused"}
