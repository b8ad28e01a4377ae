"""The objects of the front door; people reach them as attributes of ``tamis``, which imports each module on first use."""
