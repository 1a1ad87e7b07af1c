#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh KDIR PROBES OUT - write OUT/linetls_config.h
#
# Each PROBES/name.c is compiled with the flags of the kernel in KDIR. Where
# that succeeds without a warning, HAVE_NAME is defined to 1. Nothing is done
# if neither the probes nor the kernel have changed since the last run.
set -eu

kdir=$1 probes=$2 out=$3
work=$out/probes
config=$out/linetls_config.h

stamp() {
    echo "$kdir"
    cksum "$kdir/include/generated/utsrelease.h" "$kdir/Module.symvers" \
        "$kdir/.config" "$0"
    find "$probes" -name '*.c' -exec cksum {} + | sort
}

new=$(stamp 2>&1)
if [ -e "$config" ] && [ "$new" = "$(cat "$work/stamp" 2>/dev/null)" ]; then
    exit 0
fi

rm -rf "$work"
mkdir -p "$work"
names=$(find "$probes" -name '*.c' -exec basename {} .c \; | sort)
for name in $names; do
    ln -s "$probes/$name.c" "$work/"
done

# Compiles with every kernel: if it does not, no answer means anything.
control=linetls_probe_control
cat >"$work/$control.c" <<END
#include <linux/module.h>
#include <net/tls.h>
int linetls_probe_control = sizeof(struct tls_context);
END

goals=$(for name in $control $names; do echo "$name.o"; done)
cat >"$work/Kbuild" <<END
obj-m := $(echo "$goals" | tr "\n" " ")
ccflags-y := -Werror -Wno-missing-prototypes -Wno-missing-declarations
ccflags-y += -Wno-unused-function -Wno-unused-variable
ccflags-y += -Wno-unused-but-set-variable
END

make -k -C "$kdir" M="$work" C=0 W= $goals >"$work/log" 2>&1 || true

if [ ! -e "$work/$control.o" ]; then
    tail -n 20 "$work/log" >&2
    echo "probe.sh: cannot compile for the kernel in $kdir" >&2
    exit 1
fi

{
    echo "/* Made by kmod/probe.sh. */"
    for name in $names; do
        define=HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]')
        if [ -e "$work/$name.o" ]; then
            echo "#define $define 1"
        else
            echo "/* #undef $define */"
        fi
    done
} >"$config.new"
mv "$config.new" "$config"
printf '%s\n' "$new" >"$work/stamp"
