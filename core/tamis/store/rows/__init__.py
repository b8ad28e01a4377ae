"""Every question a page asks about rows."""
