"""`python -m ockam_fsm.cli` is `ockam-fsm`."""

from ockam_fsm.cli import main

main()
