# SPDX-License-Identifier: Apache-2.0

# LINETLS_SANITIZERS
#
# Sets SANITIZE_CFLAGS and HAVE_SANITIZERS for the tests' second build, and
# HAVE_TSAN if programs with the thread sanitizer run here.
AC_DEFUN([LINETLS_SANITIZERS], [
SANITIZE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all"
AC_MSG_CHECKING([for address and undefined behaviour sanitizers])
linetls_save=$CFLAGS
CFLAGS="$CFLAGS $SANITIZE_CFLAGS"
AC_LINK_IFELSE([AC_LANG_PROGRAM()],
    [have_sanitizers=yes], [have_sanitizers=no])
CFLAGS=$linetls_save
AC_MSG_RESULT([$have_sanitizers])
AC_MSG_CHECKING([for the thread sanitizer])
CFLAGS="$CFLAGS -fsanitize=thread"
AC_RUN_IFELSE([AC_LANG_PROGRAM()],
    [have_tsan=yes], [have_tsan=no], [have_tsan=no])
CFLAGS=$linetls_save
AC_MSG_RESULT([$have_tsan])
AC_SUBST([SANITIZE_CFLAGS])
AM_CONDITIONAL([HAVE_TSAN], [test $have_tsan = yes])
AM_CONDITIONAL([HAVE_SANITIZERS], [test $have_sanitizers = yes])
])
