"""Fetches the snapshot of etcd that this node restores: fetch-snapshot.py DIRECTORY FILE.

The directory has the URL in the file "url", and may have certificate authorities in the
file "ca.crt", which are trusted for it beside the system's. A proxy is taken from the
environment. What is printed never has the URL in it: it may be presigned.
"""
import os
import shutil
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


class StaysSecure(urllib.request.HTTPRedirectHandler):
    """Follows no redirect from https to http: a snapshot has all Secrets of its cluster."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise ssl.SSLError("it redirects from https to another scheme")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def main(directory, target):
    with open(os.path.join(directory, "url")) as f:
        url = f.read().strip()
    context = ssl.create_default_context()
    authorities = os.path.join(directory, "ca.crt")
    if os.path.exists(authorities):
        context.load_verify_locations(authorities)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), StaysSecure())
    with opener.open(url, timeout=60) as response, open(target, "wb") as f:
        shutil.copyfileobj(response, f, 1 << 20)
        f.flush()
        os.fsync(f.fileno())


try:
    main(sys.argv[1], sys.argv[2])
except urllib.error.HTTPError as e:
    sys.exit("the server answered with status %d" % e.code)
except urllib.error.URLError as e:
    sys.exit("the server cannot be reached: %s" % e.reason)
except OSError as e:
    sys.exit("%s: %s" % (type(e).__name__, e.strerror or e))
except Exception as e:
    sys.exit("%s" % type(e).__name__)
