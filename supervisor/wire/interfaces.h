/* SPDX-License-Identifier: MIT
 * interfaces.h - our interface files, built into the program.
 * Layer: 2, wire. Uses: base.
 *
 * Parsed once, kept for the life of the process; NULL without memory only (the files are
 * proven good by a test). */
#ifndef WIRE_INTERFACES_H
#define WIRE_INTERFACES_H

struct idl;

#define WIRE_SUPERVISOR "org.miniprog.Supervisor"
#define WIRE_APP        "org.miniprog.App"
#define WIRE_SERVICE    "org.varlink.service"

const struct idl *wire_supervisor(void);
const struct idl *wire_app(void);
const struct idl *wire_service(void);

#endif
