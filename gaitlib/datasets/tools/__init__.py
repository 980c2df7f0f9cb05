"""What loaders share: files, tables of numbers, the cache, repairs."""
