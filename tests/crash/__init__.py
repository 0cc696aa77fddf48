"""Does anything recorded get lost? `python -m tests.crash` kills, fills disks and cuts power."""
