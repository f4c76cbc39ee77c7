#!/bin/busybox sh
# Inside a virtual machine whose kernel has vsock_loopback: a server listens on vsock, a guest comes over it and computes,
# and another is refused where loopback is not allowed.
failed=0
fail() { echo "FAILED: $*"; failed=1; }

cat >/tmp/vsock.yaml <<'YAML'
listeners:
  - endpoint: vsock:any:5000
    allow-loopback: true
  - endpoint: vsock:any:5001
YAML

mkfifo /tmp/ready
/files/understudy serve --config /tmp/vsock.yaml --memory 256 --ready-fd 3 3>/tmp/ready &
server=$!
# A server that ends before it is ready closes the pipe.
read -r line </tmp/ready
[ "$line" = ready ] || fail "the server is not ready"

/files/understudy demo --quick --connect vsock:1:5000 >/tmp/demo || fail "the demo over vsock: status $?"
cat /tmp/demo
grep -q '^All results are right\.$' /tmp/demo || fail "the demo's results"

if /files/understudy demo --quick --connect vsock:1:5001 >/tmp/refused 2>&1; then
    fail "a listener without allow-loopback lets loopback in"
fi
cat /tmp/refused
grep -q "context id 1 is no virtual machine's" /tmp/refused || fail "the refusal says something else"

# The refusal and the end of the first guest leave a server that still serves.
/files/understudy demo --quick --connect vsock:1:5000 >/tmp/demo || fail "the demo once more: status $?"

kill -TERM $server
wait $server || fail "the server ended with status $?"
if dmesg | grep -E "WARNING|BUG|Oops|Call Trace"; then
    fail "the kernel complains"
fi
[ $failed = 0 ] && echo "guests computed over vsock"
exit $failed
