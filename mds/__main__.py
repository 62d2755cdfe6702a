"""A metadata server as a process."""

from host.main import main
from mds.app import App

main(App)
