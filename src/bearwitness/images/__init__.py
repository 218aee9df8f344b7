"""Disk images and devices: their volumes, their files, and the bytes of both, read in the sandbox.

The door is :class:`bearwitness.images.disk_image.DiskImage`. It asks a locked child (:mod:`.locked`), which
alone holds The Sleuth Kit (`pytsk3`) and libewf (`pyewf`) and is taken to belong to whoever made the image:

    parent: disk_image ──questions──> child: locked ──> volumes, listing, content ──> medium
              answers  <──bytes──────           the file systems                       the disk

What comes back is checked by :mod:`.answers` and is true of the image at best, never of the world.
"""
