"""The tests' own makers of disks: FAT, exFAT, partition tables and EWF written by hand, ext4 and NTFS by their tools."""
