"""What pictures, sound and text say: arrays in, values out. No files, no vault, no decoding, no clock of its
own.

Modules that need an extra package (OpenCV, OpenVINO, CTranslate2) import it inside the function that uses it.
"""
