// SPDX-License-Identifier: Apache-2.0
/* provider-module under valgrind: nothing leaks, nothing is used when freed. */
#include <unistd.h>

int main(void)
{
    execlp("valgrind", "valgrind", "-q", "--error-exitcode=9",
        "--leak-check=full", "--errors-for-leak-kinds=definite,indirect",
        "--trace-children=no", "./provider-module", (char *)NULL);
    return 77;
}
