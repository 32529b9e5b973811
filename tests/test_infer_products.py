"""Which product's format `slips infer` proposes first, and which formats are behind it."""

from __future__ import annotations

import json

import pytest

from inferred import COMBINED, SEEN, SOURCE, chains, sample, understood
from slips.formats import breadths, catalogue
from slips.inference.rank import Inferred, infer

pytestmark = pytest.mark.once


NOT_FIRST: dict[str, str] = {}
"""Formats whose own sample is another's first, with the reason why it is left so."""
PARTS = 64
"""Parts of the formats: one of them takes ten seconds."""


@pytest.mark.slow
@pytest.mark.xdist_group("infer")  # one process compiles all chains, once
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.soak) for part in range(1, PARTS))])
def test_the_sample_of_a_format_is_known_as_it_but_for_those_that_are_ambiguous(part: int) -> None:
    """A sample has more bad records than a log: it may be known with them or, if they are lines, without."""
    others = {name: found for name in SEEN[part::PARTS] if not is_first(name, found := infer(understood(name), SOURCE))}
    others = {name: found for name in others if not is_first(name, found := infer(sample(name), SOURCE))}
    assert {name: chains(found)[:2] for name, found in others.items() if name not in NOT_FIRST} == {}
    assert {*SEEN[part::PARTS]} & {*NOT_FIRST} <= {*others}, "is first now: take it out of NOT_FIRST"


def is_first(name: str, found: Inferred) -> bool:
    """Whether a format is proposed first, or finds the same values as the first."""
    return bool(found.fitting) and name in (found.fitting[0].format, *found.fitting[0].also)


def test_lines_of_openstack_are_not_taken_for_those_of_pgbouncer() -> None:
    line = b"2026-11-29 08:00:00.123 2931 INFO nova.compute.manager [-] Loading compute driver\n"
    assert "pgbouncer" not in {each.format for each in infer(line * 3, SOURCE).fitting}


def test_connection_events_of_a_firewall_behind_a_relay_are_not_taken_for_messages_of_routers() -> None:
    line = b"Nov 29 08:00:00 192.0.2.1 ftd2 %%FTD-1-430002: EventPriority: Low, InstanceID: %d, SrcIP: 192.0.2.7\n"
    assert infer(b"".join(line % number for number in range(3)), SOURCE).fitting[0].format == "cisco-asa"


def test_lines_of_cron_are_not_taken_for_steps_of_an_api_gateway() -> None:
    line = b"Nov 29 08:00:%02d web1 CRON[3]: (root) CMD (touch /tmp/a.txt)\n"
    assert infer(b"".join(line % number for number in range(3)), SOURCE).fitting[0].format == "syslog"


def test_parts_with_a_sign_of_equality_are_not_taken_for_counters_of_rsyslog() -> None:
    line = b"29/11/2026:08:00:00 ns1 0-PPE-0 : default SSLVPN ICASTART 254 0 : [ICAUUID=1] Source 192.0.2.7:49692\n"
    assert "rsyslog-impstats" not in {each.format for each in infer(line * 3, SOURCE).fitting}


def test_lines_without_a_time_are_not_taken_for_accesses_of_tencent_cos() -> None:
    line = b"<158>Nov 29 08:00:00 ex1 fpc0 FW: ge-0/0/0.0   A icmp 192.0.2.7 198.51.100.4     8     0 (1 packets)\n"
    assert "tencent-cos" not in {each.format for each in infer(line * 3, SOURCE).fitting}


def test_of_two_formats_of_a_vendor_the_one_that_a_log_is_clearly_more_like_is_first() -> None:
    """However broad it is: 'azure-ad-risk-event' accepts four in ten records of others, and 'azure-risk' none."""
    assert infer(sample("azure-ad-risk-event"), SOURCE).fitting[0].format == "azure-ad-risk-event"
    assert infer(sample("azure-risk"), SOURCE).fitting[0].format == "azure-risk"


@pytest.mark.slow
def test_lines_of_a_web_server_are_proposed_as_such_though_others_write_some_of_their_fields() -> None:
    line = b'192.0.2.7 - - [29/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n'
    found = infer(line * 3, SOURCE).fitting[0]
    assert {"apache-access", "nginx-access"} <= {found.format, *found.also}


