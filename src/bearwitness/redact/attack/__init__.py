"""The attack: the finished file is decoded afresh and searched for what the plan was to hide.

Any hit refuses the file. The checks share nothing with the making of it but the plan: what a container may
hold is written down again here (:mod:`.structure_mp4`, :mod:`.structure_matroska`, :mod:`.structure_stills`),
pictures are looked at by detectors at other sizes and mirrored (:mod:`.faces`), covered regions must be flat
and carry nothing of the original (:mod:`.pixels`), muted sound must be silent (:mod:`.silence`) and nobody
speak in the rest (:mod:`.speech`); a changed voice must not be the original's (:mod:`.changed`).
"""
