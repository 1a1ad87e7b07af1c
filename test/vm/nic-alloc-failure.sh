#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: debug
# timeout: 900
#
# Memory is missing at each allocation of loading the modules, and of creating,
# starting and deleting a linetls_nic, one after the other: it fails as a whole,
# nothing of it is left, and it succeeds when it is done again.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"
# shellcheck source=test/vm/lib-fault.sh
. "$(dirname "$0")/lib-fault.sh"

fault_begin
fault_all_allocations

# What they depend on stays.
modprobe -a tls linetls linetls_nic
rmmod linetls linetls_nic
for module in linetls linetls_nic; do
    say "$SECONDS s: loading $module"
    "$tools/ulp_faults" module "$(modinfo -n $module)" $module ||
        fail "loading $module"
done

topology
fault_forget
say "$SECONDS s: a device"
srv ip link add low type dummy
srv ip link set low up
srv "$tools/ulp_faults" link low tls1 || fail "a device"
fault_show
fault_end
unload
