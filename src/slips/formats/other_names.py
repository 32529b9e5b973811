"""Words by which people look for a format and that its name, vendor, tag and summary lack.

They are older and shorter names of products, and what kind of product it is.
"""

from __future__ import annotations

from functools import cache

_OTHER_NAMES = {
    # names of products
    "azure ad, azure active directory, aad, entra id": (
        "azure-ad-audit azure-ad-event azure-ad-risk-event azure-audit azure-provisioning azure-risk azure-signin"
    ),
    "office365, o365, exchange online, sharepoint, onedrive, teams, purview, azure ad, entra id": "m365-audit",
    "mde, mdatp, windows defender atp, microsoft defender for endpoint, edr": "defender-alert defender-event",
    "elb, elbv2, elastic load balancing": "alb alb-connection alb-health-check elb-classic nlb",
    "gsuite, google apps, gmail": "g-suite-login google-alert google-workspace",
    "stackdriver": "gcp-audit gcp-log",
    "security lake": "ocsf securityhub-ocsf",
    "cloud armor": "gcp-lb",
    "amp, fireamp, sourcefire": "cisco-secure-endpoint",
    "firepower, sourcefire": "cisco-asa",
    "opendns": ("umbrella umbrella-audit umbrella-dlp umbrella-firewall umbrella-intrusion umbrella-ip umbrella-proxy"),
    "bit9, cb defense": "carbonblack",
    "blackberry": "cylance cylance-event cylance-threat",
    "fdr": "falcon crowdstrike-inventory",
    "zia": "zscaler zscaler-kv",
    "lss": "zscaler-zpa",
    "junos": "juniper-srx",
    "screenos, ssg": "juniper-netscreen",
    "websense": "forcepoint-cloud-web forcepoint-dlp",
    "freepbx, pbx, sip, voip": "asterisk asterisk-cdr asterisk-queue",
    "pulse secure, juniper ssl vpn": "ivanti-connect-secure",
    "fireeye": "trellix-epo",
    "broadcom, sep": "symantec symantec-sepm",
    "bomgar": "beyondtrust-pra",
    "redlock": "prisma-cloud",
    "globalprotect, panorama": "paloalto strata-logging",
    "nessus": "tenable",
    "evtx, event viewer, winlog, security log, active directory, domain controller": "windows-event windows-event-json",
    "auth.log, secure, ssh": "sshd",
    "bro": "zeek zeek-tsv",
    "citrix adc": "netscaler netscaler-cef",
    "ensilo": "fortiedr",
    "fortiddos": "fortinet",
    "thycotic": "delinea-secret-server",
    "hdfs, yarn": "hadoop-audit",
    "forgejo": "gitea",
    "pihole": "dnsmasq",
    "avanan": "harmony-email",
    "radius": "freeradius ms-nps",
    "tnsnames, sqlnet": "oracle-listener",
    "sfdc": "salesforce",
    # kinds of products
    "firewall, ngfw": (
        "arista-ngfw checkpoint checkpoint-json fortinet fortinet-csv iptables juniper-netscreen juniper-srx meraki "
        "mikrotik paloalto pfsense strata-logging vpc-flow watchguard"
    ),
    "waf, web application firewall": (
        "akamai-siem aws-waf f5-asm f5-telemetry imperva modsecurity netscaler netscaler-cef"
    ),
    "edr, endpoint, antivirus": (
        "bitdefender carbonblack cisco-secure-endpoint cortex-xdr cylance cylance-event cylance-threat "
        "defender-alert defender-event eset falcon falcon-detection fortiedr sentinelone sentinelone-cloud-funnel "
        "sophos-central symantec symantec-sepm trellix-edr trellix-epo trendmicro-deep-security "
        "trendmicro-vision-one"
    ),
    "ids, ips, intrusion detection": (
        "network-firewall snort snort-csv snort-full suricata suricata-fast zeek zeek-tsv"
    ),
    "identity provider, idp, sso, login, sign-in": (
        "auth0 authelia azure-ad-event azure-signin cas duo forgerock g-suite-login google-workspace jumpcloud "
        "keycloak keycloak-log okta onelogin pingfederate pingone"
    ),
    "mfa, 2fa, two-factor": "duo okta azure-signin",
    "email, mail": (
        "abnormal cisco-esa dovecot exchange-protocol exchange-tracking exim harmony-email mimecast mimecast-siem "
        "opensmtpd postfix proofpoint proofpoint-pod ses sublime"
    ),
    "dns": "bind-query coredns dnsmasq infoblox ms-dns-debug nsd umbrella unbound",
    "dhcp": "dhcpd dnsmasq kea ms-dhcp",
    "vpn": "cisco-asa client-vpn cloudconnexa ivanti-connect-secure netscaler openvpn tailscale wireguard",
    "proxy": (
        "forcepoint-cloud-web forcepoint-web haproxy netskope-transaction nginx-proxy-manager squid umbrella-proxy "
        "zscaler zscaler-kv"
    ),
    "load balancer": "azure-appgateway f5-bigip f5-telemetry gcp-lb haproxy netscaler",
    "web server": (
        "apache-access apache-error caddy gunicorn iis iis-native lighttpd-error nginx-access nginx-error uwsgi"
    ),
    "database, sql": (
        "clickhouse cockroachdb couchdb documentdb-audit mongodb mongodb-atlas mysql-audit mysql-audit-xml "
        "mysql-error mysql-general mysql-slow oracle-audit oracle-listener postgresql postgresql-csv "
        "postgresql-json rds-aurora-audit rds-mysql rds-postgres snowflake sqlserver-error"
    ),
    "password manager": "bitwarden lastpass onepassword vaultwarden",
    "pam, privileged access": (
        "beyondtrust-insight beyondtrust-pra cyberark-pta cyberark-vault delinea-secret-server teleport"
    ),
    "vulnerability scanner, cve": "ecr-scan inspector snyk tenable wiz",
    "cspm, cloud security posture": "gcp-scc lacework orca prisma-cloud securityhub-asff securityhub-ocsf wiz",
    "ndr": "darktrace extrahop vectra",
    "ot, ics, industrial": "armis claroty-ctd nozomi nozomi-cef",
    "honeypot": "cowrie thinkst-canary tracebit",
    "kubernetes, k8s": "eks-audit hubble k8s-audit k8s-cri k8s-event klog",
}
"""Words, with commas between, by the names of the formats that they lead to."""


@cache
def other_names() -> dict[str, str]:
    """Return the other words of each format that has some, in small letters, with commas between."""
    words: dict[str, list[str]] = {}
    for others, formats in _OTHER_NAMES.items():
        for name in formats.split():
            words.setdefault(name, []).append(others)
    return {name: ", ".join(others) for name, others in words.items()}
