// What a process gives up, and what it says when it dies: capabilities, landlock, users, fatal signals.
#ifndef NAMEBRIDGE_CLINUXPROCESS_H
#define NAMEBRIDGE_CLINUXPROCESS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/// The user called `name` in /etc/passwd and its group, by fgetpwent(3); 0 if there is none. Not to be called by two threads at a time.
int clinux_find_user(const char *name, uid_t *user, gid_t *group);
/// For good and for all threads: setgroups(2) without any, setresgid(2), setresuid(2); -1 with errno.
int clinux_become(uid_t user, gid_t group);
/// 1 where the real, the effective and the saved IDs are these, without other groups.
int clinux_is(uid_t user, gid_t group);

/// prctl(2): no program that is run gains a privilege.
int clinux_forbid_new_privileges(void);
/// prctl(2): whether the permitted capabilities outlive setresuid(2).
int clinux_keep_capabilities(int keep);
int clinux_clear_ambient(void);
int clinux_drop_bounding(int capability);
/// capget(2) and capset(2) of this thread, one bit for each capability; what is set is effective too.
int clinux_get_capabilities(uint64_t *permitted);
int clinux_set_capabilities(uint64_t set);

/// The version of landlock(7) that the kernel has; -1 with errno where it has none.
int clinux_landlock_version(void);
int clinux_landlock_create(uint64_t rights);
int clinux_landlock_allow(int rules, const char *folder, uint64_t rights);
int clinux_landlock_restrict(int rules);

/// setrlimit(2): no memory is written to a file when the process dies.
int clinux_forbid_core(void);

/// Has a line written to standard error before a fatal signal ends the process; -1 with errno.
int clinux_report_fatal_signals(void);
/// Takes these signals out of `set`.
int clinux_remove_fatal_signals(sigset_t *set);
extern const int clinux_fatal_signals[];
extern const int clinux_fatal_signal_count;

extern const int clinux_capability_bind;
extern const int clinux_capability_search;
extern const int clinux_capability_last;
/// The rights of landlock(7) to change files.
extern const uint64_t clinux_landlock_write;
extern const uint64_t clinux_landlock_truncate;
extern const uint64_t clinux_landlock_socket;
extern const uint64_t clinux_landlock_append;
extern const uint64_t clinux_landlock_remove_folder;

#endif
