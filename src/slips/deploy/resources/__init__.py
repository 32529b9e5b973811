"""The parts of the stack's template, one module for each. Pure: a config in, resources of CloudFormation out."""
