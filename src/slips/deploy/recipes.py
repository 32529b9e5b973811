"""Writes the files with which Terraform, CDK and the AWS CLI deploy the directory of `slips package`. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

_WRITTEN = "Written by 'slips package', which overwrites it: change nothing here."

_TERRAFORM = """\
# @WRITTEN@
# Use it as a module, or in this directory by 'terraform init' and 'terraform apply'.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "stack_name" {
  description = "Name of the CloudFormation stack."
  type        = string
  default     = @STACK@
}

variable "code_bucket" {
  description = "Bucket for the functions' code and the template, in the region of the stack."
  type        = string
@BUCKET@}

variable "code_folder" {
  description = "Folder in code_bucket: empty, or with a '/' at its end."
  type        = string
  default     = @FOLDER@
}

data "aws_s3_bucket" "code" {
  bucket = var.code_bucket
}

locals {
  # As CloudFormation takes it also if the bucket's name has dots.
  s3 = trimprefix(data.aws_s3_bucket.code.bucket_regional_domain_name, "${var.code_bucket}.")
}

resource "aws_s3_object" "code" {
  bucket = var.code_bucket
  key    = "${var.code_folder}@KEY@"
  source = "${path.module}/slips.zip"

  # The functions use the former code until the stack is changed.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "template" {
  bucket       = var.code_bucket
  key          = "${var.code_folder}template-${filesha256("${path.module}/template.json")}.json"
  source       = "${path.module}/template.json"
  content_type = "application/json"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "slips" {
  name         = var.stack_name
  template_url = "https://${local.s3}/${var.code_bucket}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM"]
  tags         = try(jsondecode(file("${path.module}/template.json")).Metadata.Tags, {})

  parameters = {
    CodeBucket = var.code_bucket
    CodeKey    = aws_s3_object.code.key
  }
}

output "outputs" {
  description = "Outputs of the stack; EventPusherArn is the function that buckets may notify."
  value       = aws_cloudformation_stack.slips.outputs
}
"""

CDK_PYTHON = f'''\
"""{_WRITTEN}

    app = aws_cdk.App()
    SlipsStack(app, "the-name-of-the-stack")
"""

import json
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk.aws_s3_assets import Asset
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

HERE = Path(__file__).parent
TEMPLATE = HERE / "template.json"
TAGS = json.loads(TEMPLATE.read_text(encoding="utf-8"))["Metadata"].get("Tags", {{}})


class SlipsStack(Stack):
    """The stack, its code as an asset of the app. `template` gives its resources to the rest of the app."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **{{"tags": TAGS, **props}})
        code = Asset(self, "Code", path=str(HERE / "slips.zip"))
        self.template = CfnInclude(
            self,
            "Template",
            template_file=str(TEMPLATE),
            parameters={{"CodeBucket": code.s3_bucket_name, "CodeKey": code.s3_object_key}},
        )
