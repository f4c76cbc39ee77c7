#!/bin/busybox sh
# Inside a virtual machine: Understudy's module finds a GPU, and loads and unloads any number of times without a complaint
# of the kernel.
failed=0
fail() { echo "FAILED: $*"; failed=1; }
count() { ls "$1" | wc -l; }

check_loaded() {
    [ "$(count /sys/bus/vmbus/devices)" = 2 ] || fail "channels: $(ls /sys/bus/vmbus/devices)"
    local function
    function=$(echo /sys/bus/pci/devices/1????:00:00.0)
    [ "$(cat "$function/vendor" "$function/device" | tr '\n' ' ')" = "0x1414 0x008e " ] || fail "functions: $function"
    grep -q '^host serving' /sys/kernel/debug/understudy_bus/channels || fail "statistics"
}

# Offers are taken up beside the load.
settle() {
    local tries=0
    until [ "$(count /sys/bus/vmbus/devices)" = 2 ] && ls /sys/bus/pci/devices | grep -q ^1....:; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || break
        usleep 100000
    done
}

settle
check_loaded
for turn in 1 2 3 4 5 6 7 8 9 10; do
    rmmod understudy_bus || fail "turn $turn: unloading"
    [ ! -e /sys/bus/vmbus ] || fail "turn $turn: the bus is still there"
    ls /sys/bus/pci/devices | grep -q ^1....: && fail "turn $turn: a function is still there"
    insmod /modules/000.ko || fail "turn $turn: loading"
    settle
    check_loaded
done
if dmesg | grep -E "WARNING|BUG|Oops|Call Trace|understudy_bus.*(makes no sense|no answer|gone|ignored)"; then
    fail "the kernel complains"
fi
[ $failed = 0 ] && echo "loaded and unloaded $turn times"
exit $failed
