"""The staff's side of notebook 6: release it, grade what comes back, give feedback. `python -m d2lparams.course`."""
