# SPDX-License-Identifier: GPL-2.0
#
# awk -v kernel=6.1|6.12 -v path=software|device [-v whole=1] -f THIS SKIP TAP
#
# The verdict of a run of the kernel's own test with kselftest_preload.so: a
# line for each case that did not do what SKIP (test/vm/ulp-kselftest.skip) has
# it do, and then how many did what. whole=1: all cases were run, so that each
# line of SKIP has some.

function problem(what) {
    print "problem: " what
    problems++
}

# The kind of a case, by the first line of SKIP that has it. Some variant of what
# is chance has to pass.
function kind_of(name, passed, i) {
    for (i = 1; i <= lines; i++)
        if (name ~ regex[i]) {
            used[i] = used[i] || kind[i] != "chance" || passed
            return kind[i] == "chance" && passed ? "carried" : kind[i]
        }
    return "carried"
}

function forget() {
    records = late = device = software = dropped = offered = 0
}

function carried_by(name) {
    if (dropped)
        problem(name ": packets were dropped")
    if (!records)
        return
    if (path == "software" && (device || !software))
        problem(name ": not encrypted in software")
    # linetls_nic takes all but AES-CCM.
    if (path == "device" && offered && !device)
        problem(name ": not encrypted by the device")
    if (!device && !software)
        problem(name ": nothing was encrypted")
}

function verdict(name, passed, listed) {
    results++
    listed = kind_of(name, passed)
    count[listed]++
    if (listed == "chance")
        return
    if (listed == "cannot" ? passed : !passed)
        problem(name ": " (passed ? "passes, but is listed" : "fails"))
    if (!passed)
        return
    if (listed == "carried" && !records && !late)
        problem(name ": linetls has sent nothing of it")
    if (listed == "idle" && (records || late))
        problem(name ": linetls has sent something of it, but it is listed")
    carried_by(name)
}

FNR == NR {
    if (/^(cannot|idle|chance) / && ($2 == "all" || $2 == kernel)) {
        lines++
        kind[lines] = $1
        regex[lines] = text[lines] = $3
        gsub(/\./, "\\.", regex[lines])
        gsub(/\*/, "[^.]*", regex[lines])
        regex[lines] = "^" regex[lines] "$"
    } else if (!/^(cannot|idle|chance) |^#|^$/) {
        problem("line " FNR " of the list: " $0)
    }
    next
}

/^1\.\.[0-9]+$/ { plan = substr($0, 4) }
/^# +RUN / { forget() }
/^# linetls cipher / {
    offered = offered || $4 != 53
    records += $6; late += $8; device += $10; software += $12; dropped += $14
}
/^ok .*# SKIP/ { problem("skipped: " $3); results++; next }
/^ok / { verdict($3, 1) }
/^not ok / { verdict($4, 0) }

END {
    if (!plan || results != plan)
        problem(results + 0 " results of " plan + 0 " cases")
    for (i = 1; whole && i <= lines; i++)
        if (!used[i])
            problem("no case " (kind[i] == "chance" ? "that passes " : "") \
                "is " text[i] ", which is listed")
    print "carried", count["carried"] + 0, "idle", count["idle"] + 0, \
        "cannot", count["cannot"] + 0, "chance", count["chance"] + 0, \
        "problems", problems + 0
}
