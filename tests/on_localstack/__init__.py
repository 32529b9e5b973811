"""`make localstack`: the whole stack on LocalStack, an AWS that this project did not write.

    run.py          the run: the ports' contract; deploy, 50 objects, errors, mending them, drain, destroy; their checks
    project.py      the project that the run deploys, its objects, and the fate that each record must have
    account.py      looks into the account: its resources, and the records that the handler delivered
    environment.py  makes the virtual environment of LocalStack, or says why this machine cannot have it
    process.py      starts and ends LocalStack

    in the process of LocalStack, with a Python of its own:
    server.py       LocalStack without Docker, on loopback only
    executor.py     functions as processes of the real Lambda runtime, as `cloud/runtime.py` runs them
    node.cjs        keeps its Kinesis and DynamoDB, which are Node, on loopback
    dynalite.cjs    its DynamoDB, with one answer that dynalite lacks

pytest collects none of it and CI does not run it, as it takes minutes.
"""
