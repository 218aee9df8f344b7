"""What runs in the locked worker, on OpenVINO; imported nowhere else."""