@pytest.mark.slow
def test_a_format_of_any_line_that_reads_more_of_it_is_proposed_before_one_that_reads_its_level_alone() -> None:
    query = '192.0.2.7:%d - 58311 "AAAA IN api.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 147 0.000134s'
    content = "".join(f"[INFO] {query % port}\n" for port in range(41641, 41645))
    assert infer(content.encode(), SOURCE).fitting[0].format == "coredns"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["argocd", "caddy-log", "fluent-bit", "gitlab", "hclog", "lambda-json", "lastpass", "rabbitmq", "zeek"]
)
def test_json_of_a_product_that_writes_as_any_program_is_of_the_product_first_by_a_field_of_its_own(name: str) -> None:
    assert infer(sample(name), SOURCE).fitting[0].format == name


def test_json_that_names_the_product_of_a_format_that_refuses_none_is_of_that_one_first() -> None:
    assert infer(sample("ecs-hako"), SOURCE).fitting[0].format == "ecs-hako"
    assert infer(sample("fluent-bit"), SOURCE).fitting[0].format == "fluent-bit"


@pytest.mark.parametrize("time", ["2026-01-02T03:04:05.678901+00:00", "2026-01-02 03:04:05"])
def test_lines_of_monolog_are_known_in_either_notation_of_its_times(time: str) -> None:
    log = f'[{time}] app.INFO: signed in {{"a":1}} []\n[{time}] app.ERROR: boom [] {{"ip":"192.0.2.1"}}\n'.encode()
    best = infer(log, SOURCE).fitting[0]
    assert (best.chain, best.trial.parsed, best.trial.times) == ("monolog", 1.0, 1.0)


def test_lines_of_a_product_that_begin_as_a_header_of_another_are_of_the_product() -> None:
    assert infer(sample("filezilla"), SOURCE).fitting[0].format == "filezilla"
    assert infer(sample("cloudwatch-export"), SOURCE).fitting[0].format == "cloudwatch-export"


def test_formats_that_cut_the_same_values_out_of_lines_are_equals() -> None:
    (first, *_) = infer(COMBINED * 3, SOURCE).fitting
    assert {"apache-access", "varnish"} <= {first.format, *first.also}
    assert "access-log" not in first.also


ECS_OF_JAVA = (
    b'{"@timestamp":"2026-11-29T08:00:00.375Z","log.level":"WARN","message":"slow","ecs.version":"1.2.0","service.name":'
    b'"shop","event.dataset":"shop.log","process.thread.name":"http-1","log.logger":"com.example.Shop"}\n'
)


def test_lines_of_filezilla_are_not_taken_for_an_export_of_cloudwatch_logs() -> None:
    lines = b"".join(
        b"2026-11-29T08:00:%02d.120Z %s [FTP Session 1 192.0.2.7 ann] %s\n" % (number, mark, text)
        for number, (mark, text) in enumerate([(b">>", b"RETR a.txt"), (b"<<", b"226 Done"), (b"==", b"ended")] * 3)
    )
    assert chains(infer(lines, SOURCE))[:1] == ["filezilla"]


@pytest.mark.parametrize("name", ["atlassian", "etcd", "caddy-log", "vault-audit"])
def test_the_json_of_a_format_that_also_has_texts_is_known(name: str) -> None:
    objects = [line for line in sample(name).splitlines(keepends=True) if line.startswith(b"{")]
    assert name in [each.format for each in infer(b"".join(objects), SOURCE).fitting][:2]


def test_logs_of_a_java_program_in_ecs_are_not_taken_for_those_of_elasticsearch() -> None:
    assert chains(infer(ECS_OF_JAVA * 3, SOURCE))[0] == "ecs"


