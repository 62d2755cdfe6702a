"""See command."""

from harness.scale.command import main

if __name__ == "__main__":
    main()