'''

CDK_TYPESCRIPT = f"""\
// {_WRITTEN}
//
//     const app = new App();
//     new SlipsStack(app, 'the-name-of-the-stack');

import {{ readFileSync }} from 'fs';
import * as path from 'path';
import {{ Stack, StackProps }} from 'aws-cdk-lib';
import {{ Asset }} from 'aws-cdk-lib/aws-s3-assets';
import {{ CfnInclude }} from 'aws-cdk-lib/cloudformation-include';
import {{ Construct }} from 'constructs';

const TEMPLATE = path.join(__dirname, 'template.json');
const TAGS = JSON.parse(readFileSync(TEMPLATE, 'utf8')).Metadata.Tags;

/** The stack, its code as an asset of the app. `template` gives its resources to the rest of the app. */
export class SlipsStack extends Stack {{
  readonly template: CfnInclude;

  constructor(scope: Construct, id: string, props?: StackProps) {{
    super(scope, id, {{ tags: TAGS, ...props }});
    const code = new Asset(this, 'Code', {{ path: path.join(__dirname, 'slips.zip') }});
    this.template = new CfnInclude(this, 'Template', {{
      templateFile: TEMPLATE,
      parameters: {{ CodeBucket: code.s3BucketName, CodeKey: code.s3ObjectKey }},
    }});
  }}
}}
"""

_GUIDE = """\
# Deploy the stack @STACK@

@WRITTEN@

`slips.zip` is the code of all functions; `template.json` makes the stack of it: plain CloudFormation, no transforms,
the place of the code as parameters. `slips-package.json` has the SHA-256 of each file. Each way below makes the same
stack, with the logical names of `slips deploy`, and takes over a stack of that name that another way made. Commands are
typed in this directory.

@NOTES@## With the AWS CLI

```console
$ aws s3 cp slips.zip @URL@
$ aws cloudformation deploy --stack-name @SHELL_STACK@ --template-file template.json \\
    --s3-bucket @SHELL_BUCKET@ --s3-prefix @SHELL_FOLDER@ \\
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \\
    --parameter-overrides CodeBucket=@SHELL_BUCKET@ CodeKey=@SHELL_KEY@@TAGS@
```

The key is named after the content: CloudFormation changes the functions only if `CodeKey` changes. Keep the former
object until the stack is changed, because a roll-back needs it. The bucket is in the region of the stack.

## With Terraform

`slips.tf` is a module; `terraform init` and `terraform apply` in this directory do, too.

```terraform
module "slips" {
  source      = "./path/to/this/directory"
  stack_name  = @HCL_STACK@
  code_bucket = @HCL_BUCKET@
}
```

`terraform import module.slips.aws_cloudformation_stack.slips @SHELL_STACK@` takes over a stack that exists.

## With CDK

CDK puts the code into the bucket of its bootstrap stack. In Python, with `slips_stack.py`:

```python
SlipsStack(app, @JSON_STACK@)
```

In TypeScript, with `slips-stack.ts`:

```typescript
new SlipsStack(app, @JSON_STACK@);
```

## Let the buckets notify the stack

@WIRING@
## Afterwards

```console
$ slips -s @SHELL_STACK@ status
$ slips -s @SHELL_STACK@ errors
$ slips -s @SHELL_STACK@ drain
```
"""

_MERGE = """\
S3 keeps all notifications of a bucket in one document: add these to what is there, unless the bucket has them already.
"""
_PUSHER = """\
EVENT_PUSHER_ARN stands for the output `EventPusherArn` of the stack.
"""


class Facts(Struct, frozen=True):
    """The values in the texts."""

    stack: str
    bucket: str
    """Bucket for the code; empty if the config names none."""
    folder: str
    """Folder in that bucket, with `/` at its end, or empty."""
    key: str
    """Name of the package below `folder`."""
    tags: dict[str, str] = {}
    """Tags of the stack, and so of all its resources."""


def terraform(facts: Facts) -> str:
    """Return `slips.tf`: a module that uploads the code, and makes the stack from the template."""
    bucket = f"  default     = {_hcl(facts.bucket)}\n" if facts.bucket else ""
    return _filled(
        _TERRAFORM, WRITTEN=_WRITTEN, STACK=_hcl(facts.stack), BUCKET=bucket, FOLDER=_hcl(facts.folder), KEY=facts.key
    )


def guide(facts: Facts, wiring: Mapping[str, Any], notes: Sequence[str]) -> str:
    """Return `DEPLOY.md`, with the commands. `wiring` has S3's document of notifications for each bucket."""
    bucket, key = facts.bucket or "CODE_BUCKET", facts.folder + facts.key
    return _filled(
        _GUIDE,
        WRITTEN=_WRITTEN,
        STACK=facts.stack,
        NOTES="".join(f"- {note}\n" for note in notes) + "\n" if notes else "",
        URL=shlex.quote(f"s3://{bucket}/{key}"),
        SHELL_STACK=shlex.quote(facts.stack),
        SHELL_BUCKET=shlex.quote(bucket),
        SHELL_FOLDER=shlex.quote(facts.folder.removesuffix("/")),
        SHELL_KEY=shlex.quote(key),
        TAGS=" \\\n    --tags " + " ".join(shlex.quote(f"{k}={v}") for k, v in facts.tags.items())
        if facts.tags
        else "",
        HCL_STACK=_hcl(facts.stack),
        HCL_BUCKET=_hcl(bucket),
        JSON_STACK=json.dumps(facts.stack),
        WIRING=_wiring(wiring),
    )


def _wiring(documents: Mapping[str, Any]) -> str:
    parts = [_MERGE + (_PUSHER if "EVENT_PUSHER_ARN" in json.dumps(documents) else "")]
    for bucket, document in documents.items():
        parts.append(f"`{bucket}`:\n\n```json\n{json.dumps(document, indent=2, ensure_ascii=False)}\n```\n")
    return "\n".join(parts)


def _hcl(text: str) -> str:
    """Quote a text in Terraform's language."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _filled(text: str, **values: str) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
