#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct landlock_path_beneath_attr) == 12, "landlock_path_beneath_attr");
_Static_assert(_LINUX_CAPABILITY_U32S_3 == 2, "capabilities have 64 bits");

int clinux_find_user(const char *name, uid_t *user, gid_t *group) {
    // Not getpwnam(3): in a program that is linked statically it loads modules of the host's glibc, and crashes.
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL) return 0;
    const struct passwd *entry = fgetpwent(file);
    while (entry != NULL && strcmp(entry->pw_name, name) != 0) entry = fgetpwent(file);
    if (entry != NULL) {
        *user = entry->pw_uid;
        *group = entry->pw_gid;
    }
    fclose(file);
    return entry != NULL;
}

int clinux_become(uid_t user, gid_t group) {
    if (setgroups(0, NULL) != 0 || setresgid(group, group, group) != 0) return -1;
    return setresuid(user, user, user);
}

int clinux_is(uid_t user, gid_t group) {
    uid_t users[3];
    gid_t groups[3];
    if (getresuid(&users[0], &users[1], &users[2]) != 0 || getresgid(&groups[0], &groups[1], &groups[2]) != 0) return 0;
    for (int index = 0; index < 3; index++)
        if (users[index] != user || groups[index] != group) return 0;
    return getgroups(0, NULL) == 0;
}

int clinux_forbid_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int clinux_keep_capabilities(int keep) { return prctl(PR_SET_KEEPCAPS, keep, 0, 0, 0); }

int clinux_clear_ambient(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }

int clinux_drop_bounding(int capability) { return prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); }

int clinux_get_capabilities(uint64_t *permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    return 0;
}

int clinux_set_capabilities(uint64_t set) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)set, (uint32_t)set, 0}, {(uint32_t)(set >> 32), (uint32_t)(set >> 32), 0}};
    return (int)syscall(SYS_capset, &header, data);
}

int clinux_landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int clinux_landlock_create(uint64_t rights) {
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = rights};
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
}

int clinux_landlock_allow(int rules, const char *folder, uint64_t rights) {
    int parent = open(folder, O_PATH | O_CLOEXEC);
    if (parent < 0) return -1;
    const struct landlock_path_beneath_attr attributes = {.allowed_access = rights, .parent_fd = parent};
    int result = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
    int code = errno;
    close(parent);
    errno = code;
    return result;
}

int clinux_landlock_restrict(int rules) { return (int)syscall(SYS_landlock_restrict_self, rules, 0); }

int clinux_forbid_core(void) {
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

// What was to happen with each signal before.
static struct sigaction before[NSIG];

// Writes one line with calls that a signal handler may make (signal-safety(7)), and leaves the rest to who was there
// before: the instruction at fault is run again. A signal that was sent comes again, and ends the process.
static void report(int number, siginfo_t *information, void *context) {
    (void)context;
    char thread[17] = "";
    prctl(PR_GET_NAME, thread, 0, 0, 0);
    const char *name = sigabbrev_np(number);
    const char *parts[] = {
        "died signal=SIG", name != NULL ? name : "?", " thread=", thread,
        information->si_code > 0 ? " reason=\"a broken invariant: this is a bug, please report it\"\n"
                                 : " reason=\"the signal was sent\"\n"};
    struct iovec line[5];
    for (int index = 0; index < 5; index++)
        line[index] = (struct iovec){(void *)parts[index], strlen(parts[index])};
    if (writev(STDERR_FILENO, line, 5) < 0) {}
    if (information->si_code > 0) {
        sigaction(number, &before[number], NULL);
    } else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

int clinux_report_fatal_signals(void) {
    for (int index = 0; index < clinux_fatal_signal_count; index++) {
        int number = clinux_fatal_signals[index];
        struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO};
        if (sigaction(number, NULL, &before[number]) != 0) return -1;
        // On the stack for signals, where a sanitizer or Swift's backtracer has made one.
        action.sa_flags |= before[number].sa_flags & SA_ONSTACK;
        if (sigaction(number, &action, NULL) != 0) return -1;
    }
    return 0;
}

int clinux_remove_fatal_signals(sigset_t *set) {
    for (int index = 0; index < clinux_fatal_signal_count; index++)
        if (sigdelset(set, clinux_fatal_signals[index]) != 0) return -1;
    return 0;
}

const int clinux_fatal_signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGSYS};
const int clinux_fatal_signal_count = sizeof clinux_fatal_signals / sizeof clinux_fatal_signals[0];

const int clinux_capability_bind = CAP_NET_BIND_SERVICE;
const int clinux_capability_search = CAP_DAC_READ_SEARCH;
const int clinux_capability_last = CAP_LAST_CAP;
// Truncation came with the third version: older headers do not name it.
const uint64_t clinux_landlock_truncate = 1ull << 14;
const uint64_t clinux_landlock_write =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;
const uint64_t clinux_landlock_socket = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
const uint64_t clinux_landlock_append = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE;
const uint64_t clinux_landlock_remove_folder = LANDLOCK_ACCESS_FS_REMOVE_DIR;
