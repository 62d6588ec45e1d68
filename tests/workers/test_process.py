import subprocess
import sys

from workers.service import ROOT

CODE = """
import atexit, logging, sys
from certloom.process import leave
atexit.register(lambda: print("the interpreter was cleared up"))
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
logging.info("logged")
print("printed")
leave(7)
"""


def test_leaving_writes_what_was_said_and_skips_the_rest() -> None:
    """A process ends with its code and all its output, without the interpreter's own clearing up."""
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "logged\nprinted\n")