@pytest.mark.parametrize(
    "text",
    [
        b"192.0.2.9:41643 TLS Error: TLS handshake failed",
        b"192.0.2.9:41643 peer info: IV_VER=2.6.3",
        b"ann/192.0.2.9:41643 route 10.8.0.0 is up",
        b"Initialization Sequence Completed",
    ],
)
def test_messages_of_an_openvpn_server_are_known(text: bytes) -> None:
    log = b"Nov 29 08:00:00 gate openvpn[7]: " + text + b"\n"
    assert "openvpn" in [each.format for each in infer(log * 3, SOURCE).fitting]
    assert infer(b"2026-11-29 08:00:00 " + text + b"\n", SOURCE).fitting[0].format == "openvpn"


def test_of_two_formats_of_a_line_the_one_that_names_more_of_its_parts_is_first() -> None:
    (first, *rest) = infer(COMBINED.replace(b"\n", b' 271 "web" "http://198.51.100.3:80" 3ms\n') * 3, SOURCE).fitting
    assert first.format == "traefik"
    assert first.also == []
    assert "apache-access" in [each.format for each in rest]


def test_a_rest_of_a_line_that_has_no_name_is_no_part_of_it_that_a_format_names() -> None:
    """Of the format `main` in the configuration that nginx comes with."""
    lines = (COMBINED.replace(b"\n", b' "%s"\n' % behind) for behind in (b"198.51.100.7", b"-"))
    (first, *rest) = infer(b"".join(lines) * 2, SOURCE).fitting
    assert first.format == "nginx-access"
    assert "apache-access" in [each.format for each in rest]


def test_lines_of_a_web_server_without_an_agent_are_not_taken_for_those_of_traefik() -> None:
    quiet = b'203.0.113.7 - - [29/Nov/2026:08:00:01 +0000] "-" 408 - "-" "-"\n'
    assert infer((COMBINED + quiet) * 2, SOURCE).fitting[0].format == "apache-access"


def test_a_format_that_accepts_the_logs_of_others_is_behind_one_that_does_not() -> None:
    assert (breadths()["azure-ad-event"], breadths().get("azure-activity")) == (0.4, None)
    event = {"time": "2026-11-29T08:00:00Z", "operationName": "X", "category": "Administrative", "resourceId": "/a"}
    formats = [each.format for each in infer(json.dumps(event).encode(), SOURCE).fitting]
    assert formats.index("azure-activity") < formats.index("azure-ad-event")


PRODUCTION = {
    "method": "GET",
    "path": "/shop/issues/7",
    "controller": "Projects::IssuesController",
    "status": 200,
    "time": "2026-11-29T08:00:00.123Z",
    "params": [],
    "remote_ip": "192.0.2.7",
    "username": "ada",
    "correlation_id": "O1SdybnnIq7",
    "gitaly_calls": 16,
    "gitaly_duration_s": 0.16,
    "redis_calls": 115,
    "db_duration_s": 0.08,
    "duration_s": 0.54,
}


def test_the_production_log_of_gitlab_is_known() -> None:
    found = infer(b"%s\n" % json.dumps(PRODUCTION).encode() * 3, SOURCE).fitting
    assert found[0].format == "gitlab"
    assert "json-elements" not in [each.format for each in found]


def test_a_log_of_proxysg_is_not_taken_for_another_with_directives() -> None:
    log = (
        b"#Software: SGOS 7.3.1.1\n#Fields: date time time-taken c-ip cs-username x-exception-id sc-filter-result "
        b"cs-categories sc-status s-action cs-method cs-uri-scheme cs-host cs-uri-path cs(User-Agent) s-ip sc-bytes\n"
        b'2026-03-01 08:00:00 142 192.0.2.7 ada - OBSERVED "News" 200 TCP_NC_MISS GET http www.example.com /a "a b" '
        b"198.51.100.4 4321\n"
    )
    assert infer(log, SOURCE).fitting[0].format == "symantec-proxysg"


def test_events_of_which_a_rule_of_the_format_filters_all_are_known() -> None:
    (record, *_) = (line for line in sample("aws-waf").splitlines() if b"Default_Action" in line)
    found = infer((record + b"\n") * 3, SOURCE)
    assert chains(found)[0] == "aws-waf"
    assert found.fitting[0].trial.filtered == 3


def test_every_format_of_a_vendor_may_be_found() -> None:
    """A chain that names no reader is never tried."""
    assert all(catalogue()[name].chain for name in SEEN)
