"""An object-storage server as a process."""

from host.main import main
from oss.app import App

main(App)
