"""Logs of pods, as container runtimes (containerd, CRI-O) write them, and of Kubernetes' own components."""

from __future__ import annotations

from slips.parsing import ContainerLog, Regex, iso, stamp

K8S_CRI = ContainerLog(
    "k8s-cri",
    "logs of Kubernetes pods by containerd or CRI-O: lines of a container, those that were split joined",
    "https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md",
    notation="cri",
    tag="kubernetes.{stream}",
    time=iso("time"),
    message="{log}",
)
KLOG = Regex(
    "klog",
    "klog lines of Kubernetes' components, and glog lines: level, day, thread, place in the source",
    "https://kubernetes.io/docs/concepts/cluster-administration/system-logs/",
    pattern=r"(?P<level>[IWEF])(?P<time>\d{4}(?:\d{4})? \d\d:\d\d:\d\d(?:\.\d{1,9})?) ++(?P<thread>\d+) "
    r"(?P<file>[^\] :]+):(?P<line>\d+)\] ?(?P<message>.*)",
    integers="thread line",
    tag="kubernetes.klog",
    time=stamp("time"),
    message="{message|file}",
)
