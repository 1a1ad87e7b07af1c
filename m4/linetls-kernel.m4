# SPDX-License-Identifier: Apache-2.0

# LINETLS_KERNEL_HEADERS
#
# --with-kernel-headers=DIR, as often as wanted; DIR may also be a list
# separated by commas. Of a repeated option Autoconf keeps only the last
# value, so this reads the options from ac_configure_args, which has them all.
# Default: the running kernel's, if they are there.
# Sets KERNEL_HEADERS: absolute directories, separated by spaces.
AC_DEFUN([LINETLS_KERNEL_HEADERS], [
AC_ARG_WITH([kernel-headers],
    [AS_HELP_STRING([--with-kernel-headers=DIR],
        [build kernel modules for the kernel whose headers are in DIR; may be
         given more than once (default: the running kernel's, if present)])])
AC_ARG_VAR([INSTALL_MOD_PATH],
    [where lib/modules is, if not in /])

AC_MSG_CHECKING([for kernel headers])
KERNEL_HEADERS=
AS_CASE([$with_kernel_headers],
    [no], [],
    [''|yes],
    [linetls_dir=/lib/modules/`uname -r`/build
     AS_IF([test -f "$linetls_dir/include/generated/utsrelease.h"],
         [KERNEL_HEADERS=$linetls_dir],
         [AS_IF([test "x$with_kernel_headers" = xyes],
             [AC_MSG_ERROR([the running kernel's are not in $linetls_dir])])])],
    [eval "set x $ac_configure_args"
     shift
     for linetls_arg; do
         AS_CASE([$linetls_arg],
             [-with-kernel-headers=*|--with-kernel-headers=*], [],
             [continue])
         linetls_dirs=`AS_ECHO(["$linetls_arg"]) | $SED 's/^@<:@^=@:>@*=//; s/,/ /g'`
         for linetls_dir in $linetls_dirs; do
             AS_CASE([$linetls_dir], [/*], [],
                 [linetls_dir=`pwd`/$linetls_dir])
             AS_IF([test -f "$linetls_dir/include/generated/utsrelease.h"], [],
                 [AC_MSG_ERROR([no kernel headers in $linetls_dir])])
             KERNEL_HEADERS="$KERNEL_HEADERS $linetls_dir"
         done
     done])
AC_MSG_RESULT([${KERNEL_HEADERS:-none}])

AS_IF([test -n "$KERNEL_HEADERS"],
    [AC_PATH_PROG([FLOCK], [flock])
     AS_IF([test -z "$FLOCK"], [AC_MSG_ERROR([flock not found])])])
AC_SUBST([KERNEL_HEADERS])
AM_CONDITIONAL([HAVE_KERNEL_HEADERS], [test -n "$KERNEL_HEADERS"])
])
