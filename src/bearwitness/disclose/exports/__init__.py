"""A finished release in the forms others read. Each is made of the package alone and says no more."""
