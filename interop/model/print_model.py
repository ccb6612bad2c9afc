"""Prints the model of Kinesis that botocore carries, as JSON."""

import gzip
import importlib.util
import pathlib
import sys

# Found, not imported: an import would want the packages that botocore requires.
package = pathlib.Path(importlib.util.find_spec("botocore").origin).parent
model = package / "data" / "kinesis" / "2013-12-02" / "service-2.json.gz"
sys.stdout.buffer.write(gzip.decompress(model.read_bytes()))
