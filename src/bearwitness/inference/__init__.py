"""Networks over decoded pixels and samples, in a locked worker: faces, persons, sensitive scenes.

    with InferenceWorker(["centerface"]) as worker:
        found = Faces(worker).detect(pictures)      # one list of FaceBox a picture

:mod:`.models` says which weights there are, where they come from and what their SHA-256 must be;
:mod:`.worker` runs them. What runs in the worker is in :mod:`.inside`; the process that holds keys loads no
inference library.
"""
