"""See command."""

from harness.bench.command import main

if __name__ == "__main__":
    main()
