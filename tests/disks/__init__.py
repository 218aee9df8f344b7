"""The tests' makers of disks: FAT, exFAT, partition tables, EWF by hand, ext4 and NTFS by their tools."""
