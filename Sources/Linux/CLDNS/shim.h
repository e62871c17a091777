// libldns is built with C's bool; without this line its headers would call it a signed char.
#include <stdbool.h>
#include <ldns/ldns.h>
