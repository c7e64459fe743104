/* SPDX-License-Identifier: MIT
 * app_idle.c - the least that an app can be: it is there until it is told to go. */
#include <unistd.h>

int main(void) {
    for (;;)
        (void) pause();
}
