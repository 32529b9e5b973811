"""AWS at run time. All calls to AWS that the pipeline makes are here, one file for each service."""
