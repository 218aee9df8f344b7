"""KEEPING: check, restore, import, mirror, destroy, change keys. What a vault needs over the years."""
