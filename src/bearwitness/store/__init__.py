"""Where ciphertext lies: a folder, later a bucket."""
