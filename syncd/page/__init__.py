"""The status page: for people who would rather look than read. It shows what the commands tell, and changes nothing."""
