"""`slips package`: what the directory for other tools has, that they can use it, and that no file of others is lost."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

import original
from cloud import Cloud
from deployed import ARCHITECTURE, HANDLER, RUNTIME
from slips.cli import app
from slips.cli.deploy import change, named, remove
from slips.cli.screen import Screen
from slips.config import load, parse
from slips.deploy import handover, notifications, package, recipes
from slips.deploy.account import Account
from slips.deploy.deployment import Deployment
from slips.deploy.package import Package
from slips.deploy.template import TAGS, Code, build
from slips.deploy.user_files import HANDED_OVER
from slips.errors import ConfigError, UsageError

pytest_plugins = ["cloud.plugin"]
pytestmark = pytest.mark.once

CONFIG = """\
stack_name: app
base: {sam: {code_bucket: my-code, code_prefix: functions}}
backend: {SOURCE}
handler: {path: handler.py}
bucket_mapping:
  my-logs: [{prefix: a/, format: json}, {prefix: a/b/, format: json}, {prefix: c+d/, format: json}]
  my.logs: [{prefix: "", format: json}]
"""
SOURCES = {
    "topic": "sns_topics: [{name: Logs, arn: 'arn:aws:sns:us-east-1:123456789012:logs'}]",
    "queue": "sqs_queues: [{name: Logs, arn: 'arn:aws:sqs:us-east-1:123456789012:logs'}]",
    "direct": "s3_direct: true",
    "eventbridge": "eventbridge: true",
}
DIRECT = CONFIG.replace("SOURCE", SOURCES["direct"])
PACKED = Package(b"PK\x05\x06" + bytes(18), "slips-1.zip", 1, [], left_out=["a.pem"])


TEMPLATE = handover.unseen(parse(DIRECT)).template


def contents(text: str = DIRECT) -> dict[str, bytes]:
    config = parse(text)
    return handover.contents(config, PACKED, handover.unseen(config))


def guide(text: str = DIRECT) -> str:
    return contents(text)["DEPLOY.md"].decode()


# ---- the template


@pytest.mark.parametrize("text", [original.CONFIG.replace("1234xxxxxx", "123456789012"), DIRECT])
def test_the_template_is_that_of_deploy_once_its_parameters_are_given(text: str) -> None:
    config, made = parse(text), contents(text)["template.json"].decode()
    for name, value in {"CodeBucket": "b", "CodeKey": "f/k.zip"}.items():
        made = re.sub(rf'\{{\s*"Ref": "{name}"\s*\}}', json.dumps(value), made)
    template = json.loads(made)
    assert set(template.pop("Parameters")) == {"CodeBucket", "CodeKey"}
    assert template == build(config, Code("b", "f/k.zip"))
    assert "Transform" not in template


@pytest.mark.slow
@pytest.mark.xdist_group("cfn_lint")  # one process reads the schemas, once
def test_cfn_lint_finds_nothing_in_the_template() -> None:
    import cfnlint.api  # type: ignore[import-untyped]
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

    text = contents()["template.json"].decode()
    found = cfnlint.api.lint(text, config=ManualArgs(regions=["eu-central-1", "us-east-1"]))
    assert [f"{one.rule.id} {one.message}" for one in found] == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "CodeBucket",
            ["my-code", "my.code", "cdk-hnb659fds-assets-1-us-east-1"],
            ["", "My-Code", "s3://my-code", "a/b"],
        ),
        ("CodeKey", ["slips-1.zip", "functions/app/slips-1.zip"], ["", "functions/app/", "slips-1.tar"]),
    ],
)
def test_parameters_take_what_s3_takes(name: str, good: list[str], bad: list[str]) -> None:
    pattern = str(handover.PARAMETERS[name]["AllowedPattern"])  # CloudFormation matches all of the value
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


# ---- the files for other tools


def test_the_manifest_names_each_file_with_its_hash_and_what_was_left_out() -> None:
    files = contents()
    manifest = json.loads(files.pop(HANDED_OVER))
    assert manifest["files"] == [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    ]
    assert files["slips.zip"] == PACKED.data
    assert (manifest["stack"], manifest["code_key"]) == ("app", "functions/app/slips-1.zip")
    assert manifest["left_out"] == ["a.pem"]
    assert "backend.kms_key_arns" in manifest["notes"][0]
    assert all(f"- {note}\n" in files["DEPLOY.md"].decode() for note in manifest["notes"])


def test_the_guide_names_the_assumptions_about_given_resources() -> None:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/mine"
    given = DIRECT.replace("backend: {", f"backend: {{kinesis_stream_fast_arn: '{arn}', ")
    assert re.search(rf"^- lane fast: {arn} is assumed to keep events for ", guide(given), re.MULTILINE)


def test_the_guide_deploys_with_the_key_of_deploy_and_the_bucket_of_the_config() -> None:
    text = guide()
    assert "aws s3 cp slips.zip s3://my-code/functions/app/slips-1.zip\n" in text
    assert "--parameter-overrides CodeBucket=my-code CodeKey=functions/app/slips-1.zip\n" in text
    assert "--capabilities CAPABILITY_IAM " in text
    unnamed = guide(DIRECT.replace("base: ", "# "))
    assert "aws s3 cp slips.zip s3://CODE_BUCKET/app/slips-1.zip\n" in unnamed
    odd = guide(DIRECT.replace("functions}", "'my functions'}"))
    assert "aws s3 cp slips.zip 's3://my-code/my functions/app/slips-1.zip'\n" in odd


def test_the_guide_uploads_the_template_to_the_folder_of_the_code_which_destroy_clears() -> None:
    assert " --s3-bucket my-code --s3-prefix functions/app \\\n" in guide()
    odd = guide(DIRECT.replace("functions}", "'my functions'}"))
    assert " --s3-bucket my-code --s3-prefix 'my functions/app' \\\n" in odd


def test_the_stack_gets_the_tags_of_the_config_whatever_deploys_it() -> None:
    files = contents(DIRECT + "tags: {team: security, 'cost center': 'a=b'}\n")
    assert json.loads(files["template.json"])["Metadata"][TAGS] == {"team": "security", "cost center": "a=b"}
    assert " \\\n    --tags team=security 'cost center=a=b'\n```" in files["DEPLOY.md"].decode()
    assert f".Metadata.{TAGS}, {{}})" in files["slips.tf"].decode()
    assert f'["Metadata"].get("{TAGS}", {{}})' in files["slips_stack.py"].decode()
    assert f".Metadata.{TAGS};" in files["slips-stack.ts"].decode()
    assert "--tags" not in guide()


def test_the_guide_announces_patterns_by_their_literal_beginnings() -> None:
    text = re.sub(
        r"bucket_mapping:(.|\n)*", "bucket_mapping: {b: [{pattern: 'AWSLogs/*/x/**', format: json}]}\n", DIRECT
    )
    (document,) = (json.loads(one) for one in re.findall(r"```json\n(.*?)```", guide(text), re.DOTALL))
    (announced,) = notifications.notifications_in(document)
    assert announced.prefix == "AWSLogs/"


@pytest.mark.parametrize("source", SOURCES)
def test_a_bucket_with_the_notifications_of_the_guide_needs_no_others(source: str) -> None:
    text = CONFIG.replace("SOURCE", SOURCES[source])
    documents = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", guide(text), re.DOTALL)]
    config = parse(text)
    assert len(documents) == len(config.bucket_mapping)
    to = notifications.listeners(config, "EVENT_PUSHER_ARN")
    for document, mappings in zip(documents, config.bucket_mapping.values(), strict=True):
        prefixes = sorted(one.beginning for one in mappings)
        plan = notifications.plan(document, prefixes, to, "app")
        assert (plan.is_settled, plan.reached) == (True, prefixes)
    assert ("EVENT_PUSHER_ARN stands for" in guide(text)) == (source == "direct")


def test_terraform_has_the_values_of_the_config_and_the_parameters_of_the_template() -> None:
    text = contents()["slips.tf"].decode()
    assert '  key    = "${var.code_folder}slips-1.zip"\n' in text
    for name, value in {"stack_name": "app", "code_bucket": "my-code", "code_folder": "functions/app/"}.items():
        assert re.search(rf'variable "{name}" {{\n[^}}]*default     = "{value}"\n}}', text)
    parameters = re.findall(r"    (\w+) += ", text.partition("  parameters = {")[2].partition("}")[0])
    assert parameters == [*handover.PARAMETERS]
    assert not re.search(r"@[A-Z]+@", text)
    unnamed = contents(DIRECT.replace("base: ", "# "))["slips.tf"].decode()
    assert re.search(r'variable "code_bucket" {\n[^}]*type        = string\n}', unnamed)


def test_terraform_takes_a_value_as_it_is() -> None:
    text = recipes.terraform(recipes.Facts("app", "", '${path}%{if}"\\/', "slips-1.zip"))
    assert r'default     = "$${path}%%{if}\"\\/"' in text


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform here: its own parser was not asked")
@pytest.mark.parametrize("text", [DIRECT, DIRECT.replace("base: ", "# ")])
def test_terraform_reads_its_file_and_would_format_it_alike(text: str) -> None:
    terraform = ["terraform", "fmt", "-check", "-diff", "-"]
    done = subprocess.run(terraform, input=contents(text)["slips.tf"], capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_cdk_gives_the_parameters_of_the_template() -> None:
    files = contents()
    tree = ast.parse(files["slips_stack.py"])
    (given,) = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "parameters"]
    assert isinstance(given, ast.Dict)
    assert [ast.literal_eval(key) for key in given.keys if key] == [*handover.PARAMETERS]
    (typed,) = re.findall(r"parameters: {(.*)}", files["slips-stack.ts"].decode())
    assert re.findall(r"(\w+):", typed) == [*handover.PARAMETERS]


# ---- the directory


def listing(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_the_same_project_gives_the_same_directory_again_and_leaves_what_others_put_there(tmp_path: Path) -> None:
    handover.write(tmp_path / "a" / "out", contents())
    first = listing(tmp_path / "a" / "out")
    assert first == contents()
    state = tmp_path / "a" / "out" / ".terraform" / "state"
    state.parent.mkdir()
    state.write_text("theirs")
    (tmp_path / "a" / "out" / "slips.tf").write_text("edited")
    handover.write(tmp_path / "a" / "out", contents())
    assert listing(tmp_path / "a" / "out") == {**first, ".terraform/state": b"theirs"}


@pytest.mark.parametrize("name", ["notes.txt", "slips.tf", ".hidden"])
def test_a_directory_of_others_is_refused_and_stays_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("theirs")
    with pytest.raises(UsageError, match=rf"has {re.escape(name)}, not written by 'slips package'; .*--out"):
        handover.write(tmp_path, contents())
    assert listing(tmp_path) == {name: b"theirs"}


def test_a_file_of_others_beside_ours_is_never_overwritten(tmp_path: Path) -> None:
    before = contents()
    manifest = json.loads(before.pop(HANDED_OVER))
    manifest["files"] = [
        one for one in manifest["files"] if one["name"] != "slips.tf"
    ]  # as an earlier version wrote it
    handover.write(tmp_path, {HANDED_OVER: json.dumps(manifest).encode(), "slips.zip": b"old"})
    (tmp_path / "slips.tf").write_text("theirs")
    with pytest.raises(UsageError, match=r"has slips\.tf, not written by"):
        handover.write(tmp_path, contents())
    assert (tmp_path / "slips.tf").read_text() == "theirs"
    assert (tmp_path / "slips.zip").read_bytes() == b"old"


def test_a_manifest_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / HANDED_OVER).write_text('{"name": "slips-package", "version": "1.0.0"}')
    with pytest.raises(UsageError, match="not as 'slips package' writes it"):
        handover.write(tmp_path, contents())


def test_a_write_that_fails_leaves_the_former_files(tmp_path: Path) -> None:
    handover.write(tmp_path, contents())
    with pytest.raises(UsageError, match="no such file"):
        handover.write(
            tmp_path,
            {**handover.contents(parse(DIRECT), PACKED, handover.Blueprint(TEMPLATE, ["new"])), "no/where": b""},
        )
    assert listing(tmp_path) == contents()


def test_leftovers_of_a_killed_run_do_not_hinder_the_next(tmp_path: Path) -> None:
    (tmp_path / ".slips-package").mkdir()
    (tmp_path / ".slips-package" / "slips.zip").write_bytes(b"half")
    handover.write(tmp_path, contents())
    assert listing(tmp_path) == contents()


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file: not a directory; expected a directory that can be written"):
        handover.write(tmp_path / "file", contents())


# ---- the command


def refused(monkeypatch: pytest.MonkeyPatch, directory: Path, config: str, *args: str) -> str:
    (directory / "slips.yml").write_text(config)
    (directory / "handler.py").write_text("")
    monkeypatch.chdir(directory)
    done = CliRunner().invoke(app, ["package", *args])
    assert done.exit_code == 2, done.output
    assert not (directory / "out").exists()
    return done.output


def test_mistakes_that_need_no_call_to_aws_are_refused_before_any_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placeholder = CONFIG.replace("SOURCE", SOURCES["topic"]).replace("123456789012", "1234xxxxxx")
    assert "is a placeholder" in refused(monkeypatch, tmp_path, placeholder, "--out", "out")
    assert "nothing tells the stack" in refused(monkeypatch, tmp_path, CONFIG.replace("{SOURCE}", "{}"), "--out", "out")
    assert "--out: missing" in refused(monkeypatch, tmp_path, DIRECT)
    assert "has handler.py, slips.yml, not written by" in refused(monkeypatch, tmp_path, DIRECT, "--out", ".")


@pytest.mark.slow
def test_the_command_writes_the_package_of_deploy_and_prints_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = f"handler: {{runtime: {RUNTIME}, architecture: {ARCHITECTURE}, path: src/handler.py}}"
    (tmp_path / "slips.yml").write_text(DIRECT.replace("handler: {path: handler.py}", runs).replace("base: ", "# "))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "handler.py").write_text(HANDLER)
    (tmp_path / "src" / "key.pem").write_text("secret")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["-s", "other", "package", "--out", "src/build", "--json"])
    assert done.exit_code == 0, done.output
    told, files = json.loads(done.stdout), listing(tmp_path / "src" / "build")
    assert told == {"directory": "src/build", **json.loads(files[HANDED_OVER])}
    packed = package.build(named(load(tmp_path / "slips.yml"), "other"))
    assert files["slips.zip"] == packed.data  # which `build` beside the handler is not in
    assert (told["stack"], told["code_key"], told["left_out"]) == ("other", f"other/{packed.key}", ["src/key.pem"])


def test_a_stack_that_another_tool_deployed_is_operated_and_destroyed_by_slips(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bucket in ("my-code", "my-logs", "my.logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    config = parse(DIRECT.replace("backend: {", "backend: {stream_shards: 1, "))
    files = handover.contents(config, PACKED, handover.unseen(config))
    key = json.loads(files[HANDED_OVER])["code_key"]
    create(cloud, files, key)

    session = boto3.Session(aws_access_key_id="AKIAADMINISTRATOR", aws_secret_access_key="secret")
    account = Account(session, region=cloud.region, endpoint_url=cloud.endpoint, id=cloud.account)
    stack = Deployment(account, "app", sleep=lambda _: time.sleep(0.05))
    said: list[str] = []
    screen = Screen(io.StringIO(), lambda text, _: said.append(text))
    change(stack, config, screen, lambda *_: PACKED, yes=True, wire=True)
    assert f"stack 'app' in {cloud.region} of account {cloud.account}: no changes" in said
    seen = handover.seen(parse(DIRECT), account)
    streams = json.loads(files["template.json"])["Resources"]["EventFastStream"]
    assert seen.template["Resources"]["EventFastStream"] == streams
    assert handover.unseen(parse(DIRECT)).template["Resources"]["EventFastStream"] != streams
    with pytest.raises(ConfigError, match=r"backend.stream_shards: 3; expected 1 to 2, as EventFastStream has 1"):
        handover.seen(parse(DIRECT.replace("backend: {", "backend: {stream_shards: 3, ")), account)
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(app, ["-s", "app", "errors"]).stdout == "no errors\n"
    assert remove(stack, None, screen, all_=True, force=False, yes=True)
    assert "deleted 1 object of code, s3://my-code/functions/app/" in said
    assert [line.split()[1] for line in said if "took away" in line] == ["my-logs:", "my-logs:", "my.logs:"]


def create(cloud: Cloud, files: dict[str, bytes], key: str) -> None:
    """Makes the stack as other tools do."""
    for name, data in {key: files["slips.zip"], "template.json": files["template.json"]}.items():
        cloud.client("s3").put_object(Bucket="my-code", Key=name, Body=data)
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(
        StackName="app",
        TemplateURL=f"https://s3.{cloud.region}.amazonaws.com/my-code/template.json",
        Parameters=[
            {"ParameterKey": "CodeBucket", "ParameterValue": "my-code"},
            {"ParameterKey": "CodeKey", "ParameterValue": key},
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="app", WaiterConfig={"Delay": 0.1})
