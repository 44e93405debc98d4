"""How fast al_bench is here, as tables: see `benchmarks.tables`."""

from benchmarks.tables import main

if __name__ == "__main__":
    main()
