"""Takes this node's member out of etcd: leave-etcd.py MANIFEST PKI.

MANIFEST is the static pod of etcd that kubeadm join has written, and PKI the directory of
kubeadm's certificates. It ends well once the other members, with the quorum, say that this
node is none of them. Without that nobody knows whether this one has voted: a voter whose data
is removed may cost its cluster the quorum for good.

etcd serves JSON over HTTP on the port of its clients. A member that is asked through another
one is removed only if that leaves a quorum.
"""
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

CLIENT_PORT = 2379


def argument(manifest, name):
    found = re.search(r"--%s=([^\s\"']+)" % re.escape(name), manifest)
    if not found:
        sys.exit("the static pod of etcd has no --%s" % name)
    return found.group(1)


def client_url(peer):
    host = urllib.parse.urlsplit(peer).hostname
    return "https://%s:%d" % ("[%s]" % host if ":" in host else host, CLIENT_PORT)


class Etcd:
    def __init__(self, pki):
        context = ssl.create_default_context(cafile=os.path.join(pki, "etcd", "ca.crt"))
        name = os.path.join(pki, "etcd", "healthcheck-client.")
        context.load_cert_chain(name + "crt", name + "key")
        # No proxy stands between control-plane nodes, whatever the environment says.
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def call(self, url, method, request):
        body = urllib.request.Request(
            url + "/v3/cluster/member/" + method, json.dumps(request).encode(), {"Content-Type": "application/json"})
        with self.opener.open(body, timeout=10) as response:
            return json.load(response)

    def members(self, url, linearizable=True):
        return self.call(url, "list", {"linearizable": linearizable}).get("members", [])


def leave(etcd, own, url):
    """Reports whether the member is gone, as the member at a URL says with the quorum."""
    members = etcd.members(url)
    mine = [m for m in members if own in m.get("peerURLs", [])]
    if mine and len(members) == len(mine):
        sys.exit("this node is the only member of etcd that is left: its data is the cluster's")
    for member in mine:
        etcd.call(url, "remove", {"ID": member["ID"]})
    return not mine or not any(own in m.get("peerURLs", []) for m in etcd.members(url))


def main(path, pki):
    with open(path) as f:
        manifest = f.read()
    own = argument(manifest, "initial-advertise-peer-urls")
    peers = [p.partition("=")[2] for p in argument(manifest, "initial-cluster").split(",")]
    urls = [client_url(p) for p in peers if p != own]
    etcd = Etcd(pki)
    try:
        # Others may have come since, as this member knows if it runs.
        for member in etcd.members(client_url(own), linearizable=False):
            if own not in member.get("peerURLs", []):
                urls += [u for u in member.get("clientURLs", []) if u not in urls]
    except (OSError, ValueError):
        pass
    why = "it knows no other member"
    for url in urls:
        try:
            if leave(etcd, own, url):
                return
            why = "%s still has this node" % url
        except urllib.error.HTTPError as e:
            why = "%s answers: %s" % (url, e.read(500).decode(errors="replace").strip())
        except (OSError, ValueError) as e:
            why = "%s: %s" % (url, e)
    sys.exit("no other member of etcd says that this node is none: %s" % why)


try:
    main(sys.argv[1], sys.argv[2])
except OSError as e:
    sys.exit("%s: %s" % (type(e).__name__, e))
