"""A client node process."""

from client.app import App
from host.main import main

if __name__ == "__main__":
    main(App)
