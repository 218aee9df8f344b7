"""What runs in the locked worker, on OpenVINO; imported nowhere else.

OpenVINO tells its makers of its use through a package of its own, openvino-telemetry, when that is installed.
Ours never is; and should somebody else have installed it, it is not there for this process.
"""

import sys

vars(sys)["modules"]["openvino_telemetry"] = None  # how Python is told that there is no such module
# Converters of other makers' models, which take as long to load as all the rest; OpenVINO does without.
vars(sys)["modules"]["openvino.tools.ovc"] = None
