"""What breaks around a healthy program: the network, the disk, the database, the clock."""
