// What Swift cannot import from the kernel's and glibc's headers by itself.
#ifndef NAMEBRIDGE_CLINUX_H
#define NAMEBRIDGE_CLINUX_H
#endif
