"""From the bytes of an object to events: readers cut records, parsers refine them, a chain of both runs in one loop."""
