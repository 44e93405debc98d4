"""How fast al_bench is here, as tables: see `benchmarks.training`."""

from benchmarks.training import main

if __name__ == "__main__":
    main()
