GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCConfirmBeforeStoring ----------------------------------------
\* confirm-before-storing: a confirmed message would be lost with the worker
EXTENDS Publishing
==============================================================================================================
